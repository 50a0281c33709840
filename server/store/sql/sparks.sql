-- name: kept
-- What the clock role has kept, when, and after which batch.
select spark.patient_id, spark.kind, spark.upto, spark.batch, spark.points
from my_spark spark
where spark.patient_id = any (array(select id from patient where patient.active and patient.team_id = any (%(teams)s)))

-- name: live
-- Means of short buckets of these streams, each from an instant on; each raw value of an interval counts. One row of columns.
with point as (
    select stream.patient_id, stream.kind, spark.at, spark.value
    from unnest(%(patients)s, %(kinds)s, %(since)s) as stream (patient_id, kind, since)
    cross join lateral (
        select min(reading.taken_at) as at, sum(reading.value * reading.n) / sum(reading.n) as value
        from my_observation reading
        where reading.patient_id = stream.patient_id and reading.kind = stream.kind and reading.taken_at >= stream.since
          and reading.taken_at > %(live_from)s and reading.taken_at <= %(now)s and reading.value is not null
        group by time_bucket(%(bucket)s, reading.taken_at)
    ) spark
)
select array_agg(patient_id), array_agg(kind), array_agg(at), array_agg(value) from point having count(*) > 0

-- name: spot
-- The newest single readings of these streams. One row of columns.
with point as (
    select stream.patient_id, stream.kind, spark.at, spark.value
    from unnest(%(patients)s, %(kinds)s) as stream (patient_id, kind)
    cross join lateral (
        select reading.taken_at as at, reading.value
        from my_observation reading
        where reading.patient_id = stream.patient_id and reading.kind = stream.kind
          and reading.taken_at > %(spot_from)s and reading.taken_at <= %(now)s and reading.value is not null
        order by reading.taken_at desc limit %(points)s
    ) spark
)
select array_agg(patient_id), array_agg(kind), array_agg(at), array_agg(value) from point having count(*) > 0

-- name: due
-- Streams that have spoken since their chart was kept, as columns.
with due as (
    select latest.patient_id, latest.kind, latest.batch, latest.mode = 1 and latest.kind <> all (%(slow)s) as live,
           time_bucket(%(bucket)s, latest.taken_at) as upto
    from latest
    left join spark on spark.patient_id = latest.patient_id and spark.kind = latest.kind
    where latest.taken_at > case when latest.mode = 1 and latest.kind <> all (%(slow)s) then %(live_from)s
                                 else %(spot_from)s::timestamptz end
      and spark.batch is distinct from latest.batch
    order by latest.patient_id, latest.kind limit %(most)s
)
select array_agg(patient_id), array_agg(kind), array_agg(batch), array_agg(live), array_agg(upto) from due having count(*) > 0

-- name: points_of_live
-- The means of short buckets of these streams, the last of each is that from an instant of its own on. One row of columns.
with point as (
    select stream.patient_id, stream.kind, spark.at, spark.value
    from unnest(%(patient_id)s, %(kind)s, %(upto)s) as stream (patient_id, kind, upto)
    cross join lateral (
        select min(reading.taken_at) as at, sum(reading.value * reading.n) / sum(reading.n) as value
        from observation reading
        where reading.patient_id = stream.patient_id and reading.kind = stream.kind
          and reading.taken_at > %(live_from)s and reading.taken_at < stream.upto + %(bucket)s and reading.value is not null
        group by time_bucket(%(bucket)s, reading.taken_at)
    ) spark
)
select array_agg(patient_id), array_agg(kind), array_agg(at), array_agg(value) from point having count(*) > 0

-- name: points_of_spot
-- The newest single readings of these streams. One row of columns.
with point as (
    select stream.patient_id, stream.kind, spark.at, spark.value
    from unnest(%(patient_id)s, %(kind)s) as stream (patient_id, kind)
    cross join lateral (
        select reading.taken_at as at, reading.value
        from observation reading
        where reading.patient_id = stream.patient_id and reading.kind = stream.kind
          and reading.taken_at > %(spot_from)s and reading.value is not null
        order by reading.taken_at desc limit %(points)s
    ) spark
)
select array_agg(patient_id), array_agg(kind), array_agg(at), array_agg(value) from point having count(*) > 0

-- name: keep
-- The charts of these streams.
insert into spark (patient_id, kind, upto, batch, points)
select * from unnest(%(patient_id)s, %(kind)s, %(upto)s, %(batch)s, %(packed)s::bytea[])
on conflict (patient_id, kind) do update set upto = excluded.upto, batch = excluded.batch, points = excluded.points
