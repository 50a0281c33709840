-- Thinning: the readings of old days give way to one for each hour and device, by a decision of its own. A thinned reading is one like
-- those that gateways make of streams (mean, lowest, highest, how many): whoever reads it, or counts its hour anew when a late
-- one comes, finds in it all that the hour keeps.
alter table retention_decision add column about text not null default 'deletion' check (about in ('deletion', 'thinning'));
-- Before it, readings may be hours; null: nothing was thinned yet.
alter table observation_kept add column thinned_until timestamptz;

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
    into_columns constant text := '(patient_id, kind, taken_at, span_s, device_id, value, low, high, n, quality, sign, clock, mode,'
        ' received_at, slot)';
begin
    if not exists (select from pg_extension where extname = 'timescaledb') then
        -- A new table, so that the room of what is gone is free at once. Whoever stores a late reading of that day waits for it.
        execute format($t$ create function observation_thin(thin_from timestamptz, thin_to timestamptz, spared smallint[], by_hand int)
            returns bigint language plpgsql set timezone = 'UTC' as $f$
        declare
            part constant text := 'observation_' || to_char(thin_from, 'YYYYMMDD');
            before bigint;
            kept bigint;
        begin
            execute format('lock table %%I in share mode', part);
            execute format('select count(*) from %%I', part) into before;
            execute format('create table %%I (like observation including all)', part || '_thin');
            execute format('insert into %%6$I %2$s ' || %1$L, part, spared, by_hand, thin_from, thin_to, part || '_thin');
            get diagnostics kept = row_count;
            if kept = before then
                execute format('drop table %%I', part || '_thin');
            else
                execute format('alter table observation detach partition %%I', part);
                execute format('drop table %%I', part);
                execute format('alter table %%I rename to %%I', part || '_thin', part);
                execute format('alter table %%I rename constraint %%I to %%I', part, part || '_thin_pkey', part || '_pkey');
                execute format('alter table observation attach partition %%I for values from (%%L) to (%%L)', part, thin_from, thin_to);
            end if;
            update observation_kept set thinned_until = greatest(thinned_until, thin_to);
            return before - kept;
        end $f$ $t$, thinned, into_columns);
        return;
    end if;

    execute format($t$ create function observation_thin(thin_from timestamptz, thin_to timestamptz, spared smallint[], by_hand int)
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
        execute format('create temporary table thinned on commit drop as ' || %1$L, 'observation', spared, by_hand, thin_from, thin_to);
        get diagnostics kept = row_count;
        delete from observation where taken_at >= thin_from and taken_at < thin_to;
        get diagnostics before = row_count;
        insert into observation %2$s select %3$s from thinned;
        drop table thinned;
        for part in select show_chunks('observation', older_than => thin_to, newer_than => thin_from) loop
            perform compress_chunk(part, if_not_compressed => true);
        end loop;
        update observation_kept set thinned_until = greatest(thinned_until, thin_to);
        return before - kept;
    end $f$ $t$, thinned, into_columns, trim(into_columns, '()'));
end $do$;
