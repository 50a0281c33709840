-- Readings go on being stored while something reads the table for long, such as a dump: attaching a partition waits for no
-- reader, creating one as a partition waits for all of them, and everybody else then waits behind it.
do $do$
begin
    if exists (select from pg_extension where extname = 'timescaledb') then
        -- The whole key stands in a compressed chunk's segments and order, so that a late row finds its like there.
        execute $t$ alter table observation set (timescaledb.compress, timescaledb.compress_segmentby = 'patient_id,kind',
            timescaledb.compress_orderby = 'taken_at,span_s,device_id') $t$;
    else
        execute $t$ create or replace function observation_days(instants timestamptz[]) returns void
            language plpgsql set timezone = 'UTC' as $f$
        declare
            day date;
            part text;
        begin
            for day in select distinct (i at time zone 'UTC')::date from unnest(instants) i order by 1 loop
                part := 'observation_' || to_char(day, 'YYYYMMDD');
                if to_regclass(part) is null then
                    perform pg_advisory_xact_lock(hashtext('hjemvakt.observation_days'));
                    -- Asked anew, of the table: to_regclass answers from a cache that waiting for that lock does not renew.
                    if not exists (select from pg_class where relname = part and relkind = 'r') then
                        execute format('create table %I (like observation including all)', part);
                        execute format('alter table observation attach partition %I for values from (%L) to (%L)',
                                       part, day::timestamptz, (day + 1)::timestamptz);
                    end if;
                end if;
            end loop;
        end $f$ $t$;
    end if;
end $do$;
