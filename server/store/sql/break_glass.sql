-- name: open
-- In the database's own words who may; null: nobody like that is a patient of another team.
select break_glass_open(%(reference)s, %(born_on)s, %(reason)s, %(lasts)s, %(now)s)

-- name: of_teams
-- Who opened a patient of these teams, the newest first.
select opened.id, opened.staff_id, staff.name as staff_name, staff.initials as staff_initials, opened.patient_id as patient,
       opened.team_id as team, opened.reason, opened.at, opened.until_at, opened.ended_at
from break_glass opened
join staff on staff.id = opened.staff_id
where (opened.team_id = any (%(teams)s) or opened.staff_id = my_staff_id())
  and (%(before)s::bigint is null or opened.id < %(before)s)
order by opened.id desc limit %(limit)s

-- name: one
-- By its number.
select opened.id, opened.staff_id, staff.name as staff_name, staff.initials as staff_initials, opened.patient_id as patient,
       opened.team_id as team, opened.reason, opened.at, opened.until_at, opened.ended_at
from break_glass opened
join staff on staff.id = opened.staff_id
where opened.id = any (%(ids)s)

-- name: end
-- By whoever opened it, or by the patient's team.
update break_glass set ended_at = %(now)s, ended_by = my_staff_id()
where id = %(id)s and ended_at is null and until_at > %(now)s
