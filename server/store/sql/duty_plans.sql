-- name: planned
-- What of a team's plan is not over, the first one first.
select p.id, p.part, p.staff_id as staff, p.from_at, p.to_at, p.set_by, p.set_at, p.begun_at
from duty_plan p
where p.team_id = %(team)s and p.ended_at is null and p.taken_back_at is null
order by p.from_at, p.id limit %(most)s

-- name: put
-- Somebody is to be on duty.
insert into duty_plan (team_id, staff_id, part, from_at, to_at, set_by, set_at)
values (%(team)s, %(staff)s, %(part)s, %(from_at)s, %(to_at)s, %(by)s, %(now)s)

-- name: overlaps
-- Whether the same person is to be in the same part then already.
select exists (select from duty_plan
               where team_id = %(team)s and staff_id = %(staff)s and part = %(part)s and ended_at is null
                 and taken_back_at is null and from_at < %(to_at)s and %(from_at)s < to_at)

-- name: take_back
-- What has not begun.
update duty_plan set taken_back_by = %(by)s, taken_back_at = %(now)s
where id = %(id)s and team_id = %(team)s and begun_at is null and ended_at is null and taken_back_at is null
returning id

-- name: teams_due
-- Where somebody is to go on duty or off it.
select distinct team_id from duty_plan
where ended_at is null and taken_back_at is null and (begun_at is null and from_at <= %(now)s or to_at <= %(now)s)
order by team_id

-- name: due
-- Of one team: who goes on before who goes off.
select id, staff_id as staff, part, from_at, to_at, set_by, begun_at from duty_plan
where team_id = %(team)s and ended_at is null and taken_back_at is null
  and (begun_at is null and from_at <= %(now)s or to_at <= %(now)s)
order by begun_at is not null, from_at, id

-- name: begun
-- Carried out.
update duty_plan set begun_at = %(now)s where id = %(id)s

-- name: ended
-- Carried out, or not to be carried out any more.
update duty_plan set ended_at = %(now)s where id = %(id)s
