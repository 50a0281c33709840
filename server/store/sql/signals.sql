-- name: send
-- Said at commit.
select pg_notify(%(channel)s, %(payload)s)

-- name: listen_readings
-- A batch of readings was committed.
listen hjemvakt_readings

-- name: listen_team
-- A team's log has grown.
listen hjemvakt_team

-- name: listen_enrolment
-- Limits, pathways or bindings may have changed.
listen hjemvakt_enrolment

-- name: listen_command
-- A gateway has something to be told.
listen hjemvakt_command

-- name: listen_notice
-- Somebody is called outside of the screens.
listen hjemvakt_notice

-- name: listen_trust
-- A gateway was let in or revoked, or a certificate was made or first used.
listen hjemvakt_trust

-- name: listen_retry
-- A message that was set aside is to be tried again.
listen hjemvakt_retry
