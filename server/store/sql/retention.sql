-- name: decide
-- Who decided what, when and why; the newest row about each counts.
insert into retention_decision (about, keep_days, decided_by, decided_at, reason)
values (%(about)s, %(keep_days)s, %(by)s, %(now)s, %(reason)s)

-- name: standing
-- What counts now.
select id, keep_days, decided_by, decided_at, reason from retention_decision where about = %(about)s order by id desc limit 1

-- name: hold
-- No other decision is taken while something is deleted by this one.
lock table retention_decision in share mode

-- name: be_brief
-- Whoever stores a reading waits behind us: a busy moment is left to the next time.
set local lock_timeout = '500ms'

-- name: parts
-- The oldest whole days of readings that lie before an instant.
select from_at, to_at from observation_parts(%(before)s, %(most)s)

-- name: parts_to_thin
-- The same, of those that were not thinned yet; what is dropped soon is left alone.
select p.from_at, p.to_at from observation_parts(%(before)s, null) p
where p.from_at >= coalesce(%(not_before)s::timestamptz, '-infinity')
  and not exists (select from deletion d join retention_decision r on r.id = d.decision_id
                  where r.about = 'thinning' and d.what = 'observation_' || to_char(p.from_at at time zone 'UTC', 'YYYYMMDD'))
order by 1 limit %(most)s

-- name: thin
-- One of them: a row for each hour in the place of its readings; how many rows fewer there are.
select observation_thin(%(from)s, %(to)s, %(spared)s, %(by_hand)s)

-- name: thinned_until
-- From where on every reading is there as it came; null: everywhere.
select thinned_until from observation_kept

-- name: drop
-- One of them, with what was counted from it (a mean of an hour is a reading, too); how many readings it held.
select observation_drop(%(from)s, %(to)s)

-- name: forget_thinned
-- Which readings were thinned into hours that are dropped.
delete from thinned_reading where hour >= %(from)s and hour < %(to)s

-- name: delete_apart
-- Readings that were nobody's, or a home's.
delete from device_observation
where ctid = any (array(select ctid from device_observation where taken_at < %(before)s limit %(most)s))

-- name: delete_latest
-- The board's values of those of whom nothing newer came.
delete from latest where taken_at < %(before)s

-- name: note
-- What was deleted or thinned, by which decision.
insert into deletion (decision_id, at, what, before, rows) values (%(decision)s, %(now)s, %(what)s, %(before)s, %(rows)s)

-- name: gone
-- How many rows the decisions about it have taken away.
select coalesce(sum(d.rows), 0)::bigint from deletion d join retention_decision r on r.id = d.decision_id where r.about = %(about)s
