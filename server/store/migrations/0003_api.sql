-- What the api's role may still do: change a whole alert as the one writer of alerts does, and see what went wrong.

grant update (priority, raised_at, last_at, late, count, condition_ended_at, evidence) on alert to hjemvakt_api;

-- The teams in which the caller looks after the equipment.
create function my_equipment_teams() returns int[] language sql stable security definer set search_path = public, pg_temp as
    $f$ select coalesce(array_agg(team_id), '{}') from staff_team
        where staff_id = my_staff_id() and role in ('coordinator', 'technician', 'administrator') $f$;

-- Troubles of a team's gateways and devices are the team's; those of nobody are for whoever looks after equipment.
create view my_set_aside with (security_barrier) as
    select set_aside.id, set_aside.at, set_aside.gateway, set_aside.topic, set_aside.reason,
           octet_length(set_aside.payload) as size, home.team_id
    from set_aside
    left join gateway on gateway.name = set_aside.gateway
    left join home on home.id = gateway.home_id
    where home.team_id = any ((select my_teams())::int[])
       or (home.team_id is null and cardinality((select my_equipment_teams())) > 0);

create view my_lost_rows with (security_barrier) as
    select lost_rows.gateway_id, lost_rows.last_seq - lost_rows.first_seq + 1 as rows, lost_rows.why, lost_rows.declared_at,
           home.team_id
    from lost_rows
    join gateway on gateway.id = lost_rows.gateway_id
    left join home on home.id = gateway.home_id
    where home.team_id = any ((select my_teams())::int[])
       or (home.team_id is null and cardinality((select my_equipment_teams())) > 0);

-- Readings that were nobody's (6 is the battery, which is about the device itself). Once the device is bound, they are a
-- matter for the team that it belongs to now.
create view my_unassigned with (security_barrier) as
    select nobodys.address, nobodys.readings, owner.team_id
    from (
        select device.id, device.address, count(*) as readings
        from device_observation
        join device on device.id = device_observation.device_id
        where device_observation.home_id is null and device_observation.kind <> 6
        group by device.id
    ) nobodys
    left join lateral (
        select coalesce(patient.team_id, home.team_id) as team_id
        from binding
        left join patient on patient.id = binding.patient_id
        left join home on home.id = binding.home_id
        where binding.device_id = nobodys.id and binding.valid_to > now()
        order by binding.valid_from desc limit 1
    ) owner on true
    where owner.team_id = any ((select my_teams())::int[])
       or (owner.team_id is null and cardinality((select my_equipment_teams())) > 0);

-- Gateways that stand in no home: enrolled and waiting at the depot, or never enrolled.
create view my_homeless_gateways with (security_barrier) as
    select gateway.name, gateway.state, gateway.state_since, gateway.heard_at, gateway.status
    from gateway
    where gateway.home_id is null and cardinality((select my_equipment_teams())) > 0;

grant select on my_set_aside, my_lost_rows, my_unassigned, my_homeless_gateways to hjemvakt_api;
