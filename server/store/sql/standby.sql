-- name: take
-- One worker of a sort at a time; the lock ends with the connection.
select pg_try_advisory_lock(%(lock)s)
