-- name: standing
-- Of a token that is in force.
select staff_id, scopes, expires_at, used_at, roles from machine_standing(%(hash)s, %(now)s)

-- name: used
-- Somebody asks with it.
select machine_used(%(hash)s, %(now)s)

-- name: put_machine
-- A member that is no person, and whom no password lets in.
insert into staff (login, name, initials, password_hash, machine) values (%(login)s, %(name)s, %(initials)s, '!', true)
on conflict (login) do update set active = true where staff.machine returning id

-- name: leave_teams
-- It is in one team only.
delete from staff_team where staff_id = %(staff)s

-- name: join_team
-- With the one role that its scopes need.
insert into staff_team (staff_id, team_id, role) select %(staff)s, id, %(role)s from team where name = %(team)s returning true

-- name: revoke
-- What it had until now.
update machine_token set revoked_at = %(now)s where staff_id = (select id from staff where login = %(login)s and machine)
and revoked_at is null returning true

-- name: add
-- Only the token's hash is kept.
insert into machine_token (staff_id, token_hash, scopes, made_at, made_by, expires_at)
values (%(staff)s, %(hash)s, %(scopes)s, %(now)s, %(by)s, %(expires_at)s)

-- name: all
-- The newest of each machine.
select distinct on (s.id) s.name, t.scopes, t.made_at, t.made_by, t.expires_at, t.used_at, t.revoked_at,
       (select string_agg(team.name, ', ') from staff_team m join team on team.id = m.team_id where m.staff_id = s.id) as team
from machine_token t join staff s on s.id = t.staff_id order by s.id, t.id desc
