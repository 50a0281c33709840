-- name: has_timescale
-- Its chunks are dropped by its own means.
select exists (select from pg_extension where extname = 'timescaledb')

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

-- name: days
-- The oldest partitions, whole days of UTC.
select relname, to_date(right(relname, 8), 'YYYYMMDD') as day
from pg_inherits join pg_class on pg_class.oid = inhrelid
where inhparent = 'observation'::regclass and relname ~ '^observation_\d{8}$'
  and to_date(right(relname, 8), 'YYYYMMDD') < %(before)s
order by 2 limit %(most)s

-- name: has_hours
-- Only without TimescaleDB are hours rows of ours.
select to_regclass('public.observation_hour') is not null

-- name: delete_hours
-- What was counted from the readings of a day.
delete from observation_hour where hour >= %(begin)s and hour < %(end)s

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
