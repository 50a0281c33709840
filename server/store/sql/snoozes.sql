-- name: begin
-- Who puts an alert off, until when and why; answers whose deadline it is.
insert into snooze (alert_id, rule, direction, up_to, from_at, until_at, said_by, reason)
values (%(alert)s, %(rule)s, %(direction)s, %(up_to)s, %(now)s, %(until)s, %(by)s, %(reason)s)
returning (select subject_id from alert where id = %(alert)s)

-- name: end
-- The alert is not put off any more; nothing happens when it was not.
update snooze set ended_at = %(now)s, ended_by = %(by)s, ended_because = %(because)s
where alert_id = %(alert)s and ended_at is null

-- name: of_alert
-- Every time that it was put off, the newest first.
select until_at, up_to, said_by, reason, from_at, ended_at, ended_by, ended_because
from snooze where alert_id = %(alert)s order by id desc limit 50

-- name: settings
-- What a team decided last about each colour.
select distinct on (priority) priority, most_min, set_by, set_at, reason
from snooze_setting where team_id = %(team)s order by priority, id desc

-- name: set_most
-- A newer decision counts; the older ones stay.
insert into snooze_setting (team_id, priority, most_min, set_by, set_at, reason)
values (%(team)s, %(priority)s, %(most_min)s, %(by)s, %(now)s, %(reason)s)
