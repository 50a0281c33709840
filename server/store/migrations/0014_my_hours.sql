-- The hours of one stream for a screen. The views over all of them have to be planned over every day that is stored: with a year of days
-- that takes longer than reading. Here what is not kept is asked for within bounds that the planner knows. As whoever calls it.
create view my_observation_hour with (security_barrier) as
    select o.patient_id, o.kind, o.hour, o.mean, o.low, o.high, o.n, o.readings, o.first_at, o.until, o.mode
    from observation_hour o
    where not exists (select from observation_dirty d where d.patient_id = o.patient_id and d.kind = o.kind and d.hour = o.hour)
      and exists (select from patient p where p.id = o.patient_id and p.team_id = any ((select my_teams())::int[]));
create view my_observation_dirty with (security_barrier) as
    select d.* from observation_dirty d
    where exists (select from patient p where p.id = d.patient_id and p.team_id = any ((select my_teams())::int[]));
grant select on my_observation_hour, my_observation_dirty, observation_kept to hjemvakt_api;

-- From the first of these hours to the one before the last. Stable: all of it is of one instant.
create function my_hours(whose int, what smallint, from_hour timestamptz, to_hour timestamptz)
    returns table (hour timestamptz, mean float8, low float8, high float8, n bigint, readings bigint, first_at timestamptz,
                   until timestamptz, mode smallint)
    language plpgsql stable as $f$
declare
    kept constant timestamptz not null := (select kept_until from observation_kept);
    counted constant text := $c$
        sum(value * n) / sum(n), min(coalesce(low, value)), max(coalesce(high, value)), sum(n), count(*), min(taken_at),
        to_timestamp(max(extract(epoch from taken_at) + span_s)), max(mode)
        from my_observation
        where patient_id = $1 and kind = $2 and taken_at >= $3 and taken_at < $4 and value is not null
    $c$;
    touched timestamptz;
begin
    return query execute 'select hour, mean, low, high, n, readings, first_at, until, mode from my_observation_hour'
        ' where patient_id = $1 and kind = $2 and hour >= $3 and hour < $4'
        using whose, what, from_hour, least(to_hour, kept);
    for touched in
        select distinct d.hour from my_observation_dirty d
        where d.patient_id = whose and d.kind = what and d.hour >= from_hour and d.hour < least(to_hour, kept)
    loop
        return query execute 'select $3, ' || counted || ' having count(*) > 0'
            using whose, what, touched, touched + interval '1 hour';
    end loop;
    if to_hour > kept then
        return query execute $q$ select time_bucket(interval '1 hour', taken_at), $q$ || counted || ' group by 1'
            using whose, what, greatest(from_hour, kept), to_hour;
    end if;
end $f$;
