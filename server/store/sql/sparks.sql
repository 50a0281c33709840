-- name: live
-- Means of short buckets for streams that run now; each raw value of an interval counts. One row of columns.
with stream as materialized (
    select latest.patient_id, latest.kind
    from my_latest latest
    join patient on patient.id = latest.patient_id and patient.active and patient.team_id = any (%(teams)s)
    where latest.mode = 1 and latest.kind <> all (%(slow)s) and latest.taken_at > %(live_from)s
), point as (
    select reading.patient_id, reading.kind, min(reading.taken_at) as at,
           sum(reading.value * reading.n) / sum(reading.n) as value
    from stream
    join my_observation reading on reading.patient_id = stream.patient_id and reading.kind = stream.kind
    where reading.taken_at > %(live_from)s and reading.taken_at <= %(now)s and reading.value is not null
    group by reading.patient_id, reading.kind, time_bucket(%(bucket)s, reading.taken_at)
)
select array_agg(patient_id), array_agg(kind), array_agg(at), array_agg(value) from point having count(*) > 0

-- name: spot
-- The newest single readings of everything else, and of streams that speak every few minutes. One row of columns.
with stream as materialized (
    select latest.patient_id, latest.kind
    from my_latest latest
    join patient on patient.id = latest.patient_id and patient.active and patient.team_id = any (%(teams)s)
    where (latest.mode = 0 or latest.kind = any (%(slow)s)) and latest.taken_at > %(spot_from)s
), point as (
    select stream.patient_id, stream.kind, spark.at, spark.value
    from stream
    cross join lateral (
        select reading.taken_at as at, reading.value
        from my_observation reading
        where reading.patient_id = stream.patient_id and reading.kind = stream.kind
          and reading.taken_at > %(spot_from)s and reading.taken_at <= %(now)s and reading.value is not null
        order by reading.taken_at desc limit %(points)s
    ) spark
)
select array_agg(patient_id), array_agg(kind), array_agg(at), array_agg(value) from point having count(*) > 0
