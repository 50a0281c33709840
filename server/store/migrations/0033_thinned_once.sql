-- A reading that was thinned into its hour, and is sent again, is known and counts once: the keys of what gives way stay (4 bytes for a
-- raw reading, 8 for an interval; a reading with its key takes more than 200).
create table thinned_reading (
    device_id int not null,
    slot smallint not null,
    kind smallint not null,
    hour timestamptz not null,
    offsets_ms int[] not null,  -- when in the hour
    spans_s real[],  -- of each of them; null: none lasted
    primary key (device_id, slot, kind, hour)
);
create index on thinned_reading using brin (hour);  -- days are thinned, and dropped, in their order

-- Before an instant readings may be thinned from now on. Whoever stores readings and has asked before is waited for, and has then waited
-- for the day's own lock or has not asked yet: nobody stores a reading that was thinned between the question and the answer.
create function observation_thinned_until(until timestamptz) returns void language plpgsql as $f$
begin
    perform pg_advisory_xact_lock(hashtext('hjemvakt.observation_sealed'));
    update observation_kept set thinned_until = greatest(thinned_until, until);
end $f$;

-- As observation_sealed, held until the transaction ends; and before when readings may be thinned, null: none is.
create function observation_begin(out sealed timestamptz, out thinned timestamptz) language plpgsql volatile as $f$
begin
    sealed := observation_sealed();
    thinned := (select thinned_until from observation_kept);
end $f$;

-- The places of those readings that were thinned, from 1 on.
create function observation_among_thinned(devices int[], slots smallint[], kinds smallint[], instants timestamptz[], spans real[])
    returns bigint[] language sql stable as $f$
    select array_agg(u.place)
    from unnest(devices, slots, kinds, instants, spans) with ordinality as u (device, slot, kind, at, span, place)
    join thinned_reading t on t.device_id = u.device and t.slot = u.slot and t.kind = u.kind and t.hour = time_bucket(interval '1 hour', u.at)
    where exists (select from unnest(t.offsets_ms, t.spans_s) as known (ms, s)
                  where t.hour + ms * interval '1 ms' = u.at and coalesce(s, 0) = u.span)
$f$;

do $do$
declare
    -- Streams only: what is measured by hand stays as it is, so that a meter's memory that is read again finds its like. One row
    -- for each way in which readings of an hour differ, for a doubtful mean is no good one. The last line keeps keys apart.
    thinned constant text := $c$
        with reading as (
            select o.*, o.value is not null and o.kind <> all (%2$L::smallint[]) and count(o.value) over (
                partition by patient_id, kind, time_bucket(interval '1 hour', taken_at), device_id, slot, quality, sign, clock, mode
            ) > %3$s as goes
            from %1$I o where taken_at >= %4$L and taken_at < %5$L
        ), hourly as (
            select patient_id, kind, taken_at, span_s, device_id, value, low, high, n, quality, sign, clock, mode, received_at, slot, goes
            from reading where not goes
            union all
            select patient_id, kind, min(taken_at), (max(extract(epoch from taken_at) + span_s) - extract(epoch from min(taken_at)))::real,
                   device_id, sum(value * n) / sum(n), min(coalesce(low, value)), max(coalesce(high, value)), sum(n)::int, quality, sign,
                   clock, mode, max(received_at), slot, goes
            from reading where goes
            group by patient_id, kind, time_bucket(interval '1 hour', taken_at), device_id, slot, quality, sign, clock, mode, goes
        )
        select patient_id, kind, taken_at,
               (span_s + 0.001 * (row_number() over (partition by patient_id, kind, taken_at, span_s, device_id, slot order by goes) - 1))::real
               as span_s, device_id, value, low, high, n, quality, sign, clock, mode, received_at, slot
        from hourly order by 1, 2, 3
    $c$;
    -- The keys of what gives way, by which it is known when it is sent again.
    remembered constant text := $c$
        insert into thinned_reading (device_id, slot, kind, hour, offsets_ms, spans_s)
        select device_id, slot, kind, hour, array_agg((extract(epoch from taken_at - hour) * 1000)::int order by taken_at, span_s),
               case when max(span_s) > 0 then array_agg(span_s order by taken_at, span_s) end
        from (
            select o.*, time_bucket(interval '1 hour', taken_at) as hour, o.value is not null and o.kind <> all (%2$L::smallint[])
                and count(o.value) over (
                    partition by patient_id, kind, time_bucket(interval '1 hour', taken_at), device_id, slot, quality, sign, clock, mode
                ) > %3$s as goes
            from %1$I o where taken_at >= %4$L and taken_at < %5$L
        ) reading
        where goes group by device_id, slot, kind, hour
    $c$;
    into_columns constant text := '(patient_id, kind, taken_at, span_s, device_id, value, low, high, n, quality, sign, clock, mode,'
        ' received_at, slot)';
begin
    if not exists (select from pg_extension where extname = 'timescaledb') then
        -- A new table, so that the room of what is gone is free at once. Whoever stores a late reading of that day waits for it.
        execute format($t$ create or replace function observation_thin(thin_from timestamptz, thin_to timestamptz, spared smallint[], by_hand int)
            returns bigint language plpgsql set timezone = 'UTC' as $f$
        declare
            part constant text := 'observation_' || to_char(thin_from, 'YYYYMMDD');
            before bigint;
            kept bigint;
        begin
            execute format('lock table %%I in share mode', part);
            execute format('select count(*) from %%I', part) into before;
            execute format(%3$L, part, spared, by_hand, thin_from, thin_to);
            execute format('create table %%I (like observation including all)', part || '_thin');
            execute format('insert into %%6$I %2$s ' || %1$L, part, spared, by_hand, thin_from, thin_to, part || '_thin');
            get diagnostics kept = row_count;
            perform observation_thinned_until(thin_to);  -- before the lock on all days, which those that it waits for may want
            if kept = before then
                execute format('drop table %%I', part || '_thin');
            else
                execute format('alter table observation detach partition %%I', part);
                execute format('drop table %%I', part);
                execute format('alter table %%I rename to %%I', part || '_thin', part);
                execute format('alter table %%I rename constraint %%I to %%I', part, part || '_thin_pkey', part || '_pkey');
                execute format('alter table observation attach partition %%I for values from (%%L) to (%%L)', part, thin_from, thin_to);
            end if;
            return before - kept;
        end $f$ $t$, thinned, into_columns, remembered);
        return;
    end if;

    execute format($t$ create or replace function observation_thin(thin_from timestamptz, thin_to timestamptz, spared smallint[], by_hand int)
        returns bigint language plpgsql as $f$
    declare
        part regclass;
        before bigint;
        kept bigint;
    begin
        for part in select show_chunks('observation', older_than => thin_to, newer_than => thin_from) loop
            execute format('lock table %%s in share row exclusive mode', part);
            perform decompress_chunk(part, if_compressed => true);
        end loop;
        execute format(%4$L, 'observation', spared, by_hand, thin_from, thin_to);
        execute format('create temporary table thinned on commit drop as ' || %1$L, 'observation', spared, by_hand, thin_from, thin_to);
        get diagnostics kept = row_count;
        delete from observation where taken_at >= thin_from and taken_at < thin_to;
        get diagnostics before = row_count;
        insert into observation %2$s select %3$s from thinned;
        drop table thinned;
        for part in select show_chunks('observation', older_than => thin_to, newer_than => thin_from) loop
            perform compress_chunk(part, if_not_compressed => true);
        end loop;
        perform observation_thinned_until(thin_to);
        return before - kept;
    end $f$ $t$, thinned, into_columns, trim(into_columns, '()'), remembered);
end $do$;
