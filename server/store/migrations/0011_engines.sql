-- What differs between the engines stands behind the same names on both: the hours (as plain PostgreSQL has had them since
-- 0007; a continuous aggregate alone is behind its late rows until somebody refreshes it), and the deletion of old days.
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
    if not exists (select from pg_extension where extname = 'timescaledb') then
        execute $t$ create procedure observation_keep_some(most int, inout done int) language plpgsql as $f$
        begin
            done := observation_keep(most);
        end $f$ $t$;
        execute $t$ create function observation_parts(before timestamptz, most int)
            returns table (from_at timestamptz, to_at timestamptz) language sql stable set timezone = 'UTC' as $f$
            select part, part + interval '1 day'
            from pg_inherits join pg_class on pg_class.oid = inhrelid,
                 lateral (select to_date(right(relname, 8), 'YYYYMMDD')::timestamptz as part) named
            where inhparent = 'observation'::regclass and relname ~ '^observation_\d{8}$' and part + interval '1 day' <= before
            order by 1 limit most
        $f$ $t$;
        execute $t$ create function observation_drop(gone_from timestamptz, gone_to timestamptz) returns bigint
            language plpgsql set timezone = 'UTC' as $f$
        declare
            part constant text := 'observation_' || to_char(gone_from, 'YYYYMMDD');
            gone bigint;
        begin
            execute format('select count(*) from %I', part) into gone;
            execute format('alter table observation detach partition %I', part);
            execute format('drop table %I', part);
            delete from observation_hour where hour >= gone_from and hour < gone_to;
            return gone;
        end $f$ $t$;
        return;
    end if;

    drop view my_observation_hourly, my_observation_daily, observation_daily;
    execute 'drop materialized view observation_hourly';
    drop function observation_sealed(), observation_touched(int[], smallint[], timestamptz[]), observation_seal(timestamptz),
        observation_keep(int);

    execute format($t$ create materialized view observation_hour
        with (timescaledb.continuous, timescaledb.materialized_only = true) as
        select patient_id, kind, time_bucket(interval '1 hour', taken_at) as hour, %s
        from observation where value is not null group by 1, 2, 3 with no data $t$, hour);
    create table observation_dirty (patient_id int not null, kind smallint not null, hour timestamptz not null);
    create index on observation_dirty (patient_id, kind);
    create table observation_kept (
        one boolean primary key default true check (one),
        sealed_until timestamptz not null,
        kept_until timestamptz not null
    );
    insert into observation_kept (sealed_until, kept_until)
    select since, since from (select time_bucket(interval '1 hour', coalesce(min(taken_at), now())) as since from observation) o;

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
    execute $t$ create function observation_seal(until timestamptz) returns void language plpgsql as $f$
    begin
        if until > (select sealed_until from observation_kept) then
            perform set_config('lock_timeout', '100ms', true);  -- ingest waits behind us
            perform pg_advisory_xact_lock(hashtext('hjemvakt.observation_sealed'));
            update observation_kept set sealed_until = until where sealed_until < until;
        end if;
    end $f$ $t$;
    -- Sealed hours, or the hours of a day that late rows have touched. A refresh is transactions of its own: only marks that
    -- were there before it go, and whatever is broken off between is done again.
    execute $t$ create procedure observation_keep_some(most int, inout done int) language plpgsql as $f$
    declare
        kept observation_kept;
        from_at timestamptz;
        to_at timestamptz;
        places tid[];
    begin
        select * into kept from observation_kept;
        if kept.kept_until < kept.sealed_until then
            from_at := kept.kept_until;
            to_at := least(kept.sealed_until, from_at + interval '1 day');
        else
            select min(d.hour) into from_at from observation_dirty d where d.hour < kept.kept_until;
            if from_at is null then
                done := 0;
                return;
            end if;
            to_at := least(kept.kept_until, from_at + interval '1 day');
            select array_agg(d.ctid) into places from observation_dirty d where d.hour >= from_at and d.hour < to_at;
        end if;
        commit;
        call refresh_continuous_aggregate('observation_hour', from_at, to_at);
        if places is null then
            update observation_kept set kept_until = to_at where kept_until = from_at;
            done := 1;
        else
            delete from spark using observation_dirty d
            where d.ctid = any (places) and spark.patient_id = d.patient_id and spark.kind = d.kind;
            delete from observation_dirty d where d.ctid = any (places);
            done := cardinality(places);
        end if;
    end $f$ $t$;

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
    execute format($t$ create view observation_daily as
        select patient_id, kind, date_trunc('day', hour, 'Europe/Oslo') as day, %s from observation_hourly group by 1, 2, 3 $t$, day);
    create view my_observation_hourly with (security_barrier) as
        select o.* from observation_hourly o
        where exists (select from patient p where p.id = o.patient_id and p.team_id = any ((select my_teams())::int[]));
    create view my_observation_daily with (security_barrier) as
        select o.* from observation_daily o
        where exists (select from patient p where p.id = o.patient_id and p.team_id = any ((select my_teams())::int[]));
    grant select on my_observation_hourly, my_observation_daily to hjemvakt_api;

    execute $t$ create function observation_parts(before timestamptz, most int)
        returns table (from_at timestamptz, to_at timestamptz) language sql stable as $f$
        select range_start, range_end from timescaledb_information.chunks
        where hypertable_schema = 'public' and hypertable_name = 'observation' and range_end <= before
        order by 1 limit most
    $f$ $t$;
    execute $t$ create function observation_drop(gone_from timestamptz, gone_to timestamptz) returns bigint language plpgsql as $f$
    declare
        gone bigint;
    begin
        select count(*) into gone from observation where taken_at >= gone_from and taken_at < gone_to;
        perform drop_chunks('observation', older_than => gone_to, newer_than => gone_from);
        -- Its chunks are longer than a day, and a refresh would be a transaction of its own.
        execute (
            select format('delete from %I.%I where hour >= $1 and hour < $2', materialization_hypertable_schema,
                          materialization_hypertable_name)
            from timescaledb_information.continuous_aggregates
            where view_schema = 'public' and view_name = 'observation_hour'
        ) using gone_from, gone_to;
        return gone;
    end $f$ $t$;
end $do$;
