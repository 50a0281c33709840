-- name: teams
-- With how much each has to do, and with whom.
select t.id, t.name, array(select m.municipality from municipality_team m where m.team_id = t.id order by 1) as municipalities,
       (select count(*) from patient p where p.team_id = t.id and p.active) as patients,
       (select count(*) from staff_team w join staff s on s.id = w.staff_id and s.active and not s.machine
        where w.team_id = t.id) as members,
       (select count(*) from staff_team w join staff s on s.id = w.staff_id and s.active and not s.machine
        where w.team_id = t.id and w.role = any(%(answering)s::text[])) as answering,
       (select count(*) from duty d join staff s on s.id = d.staff_id and s.active
        where d.team_id = t.id and d.to_at is null) as on_duty
from team t where t.id = any(%(teams)s::int[]) order by t.name, t.id

-- name: changes
-- What teams were called, the newest first.
select team_id as team, name, before, changed_by as by, changed_at as at, reason
from (select c.*, row_number() over (partition by team_id order by id desc) as place from team_change c
      where c.team_id = any(%(teams)s::int[])) newest
where place <= %(most)s order by id desc

-- name: make
-- By an administrator, who is in it from then on.
select made, why_not from team_make(%(name)s, %(municipalities)s::text[], %(now)s, %(reason)s)

-- name: rename
-- Null: done; else why not.
select team_rename(%(team)s, %(name)s, %(now)s, %(reason)s)
