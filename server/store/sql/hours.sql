-- name: seal
-- From now on, whoever stores a reading from before this instant marks its hour.
select observation_seal(%(until)s)

-- name: keep
-- The next hours of all streams, or hours that late rows have touched; 0: nothing is left. Not within a transaction.
call observation_keep_some(%(most)s, null)

-- name: touched
-- The hours of these readings are no longer as they were kept.
select observation_touched(%(patient_id)s, %(kind)s, %(taken_at)s)

-- name: touched_between
-- The same for all hours from the first to the last of readings that moved.
select observation_touched(array_agg(patient), array_agg(kind), array_agg(hour))
from unnest(%(patients)s, %(kinds)s, %(firsts)s, %(lasts)s) as moved (patient, kind, first, last),
     generate_series(time_bucket(interval '1 hour', first), last, interval '1 hour') hour

-- name: series
-- Hours in equal buckets, and the readings before the first and after the last whole hour; means weighed by count. Nothing, where
-- the hours stand for so few readings that they are read instead.
with whole as materialized (
    select hour, first_at, until, mean, n, low, high, mode, readings
    from my_hours(%(patient)s, %(kind)s::smallint, %(first_hour)s, %(last_hour)s)
), part as (
    select hour as at, first_at, until, mean * n as total, n, low, high, mode from whole
    union all
    select taken_at, taken_at, taken_at + make_interval(secs => span_s), value * n, n, coalesce(low, value),
           coalesce(high, value), mode
    from my_observation
    where patient_id = %(patient)s and kind = %(kind)s and value is not null
      and taken_at >= %(from_at)s and taken_at < %(first_hour)s
    union all
    select taken_at, taken_at, taken_at + make_interval(secs => span_s), value * n, n, coalesce(low, value),
           coalesce(high, value), mode
    from my_observation
    where patient_id = %(patient)s and kind = %(kind)s and value is not null
      and taken_at >= %(last_hour)s and taken_at < %(to_at)s
)
select min(first_at) as at, max(until) as until, sum(total) / sum(n) as value, min(low) as low, max(high) as high,
       max(mode) as mode
from part
where (select sum(readings) from whole) >= %(many)s
group by floor(extract(epoch from at - %(from_at)s) / %(bucket_s)s)
order by 1

-- name: days
-- The days of one kind of a patient: mean weighed by count, extremes, and how many readings and raw values there were.
select date_trunc('day', hour at time zone 'Europe/Oslo')::date as day, sum(mean * n) / sum(n) as mean, min(low) as low,
       max(high) as high, sum(readings)::bigint as readings, sum(n)::bigint as n
from my_hours(%(patient)s, %(kind)s::smallint, %(first)s::timestamp at time zone 'Europe/Oslo',
              (%(last)s::date + 1)::timestamp at time zone 'Europe/Oslo')
group by 1 order by 1
