-- The hours of one stream for a screen, as in 0014, with touched hours in few statements: each has to be planned, and after an import of
-- a year there are 8,760 of them. So many one by one; more of them in spans of what lies close together, of which only the touched count.
create or replace function my_hours(whose int, what smallint, from_hour timestamptz, to_hour timestamptz)
    returns table (hour timestamptz, mean float8, low float8, high float8, n bigint, readings bigint, first_at timestamptz,
                   until timestamptz, mode smallint)
    language plpgsql stable as $f$
declare
    spans constant int not null := 32;
    kept constant timestamptz not null := (select kept_until from observation_kept);
    counted constant text := $c$
        select time_bucket(interval '1 hour', taken_at), sum(value * n) / sum(n), min(coalesce(low, value)), max(coalesce(high, value)),
               sum(n), count(*), min(taken_at), to_timestamp(max(extract(epoch from taken_at) + span_s)), max(mode)
        from my_observation
        where patient_id = $1 and kind = $2 and taken_at >= $3 and taken_at < $4 and value is not null
    $c$;
    span record;
begin
    return query execute 'select hour, mean, low, high, n, readings, first_at, until, mode from my_observation_hour'
        ' where patient_id = $1 and kind = $2 and hour >= $3 and hour < $4'
        using whose, what, from_hour, least(to_hour, kept);
    for span in
        with touched as (
            select distinct d.hour as at from my_observation_dirty d
            where d.patient_id = whose and d.kind = what and d.hour >= from_hour and d.hour < least(to_hour, kept)
        ), apart as (
            select case when count(*) > spans then (max(at) - min(at)) / spans else interval '1 hour' end as widest from touched
        ), begun as (
            select at, at - lag(at) over (order by at) > widest as begins from touched, apart
        ), numbered as (
            select at, count(*) filter (where begins) over (order by at) as number from begun
        )
        select min(at) as from_at, max(at) + interval '1 hour' as to_at, array_agg(at) as hours from numbered group by number
    loop
        return query execute counted || $q$ and time_bucket(interval '1 hour', taken_at) = any ($5) group by 1 $q$
            using whose, what, span.from_at, span.to_at, span.hours;
    end loop;
    if to_hour > kept then
        return query execute counted || ' group by 1' using whose, what, greatest(from_hour, kept), to_hour;
    end if;
end $f$;
