-- name: identify
-- From here to the end of the transaction: the api's role, seeing what this staff member may see.
select set_config('role', 'hjemvakt_api', true), set_config('hjemvakt.staff', %(staff)s, true)

-- name: staff_by_login
-- Who wants to come in.
select staff_id, password_hash from login_password(%(login)s)

-- name: open_session
-- Only the token's hash is kept; a few that are over are swept away, so that the table stays small.
select session_open(%(staff)s, %(token_hash)s, %(way)s, %(now)s, %(expires_at)s, %(idle)s)

-- name: close_session
-- Logout; every api process closes the sockets of sessions that are gone.
select session_close(%(token_hash)s)

-- name: standing
-- Sessions that are open now, with the roles of their staff per team, and the patients opened in an emergency.
select token_hash, session_id, staff_id, expires_at, used_at, way, roles, opened, code_awaited
from sessions_standing(%(token_hashes)s, %(now)s, %(idle)s)

-- name: coded
-- The first code was shown in it.
select session_coded(%(token_hash)s)

-- name: used
-- Somebody is there.
select sessions_used(%(token_hashes)s, %(now)s)

-- name: sessions_of
-- One's own, or those of a member of a team that the caller administers.
select session_id as id, opened_at, used_at, expires_at, way from my_sessions(%(staff)s)
where expires_at > %(now)s and used_at > %(now)s - %(idle)s::interval order by session_id

-- name: end_session
-- Of the same.
select session_end(%(staff)s, %(session)s)

-- name: is_member
-- Whether somebody is in one of these teams.
select exists (select from staff_team t join staff s on s.id = t.staff_id and not s.machine
               where t.staff_id = %(staff)s and t.team_id = any (%(teams)s))

-- name: me
-- The signed-in person.
select id, name, initials from staff where id = %(staff)s

-- name: my_team_names
-- Row-level security leaves the caller's teams.
select id, name from team order by name
