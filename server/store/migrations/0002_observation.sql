-- Readings. Row-level security cannot stand on a compressed hypertable, so the api reads them through security_barrier views.
-- No foreign keys: the binding that filed the row is the proof, and they would double the cost of an insert.
do $do$
declare
    columns constant text := $c$
        patient_id int not null,
        kind smallint not null,
        taken_at timestamptz not null,
        span_s real not null,
        device_id int not null,
        value float8,
        low float8,
        high float8,
        n int not null,
        quality smallint not null,
        sign smallint not null,
        clock smallint not null,
        mode smallint not null,
        received_at timestamptz not null,
        primary key (patient_id, kind, taken_at, span_s, device_id) include (value)
    $c$;
begin
    if exists (select from pg_extension where extname = 'timescaledb') then
        execute format('create table observation (%s)', columns);
        perform create_hypertable('observation', by_range('taken_at', interval '1 day'), create_default_indexes => false);
        execute $t$ alter table observation set (timescaledb.compress, timescaledb.compress_segmentby = 'patient_id,kind',
            timescaledb.compress_orderby = 'taken_at') $t$;
        perform add_compression_policy('observation', interval '7 days');
        execute $t$ create function observation_days(timestamptz[]) returns void language sql as '' $t$;
    else
        execute format('create table observation (%s) partition by range (taken_at)', columns);
        execute $t$ create function time_bucket(interval, timestamptz) returns timestamptz language sql immutable strict parallel safe
            return date_bin($1, $2, timestamptz '2000-01-03 00:00+00') $t$;
        -- Makes the daily partitions that these instants need. Safe to call from several sessions at once.
        execute $t$ create function observation_days(instants timestamptz[]) returns void language plpgsql set timezone = 'UTC' as $f$
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
                        execute format('create table %I partition of observation for values from (%L) to (%L)',
                                       part, day::timestamptz, (day + 1)::timestamptz);
                    end if;
                end if;
            end loop;
        end $f$ $t$;
    end if;
end $do$;

create view my_observation with (security_barrier) as
    select o.* from observation o
    where exists (select from patient p where p.id = o.patient_id and p.team_id = any ((select my_teams())::int[]));
create view my_latest with (security_barrier) as
    select l.* from latest l
    where exists (select from patient p where p.id = l.patient_id and p.team_id = any ((select my_teams())::int[]));
grant select on my_observation, my_latest to hjemvakt_api;
