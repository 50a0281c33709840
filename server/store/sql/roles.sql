-- name: alive
-- A role's sign of life.
insert into role_life (role, alive_at, started_at, detail) values (%(role)s, %(now)s, %(started)s, %(detail)s)
on conflict (role) do update
set alive_at = excluded.alive_at, started_at = excluded.started_at, detail = excluded.detail

-- name: last_alive
-- When a role was last known to be at work.
select alive_at from role_life where role = %(role)s

-- name: teams
-- Everybody who must be told what concerns all.
select id from team order by id
