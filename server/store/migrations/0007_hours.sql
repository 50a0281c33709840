-- What screens read instead of raw readings: hours and days of every stream, and the small charts of the board.
-- observation_hourly and observation_daily have the same names and columns on both engines. TimescaleDB keeps them by itself.
-- Plain PostgreSQL: hours before kept_until stand in observation_hour, written by the clock role; newer ones, and those that
-- late rows have touched since, are counted from the readings, so that what is read is never behind what is stored.
do $do$
declare
    hour constant text := $c$
        sum(value * n) / sum(n) as mean, min(coalesce(low, value)) as low, max(coalesce(high, value)) as high, sum(n) as n,
        count(*) as readings, min(taken_at) as first_at, to_timestamp(max(extract(epoch from taken_at) + span_s)) as until,
        max(mode) as mode
    $c$;
    day constant text := $c$
        sum(mean * n) / sum(n) as mean, min(low) as low, max(high) as high, sum(n)::bigint as n, sum(readings)::bigint as readings,
        min(first_at) as first_at, max(until) as until, max(mode) as mode
    $c$;
begin
    if exists (select from pg_extension where extname = 'timescaledb') then
        execute format($t$ create materialized view observation_hourly
            with (timescaledb.continuous, timescaledb.materialized_only = false) as
            select patient_id, kind, time_bucket(interval '1 hour', taken_at) as hour, %s
            from observation where value is not null group by 1, 2, 3 with no data $t$, hour);
        perform add_continuous_aggregate_policy('observation_hourly', start_offset => interval '400 days',
            end_offset => interval '1 hour', schedule_interval => interval '10 minutes');
        execute $t$ create function observation_sealed() returns timestamptz language sql stable as $f$ select timestamptz '1970-01-01 00:00+00' $f$ $t$;
        execute $t$ create function observation_touched(int[], smallint[], timestamptz[]) returns void language sql as '' $t$;
        execute $t$ create function observation_seal(timestamptz) returns void language sql as '' $t$;
        execute $t$ create function observation_keep(int) returns int language sql as 'select 0' $t$;
    else
        create table observation_hour (
            patient_id int not null,
            kind smallint not null,
            hour timestamptz not null,
            mean float8 not null,
            low float8 not null,
            high float8 not null,
            n bigint not null,
            readings bigint not null,
            first_at timestamptz not null,
            until timestamptz not null,
            mode smallint not null,
            primary key (patient_id, kind, hour)
        );
        -- Hours that stand in observation_hour, or soon will, and are no longer right. Added to only, so that nobody waits.
        create table observation_dirty (patient_id int not null, kind smallint not null, hour timestamptz not null);
        create index on observation_dirty (patient_id, kind);
        -- One row. Whoever stores a reading taken before sealed_until marks its hour.
        create table observation_kept (
            one boolean primary key default true check (one),
            sealed_until timestamptz not null,
            kept_until timestamptz not null
        );
        insert into observation_kept (sealed_until, kept_until)
        select since, since from (select time_bucket(interval '1 hour', coalesce(min(taken_at), now())) as since from observation) o;

        -- Held until the transaction ends: whoever seals waits for those who read an older seal. The seal is read by a
        -- statement after the lock, for a snapshot taken before it may not show it.
        execute $t$ create function observation_sealed() returns timestamptz language plpgsql volatile as $f$
        begin
            perform pg_advisory_xact_lock_shared(hashtext('hjemvakt.observation_sealed'));
            return (select sealed_until from observation_kept);
        end $f$ $t$;
        execute $t$ create function observation_touched(patients int[], kinds smallint[], instants timestamptz[]) returns void
            language sql as $f$
            insert into observation_dirty
            select distinct p, k, time_bucket(interval '1 hour', at) from unnest(patients, kinds, instants) as u (p, k, at) order by 1, 2, 3
        $f$ $t$;
        -- A transaction of its own: what is counted must begin after all who read the older seal have ended.
        execute $t$ create function observation_seal(until timestamptz) returns void language plpgsql as $f$
        begin
            if until > (select sealed_until from observation_kept) then
                perform set_config('lock_timeout', '100ms', true);  -- ingest waits behind us
                perform pg_advisory_xact_lock(hashtext('hjemvakt.observation_sealed'));
                update observation_kept set sealed_until = until where sealed_until < until;
            end if;
        end $f$ $t$;
        -- The next sealed hour of all streams, or so many marks; how much was done, 0: nothing is left.
        execute format($t$ create function observation_keep(most int) returns int language plpgsql as $f$
        declare
            kept observation_kept;
            patients int[];
            kinds smallint[];
            hours timestamptz[];
        begin
            select * into kept from observation_kept for update;
            if kept.kept_until < kept.sealed_until then
                select array_agg(patient_id), array_agg(kind) into patients, kinds from latest;
                hours := array_fill(kept.kept_until, array[coalesce(cardinality(patients), 0)]);
                update observation_kept set kept_until = kept.kept_until + interval '1 hour';
            else
                with gone as (
                    delete from observation_dirty
                    where ctid = any (array(select ctid from observation_dirty where hour < kept.kept_until limit most))
                    returning patient_id, kind, hour
                ), once as (select distinct patient_id, kind, hour from gone order by 1, 2, 3)
                select array_agg(patient_id), array_agg(kind), array_agg(hour) into patients, kinds, hours from once;
                if patients is null then
                    return 0;
                end if;
                delete from spark using unnest(patients, kinds) as u (p, k) where spark.patient_id = p and spark.kind = k;
            end if;
            delete from observation_hour o using unnest(patients, kinds, hours) as u (p, k, h)
            where o.patient_id = p and o.kind = k and o.hour = h;
            insert into observation_hour
            select u.p, u.k, u.h, counted.*
            from unnest(patients, kinds, hours) as u (p, k, h)
            cross join lateral (
                select %s from observation
                where patient_id = u.p and kind = u.k and taken_at >= u.h and taken_at < u.h + interval '1 hour' and value is not null
                having count(*) > 0
            ) counted;
            return 1 + coalesce(cardinality(patients), 0);
        end $f$ $t$, hour);

        execute format($t$ create view observation_hourly as
            select patient_id, kind, hour, mean, low, high, n, readings, first_at, until, mode
            from observation_hour
            where hour < (select kept_until from observation_kept)
              and not exists (select from observation_dirty d where d.patient_id = observation_hour.patient_id
                              and d.kind = observation_hour.kind and d.hour = observation_hour.hour)
            union all
            select patient_id, kind, time_bucket(interval '1 hour', taken_at), %1$s
            from observation
            where taken_at >= (select kept_until from observation_kept) and value is not null
            group by 1, 2, 3
            union all
            select d.patient_id, d.kind, d.hour, counted.*
            from (select distinct patient_id, kind, hour from observation_dirty where hour < (select kept_until from observation_kept)) d
            cross join lateral (
                select %1$s from observation o
                where o.patient_id = d.patient_id and o.kind = d.kind and o.taken_at >= d.hour
                  and o.taken_at < d.hour + interval '1 hour' and o.value is not null
                having count(*) > 0
            ) counted $t$, hour);
    end if;
    -- Days are those of the people, and are few enough hours to be added up when they are read.
    execute format($t$ create view observation_daily as
        select patient_id, kind, date_trunc('day', hour, 'Europe/Oslo') as day, %s from observation_hourly group by 1, 2, 3 $t$, day);
end $do$;

-- The small charts up to `upto`, kept by the clock role so that a board need not read raw readings. `points`: pairs of
-- milliseconds since 1970 (int8) and value (float8), little-endian. `batch`: latest.batch when it was made.
create table spark (
    patient_id int not null,
    kind smallint not null,
    upto timestamptz not null,
    batch bigint not null,
    points bytea not null,
    primary key (patient_id, kind)
) with (fillfactor = 60);

create view my_observation_hourly with (security_barrier) as
    select o.* from observation_hourly o
    where exists (select from patient p where p.id = o.patient_id and p.team_id = any ((select my_teams())::int[]));
create view my_observation_daily with (security_barrier) as
    select o.* from observation_daily o
    where exists (select from patient p where p.id = o.patient_id and p.team_id = any ((select my_teams())::int[]));
create view my_spark with (security_barrier) as
    select s.* from spark s
    where exists (select from patient p where p.id = s.patient_id and p.team_id = any ((select my_teams())::int[]));
grant select on my_observation_hourly, my_observation_daily, my_spark to hjemvakt_api;
