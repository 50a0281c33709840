-- name: identify
-- From here to the end of the transaction: the api's role, seeing what this staff member may see.
select set_config('role', 'hjemvakt_api', true), set_config('hjemvakt.staff', %(staff)s, true)

-- name: staff_by_login
-- Who wants to come in.
select id, password_hash from staff where login = %(login)s and active

-- name: open_session
-- Only the token's hash is kept.
insert into session (token_hash, staff_id, opened_at, expires_at) values (%(token_hash)s, %(staff)s, %(now)s, %(expires_at)s)

-- name: forget_expired
-- A few at every login, so that the table stays small.
delete from session where token_hash in (select token_hash from session where expires_at <= %(now)s limit 100)

-- name: close_session
-- Logout; every api process closes the sockets of sessions that are gone.
with gone as (delete from session where token_hash = %(token_hash)s returning 1)
select pg_notify('hjemvakt_session', '') from gone

-- name: standing
-- Sessions that are open now, with the roles of their staff per team.
select session.token_hash, session.staff_id, session.expires_at,
       coalesce(jsonb_object_agg(staff_team.team_id, staff_team.role) filter (where staff_team.team_id is not null), '{}')
from session
join staff on staff.id = session.staff_id and staff.active
left join staff_team on staff_team.staff_id = session.staff_id
where session.token_hash = any (%(token_hashes)s) and session.expires_at > %(now)s
group by session.token_hash

-- name: me
-- The signed-in person.
select id, name, initials from staff where id = %(staff)s

-- name: my_team_names
-- Row-level security leaves the caller's teams.
select id, name from team order by name
