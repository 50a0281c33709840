-- name: patient
-- Whose patient it is; row-level security answers only for the caller's.
select team_id as team, pathway, home_id as home from patient where id = %(patient)s

-- name: residents
-- Whom of those who live in a home the caller may see.
select id from patient where home_id = %(home)s and active order by id

-- name: hold
-- Whoever changes what is decided about a patient, or a team's pathway, does so one after the other.
select pg_advisory_xact_lock(hashtext(%(what)s), %(id)s)

-- name: staff
-- Who they are.
select id, name, initials from staff where id = any (%(ids)s)

-- name: glucose
-- A glucose sensor's readings as columns, and how many it doubted itself; those are left out.
select array_agg((extract(epoch from taken_at) * 1000)::bigint) filter (where quality = 0),
       array_agg(value) filter (where quality = 0), array_agg(sign) filter (where quality = 0),
       count(*) filter (where quality = 1)
from my_observation
where patient_id = %(patient)s and kind = %(kind)s and taken_at >= %(from_at)s and taken_at < %(to_at)s and value is not null

-- name: last_of_quarters
-- Of each kind the last good reading in each quarter of an hour; an interval is as old as its end.
select k.kind, r.value, r.sign, r.taken_at + make_interval(secs => r.span_s) as at
from generate_series(%(from_at)s::timestamptz, %(to_at)s::timestamptz, interval '15 minutes') quarter,
     unnest(%(kinds)s::smallint[]) as k (kind)
cross join lateral (
    select value, sign, taken_at, span_s from my_observation
    where patient_id = %(patient)s and kind = k.kind and taken_at >= quarter and taken_at < quarter + interval '15 minutes'
      and value is not null and quality = 0
    order by taken_at desc limit 1
) r
where r.taken_at + make_interval(secs => r.span_s) <= %(to_at)s

-- name: newest_good
-- The newest good reading of each kind; readings are looked through only where the newest one is not good.
with newest as (
    select kind, value, sign, taken_at + make_interval(secs => span_s) as at, value is not null and quality = 0 as good
    from my_latest
    where patient_id = %(patient)s and kind = any (%(kinds)s::smallint[]) and taken_at >= %(from_at)s and taken_at <= %(to_at)s
)
select kind, value, sign, at from newest where good
union all
select newest.kind, r.value, r.sign, r.taken_at + make_interval(secs => r.span_s)
from newest
cross join lateral (
    select value, sign, taken_at, span_s from my_observation
    where patient_id = %(patient)s and kind = newest.kind and taken_at >= %(from_at)s and taken_at <= %(to_at)s
      and value is not null and quality = 0
    order by taken_at desc limit 1
) r
where not newest.good
