-- name: subject_of_alert
-- Whom it is about.
select subject_id from alert where id = %(id)s

-- name: staff_of_team
-- Who works there now, and as what.
select s.id, s.name, s.initials, t.role
from staff_team t join staff s on s.id = t.staff_id
where t.team_id = %(team)s and s.active and not s.machine order by s.name, s.id
