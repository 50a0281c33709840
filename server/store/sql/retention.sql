-- name: decide
-- Who decided what, when and why; the newest row counts.
insert into retention_decision (keep_days, decided_by, decided_at, reason)
values (%(keep_days)s, %(by)s, %(now)s, %(reason)s)

-- name: standing
-- What counts now.
select id, keep_days, decided_by, decided_at, reason from retention_decision order by id desc limit 1

-- name: hold
-- No other decision is taken while something is deleted by this one.
lock table retention_decision in share mode

-- name: be_brief
-- Whoever stores a reading waits behind us: a busy moment is left to the next time.
set local lock_timeout = '500ms'

-- name: parts
-- The oldest whole days of readings that lie before an instant.
select from_at, to_at from observation_parts(%(before)s, %(most)s)

-- name: drop
-- One of them, with what was counted from it (a mean of an hour is a reading, too); how many readings it held.
select observation_drop(%(from)s, %(to)s)

-- name: delete_apart
-- Readings that were nobody's, or a home's.
delete from device_observation
where ctid = any (array(select ctid from device_observation where taken_at < %(before)s limit %(most)s))

-- name: delete_latest
-- The board's values of those of whom nothing newer came.
delete from latest where taken_at < %(before)s

-- name: note
-- What was deleted, by which decision.
insert into deletion (decision_id, at, what, before, rows) values (%(decision)s, %(now)s, %(what)s, %(before)s, %(rows)s)

-- name: deleted
-- How much each decision has deleted.
select decision_id, what, sum(rows)::bigint, max(before) from deletion group by decision_id, what order by 1, 2
