-- name: prune_sessions
-- Logins that have run out.
delete from session where expires_at < %(before)s
