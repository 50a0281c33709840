-- name: on_duty
-- Who is on duty in these teams, who has been so longest first.
select d.team_id as team, d.part, d.staff_id as staff, s.name, s.initials, d.from_at,
       array(select way from notice_ways(array[d.staff_id]) group by way order by min(turn)) as ways
from duty d join staff s on s.id = d.staff_id
where d.team_id = any (%(teams)s) and d.to_at is null and s.active
order by d.team_id, d.from_at, d.id

-- name: periods
-- Who was on duty since then, the newest first.
select d.staff_id as staff, s.name, s.initials, d.part, d.from_at, d.to_at, d.started_by, d.ended_by, d.note
from duty d join staff s on s.id = d.staff_id
where d.team_id = %(team)s and (d.to_at is null or d.to_at >= %(since)s)
order by d.from_at desc, d.id desc limit %(most)s

-- name: begin
-- On duty; who is so already stays so since then.
insert into duty (team_id, staff_id, part, from_at, started_by)
values (%(team)s, %(staff)s, %(part)s, %(now)s, %(by)s)
on conflict (team_id, staff_id, part) where to_at is null do nothing
returning id

-- name: end
-- Off duty.
update duty set to_at = greatest(%(now)s, from_at), ended_by = %(by)s, note = %(note)s
where team_id = %(team)s and staff_id = %(staff)s and part = %(part)s and to_at is null
returning id

-- name: has
-- Open alerts of a team that somebody has, and the subjects to hold.
select id, subject_id from alert
where team_id = %(team)s and owner_id = %(staff)s and state in ('raised', 'acknowledged', 'cleared')
order by id

-- name: unwatched
-- Teams with patients, and whether nobody is on duty there; those that have changed only. Practice needs nobody.
select t.id, missing
from team t
cross join lateral (
    select exists (select from patient p where p.team_id = t.id and p.active and not p.virtual)
           and not exists (select from duty d join staff s on s.id = d.staff_id and s.active
                           where d.team_id = t.id and d.to_at is null) as missing) now_
left join subject c on c.type = 'cause' and c.reference = 'duty@' || t.id
where missing <> exists (select from alert a where a.subject_id = c.id and a.rule = %(rule)s
                         and a.state in ('raised', 'acknowledged', 'cleared'))
order by t.id

-- name: works_there
-- Whether somebody can be on duty in a team, and as what.
select t.role from staff_team t join staff s on s.id = t.staff_id and s.active and not s.machine
where t.team_id = %(team)s and t.staff_id = %(staff)s
