-- name: supersede
-- A newer question about the same alert.
update measurement_ask set missed_at = %(now)s where alert_id = %(alert)s and measured_at is null and missed_at is null

-- name: ask
-- Somebody has asked for a new measurement.
insert into measurement_ask (alert_id, kind, asked_at, asked_by, until_at)
values (%(alert)s, %(kind)s, %(now)s, %(by)s, %(until)s)

-- name: settled
-- Questions that are answered, or that are not and whose time is up; with `ids` those of them that are so still. What was
-- taken a moment before the question is no answer to it.
select q.id, a.id, a.subject_id, q.kind, l.taken_at
from measurement_ask q join alert a on a.id = q.alert_id
left join latest l on l.patient_id = a.patient_id and l.kind = q.kind and l.value is not null and l.taken_at > q.asked_at
where q.measured_at is null and q.missed_at is null and (l.taken_at is not null or q.until_at <= %(until)s)
  and (%(ids)s::bigint[] is null or q.id = any (%(ids)s))
order by q.id limit %(most)s

-- name: settle
-- What became of it.
update measurement_ask set measured_at = %(measured)s, missed_at = %(missed)s where id = %(id)s
