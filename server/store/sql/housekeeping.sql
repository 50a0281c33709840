-- name: take_the_lead
-- One clock at a time; the lock ends with the connection.
select pg_try_advisory_lock(%(key)s)

-- name: prune_sessions
-- Logins that have run out.
delete from session where expires_at < %(before)s
