-- name: mark
-- Streams with new readings, and when they are due, as columns. Who has looked meanwhile is waited for, and then it is
-- marked again; what fails is not hurried.
with marked as (
    insert into assessment (patient_id, kind, due_at, since)
    select p, k, d, s from unnest(%(patient)s, %(kind)s, %(due)s, %(since)s) as u (p, k, d, s) order by p, k
    on conflict (patient_id, kind) do update
    set due_at = case when %(sooner)s and assessment.faults = 0 then least(assessment.due_at, excluded.due_at) else assessment.due_at end,
        since = least(assessment.since, excluded.since), rev = assessment.rev + 1
    returning patient_id, kind, due_at
)
select array_agg(patient_id), array_agg(kind), array_agg(due_at) from marked

-- name: due
-- What is to be looked at, the longest due first; nothing is locked yet.
select a.patient_id, a.kind, a.since, a.rev, a.faults, p.active
from assessment a left join patient p on p.id = a.patient_id
where a.due_at <= %(now)s order by a.due_at, a.patient_id, a.kind limit %(most)s

-- name: hold
-- Those of them that are as they were, until commit, in order of key. Who is being marked just now is left out.
select a.patient_id, a.kind
from assessment a join unnest(%(patient)s, %(kind)s, %(rev)s) as u (p, k, r) on a.patient_id = u.p and a.kind = u.k
where a.rev = u.r order by 1, 2 for no key update of a skip locked

-- name: done
-- Held marks that have been looked at.
delete from assessment a using unnest(%(patient)s, %(kind)s) as u (p, k) where a.patient_id = u.p and a.kind = u.k

-- name: put_off
-- Held marks of streams of which today is not enough to be judged yet.
update assessment a set due_at = %(due)s, since = %(since)s, faults = 0
from unnest(%(patient)s, %(kind)s) as u (p, k) where a.patient_id = u.p and a.kind = u.k

-- name: failed
-- A held mark that could not be looked at; answers the team.
update assessment a set due_at = %(due)s, faults = least(a.faults + 1, 100)
from patient p where a.patient_id = %(patient)s and a.kind = %(kind)s and p.id = a.patient_id
returning p.team_id

-- name: failing
-- How many streams of each of these patients' teams cannot be looked at.
select t.team_id, (select count(*) from assessment a join patient p on p.id = a.patient_id where a.faults > 0 and p.team_id = t.team_id)
from (select distinct team_id from patient where id = any(%(patients)s)) t

-- name: streams_of
-- All streams of these patients that a rule may look at.
select patient_id, kind from latest where patient_id = any(%(patients)s) and kind = any(%(kinds)s) order by 1, 2

-- name: kept
-- Up to where hours stand.
select kept_until from observation_kept

-- name: touched
-- Of those that stand, the hours of these streams that are no longer right. One row of columns.
select array_agg(p), array_agg(k), array_agg(hour)
from (
    select distinct u.p, u.k, d.hour
    from unnest(%(patient)s, %(kind)s, %(since)s) as u (p, k, since)
    join observation_dirty d on d.patient_id = u.p and d.kind = u.k and d.hour >= u.since and d.hour < %(kept)s
) touched having count(*) > 0

-- name: kept_hours
-- The hours that stand of these streams, since an instant of each. One row of columns.
select array_agg(u.p), array_agg(u.k), array_agg(o.hour), array_agg(o.mean), array_agg(o.until), array_agg(o.mode = 1),
       array_agg(o.readings)
from unnest(%(patient)s, %(kind)s, %(since)s) as u (p, k, since)
cross join lateral (
    select hour, mean, until, mode, readings from observation_hour h
    where h.patient_id = u.p and h.kind = u.k and h.hour >= u.since and h.hour < %(kept)s
    offset 0  -- stream by stream: joined as a whole, everybody's hours are read
) o having count(*) > 0

-- name: counted_hours
-- The same of spans of these streams, counted from their readings; no partition outside the two last bounds is looked at.
select array_agg(u.p), array_agg(u.k), array_agg(o.hour), array_agg(o.mean), array_agg(o.until), array_agg(o.mode = 1),
       array_agg(o.readings)
from unnest(%(patient)s, %(kind)s, %(begin)s, %(end)s) as u (p, k, b, e)
cross join lateral (
    select time_bucket(interval '1 hour', taken_at) as hour, sum(value * n) / sum(n) as mean,
           to_timestamp(max(extract(epoch from taken_at) + span_s)) as until, max(mode) as mode, count(*) as readings
    from observation
    where patient_id = u.p and kind = u.k and taken_at >= u.b and taken_at < u.e and value is not null
      and taken_at >= %(from_at)s and taken_at < %(to_at)s
    group by 1
) o having count(*) > 0

-- name: singles
-- The readings of these hours. One row of columns.
select array_agg(u.p), array_agg(u.k), array_agg(o.taken_at), array_agg(o.value)
from unnest(%(patient)s, %(kind)s, %(hour)s) as u (p, k, hour)
cross join lateral (
    select taken_at, value from observation
    where patient_id = u.p and kind = u.k and value is not null and taken_at >= u.hour
      and taken_at < u.hour + interval '1 hour' and taken_at >= %(from_at)s and taken_at <= %(to_at)s
) o having count(*) > 0

-- name: points
-- The last readings of glucose sensors, without what the sensor called LO or HI. One row of columns.
select array_agg(u.p), array_agg(o.taken_at), array_agg(o.received_at), array_agg(o.value)
from unnest(%(patients)s) as u (p)
cross join lateral (
    select taken_at, received_at, value from observation
    where patient_id = u.p and kind = %(kind)s and taken_at > %(since)s and taken_at <= %(now)s and value is not null
      and sign = 0 and quality <= 1
) o having count(*) > 0

-- name: beats
-- The last times between beats, in order of time; NaN breaks the row of beats. One row of columns.
select array_agg(u.p order by u.p, o.taken_at), array_agg(o.taken_at order by u.p, o.taken_at),
       array_agg(o.ms order by u.p, o.taken_at)
from unnest(%(patients)s) as u (p)
cross join lateral (
    select taken_at, case when n = 1 and quality = 0 and value is not null then value else 'NaN' end as ms from observation
    where patient_id = u.p and kind = %(kind)s and taken_at > %(since)s and taken_at <= %(now)s
) o having count(*) > 0

-- name: pressures
-- Readings with both pressures. One row of columns.
select array_agg(o.patient_id), array_agg(o.taken_at), array_agg(o.systolic), array_agg(o.diastolic)
from unnest(%(patients)s) as u (p)
cross join lateral (
    select s.patient_id, s.taken_at, s.value as systolic, d.value as diastolic
    from observation s
    join observation d on d.patient_id = s.patient_id and d.kind = %(diastolic)s and d.taken_at = s.taken_at
                          and d.device_id = s.device_id
    where s.patient_id = u.p and s.kind = %(systolic)s and s.taken_at >= %(since)s and s.taken_at <= %(now)s
      and d.taken_at >= %(since)s and d.taken_at <= %(now)s  -- the planner does not see that they are the same
      and s.value is not null and d.value is not null and s.quality <= 1 and d.quality <= 1
) o having count(*) > 0

-- name: newest
-- Of each of these kinds the newest reading that its device does not doubt.
select u.p, k.kind, o.taken_at, o.span_s, o.value, o.sign
from unnest(%(patients)s) as u (p)
cross join unnest(%(kinds)s) as k (kind)
cross join lateral (
    select taken_at, span_s, value, sign from observation
    where patient_id = u.p and kind = k.kind and taken_at > %(since)s and taken_at <= %(now)s and value is not null and quality = 0
    order by taken_at desc limit 1
) o

-- name: standing
-- Which rules have an open alert about these patients.
select s.reference::int, a.rule
from subject s join alert a on a.subject_id = s.id and a.state in ('raised', 'acknowledged', 'cleared')
where s.type = 'patient' and s.reference = any(%(references)s)

-- name: plan_anew
-- A plan for any bounds would lock every partition of a year, and its index, at each look.
set plan_cache_mode = force_custom_plan
