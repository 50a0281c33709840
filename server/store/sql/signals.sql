-- name: send
-- Said at commit.
select pg_notify(%(channel)s, %(payload)s)

-- name: listen_readings
-- A batch of readings was committed.
listen hjemvakt_readings

-- name: listen_team
-- A team's log has grown.
listen hjemvakt_team

-- name: listen_deadline
-- A deadline was set.
listen hjemvakt_deadline
