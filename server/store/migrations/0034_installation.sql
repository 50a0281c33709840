-- Making a home safe: gateways that stand at the depot, sensors that were prepared for them, whose a sensor is from now on, its
-- key, the proof that it is paired, the walk, the trial of the whole chain, and the protocol of it all.

-- Who looks after a gateway while it stands in no home, and what is written on its bag.
alter table gateway
    add column label text not null default '',
    add column depot_team_id int references team;
create policy depot on gateway for select to hjemvakt_api using (
    home_id is null and depot_team_id = any ((select my_installing_teams())::int[]));
alter table enrolment add column team_id int references team;  -- of one that is let in without a home

alter table binding
    add column bound_by int references staff,
    add column unbound_by int references staff,
    add column unbound_why text check (unbound_why in ('returned', 'replaced', 'broken', 'lost', 'mistake'));

-- The key of a sensor that encrypts, sealed. Nobody reads it but who tells the gateways.
create table device_key (
    device_id int primary key references device,
    sealed bytea not null,
    set_at timestamptz not null,
    set_by int references staff
);

-- At the depot a gateway reads a sensor that is nobody's yet.
create table prepared (
    device_id int primary key references device,
    gateway_id int not null references gateway,
    prepared_by int not null references staff,
    prepared_at timestamptz not null
);
create index on prepared (gateway_id);

-- One of the four things that make a pairing, each time that somebody saw it. Of the binding that began at `bound_from`.
create table pairing_part (
    id bigint generated always as identity primary key,
    home_id int not null references home,
    device_id int not null references device,
    slot smallint not null,
    bound_from timestamptz not null,
    part text not null check (part in ('power_cycle', 'reconnect', 'person', 'clock')),
    at timestamptz not null,
    staff_id int not null references staff,
    rests_on text not null
);
create index on pairing_part (home_id, device_id, slot);

-- What was heard of a sensor that somebody carried into this room. Null: nothing.
create table room_signal (
    id bigint generated always as identity primary key,
    home_id int not null references home,
    room text not null,
    device_id int not null references device,
    gateway_id int references gateway,
    rssi_dbm smallint,
    at timestamptz not null,
    staff_id int not null references staff,
    check ((gateway_id is null) = (rssi_dbm is null))
);
create index on room_signal (home_id, at);

-- A trial of the way of alarms that somebody asked for is one beside the daily one. `received_at`: out of the broker.
alter table alarm_proof
    drop constraint alarm_proof_gateway_id_day_key,
    add column until_at timestamptz,  -- of a trial that somebody asked for: what comes later is no answer to it
    add column received_at timestamptz,
    add column raised_at timestamptz;
create unique index alarm_proof_daily on alarm_proof (gateway_id, day) where until_at is null;
create index alarm_proof_of_gateway on alarm_proof (gateway_id, asked_at);

-- Of the gateway (`proof_id`), or of a sensor that is used.
create table trial (
    id bigint generated always as identity primary key,
    home_id int not null references home,
    gateway_id int not null references gateway,
    proof_id bigint references alarm_proof on delete set null,
    device_id int references device,
    slot smallint,
    staff_id int not null references staff,
    asked_at timestamptz not null,
    until_at timestamptz not null,
    check ((device_id is null) = (slot is null))
);
create index on trial (home_id, asked_at);

create table installation_protocol (
    id bigint generated always as identity primary key,
    home_id int not null references home,
    at timestamptz not null,
    staff_id int not null references staff,
    remark text not null,
    missing text[] not null,
    content jsonb not null
);
create index on installation_protocol (home_id, at);
create trigger never_changes before update or delete or truncate on installation_protocol for each statement
    execute function never_changes();

do $do$
declare
    each text;
begin
    foreach each in array array['pairing_part', 'room_signal', 'trial', 'installation_protocol'] loop
        execute format('alter table %I enable row level security', each);
        execute format('create policy installs on %I to hjemvakt_api using (exists (select from home where home.id = home_id
                        and home.team_id = any ((select my_installing_teams())::int[])))', each);
        execute format('create policy in_own_name on %I as restrictive for insert to hjemvakt_api
                        with check (staff_id = my_staff_id())', each);
        execute format('create policy not_what_is_opened on %I as restrictive for all to hjemvakt_api
                        using (is_of_my_teams(null, home_id))', each);
        execute format('grant select, insert on %I to hjemvakt_api', each);
    end loop;
end $do$;

-- Whoever installs may ask for a trial of a gateway of theirs.
create policy tries on alarm_proof for insert to hjemvakt_api with check (
    until_at is not null and stored_at is null and seen_at is null and exists (
        select from home where home.id = home_id and home.team_id = any ((select my_installing_teams())::int[])));
grant insert (gateway_id, home_id, day, command, asked_at, until_at) on alarm_proof to hjemvakt_api;

-- Of each of these sensors, whose it is: 'here', 'prepared', 'elsewhere' or null. Of whom elsewhere is not said.
create function installation_whose(home_ int, gateway_ text, addresses text[])
    returns table (address text, bound text) language sql stable security definer set search_path = public, pg_temp as $f$
    select d.address,
           case when b.place is not null then case when b.place = h.id then 'here' else 'elsewhere' end
                when p.device_id is not null then case when g.name = gateway_ or g.home_id = h.id then 'prepared' else 'elsewhere' end
           end
    from device d
         left join (select id from home where id = home_ and team_id = any (my_installing_teams())) h on true
         left join lateral (
             select coalesce(b.home_id, p.home_id, -1) as place from binding b left join patient p on p.id = b.patient_id
             where b.device_id = d.id and b.valid_to > now()
             order by coalesce(b.home_id, p.home_id, -1) = h.id nulls last limit 1
         ) b on true
         left join prepared p on p.device_id = d.id
         left join gateway g on g.id = p.gateway_id
    where d.address = any (addresses) and cardinality(my_installing_teams()) > 0
$f$;

-- What is in the caller's homes: since when, whose, and whether there is a key.
create function installation_sensors(home_ int) returns table (
    device_id int, address text, slot smallint, profile text, label text, place text, patient_id int, since timestamptz,
    has_key boolean) language sql stable security definer set search_path = public, pg_temp as $f$
    select d.id, d.address, b.slot, d.profile, coalesce(d.label, ''), b.place, b.patient_id, b.valid_from,
           exists (select from device_key k where k.device_id = d.id)
    from binding b join device d on d.id = b.device_id left join patient p on p.id = b.patient_id
    where coalesce(b.home_id, p.home_id) = home_ and b.valid_from <= now() and b.valid_to > now() and d.profile is not null
      and exists (select from home where id = home_ and team_id = any (my_installing_teams()))
    order by b.valid_from, d.address, b.slot
$f$;

-- Who lives there. A screen asks again and again: that somebody looks is remembered once in a while.
create function installation_residents(home_ int, at_now timestamptz, again interval)
    returns table (patient int, reference text, name text)
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    if not exists (select from home where id = home_ and team_id = any (my_installing_teams())) then
        return;
    end if;
    insert into access_log (at, staff_id, patient_id, deed, what)
    select at_now, my_staff_id(), p.id, 'look', 'installation' from patient p
    where p.home_id = home_ and p.active and not exists (
        select from access_log l where l.patient_id = p.id and l.staff_id = my_staff_id() and l.what = 'installation'
        and l.at > at_now - again)
    order by p.id;
    return query select p.id, p.reference, p.name from patient p where p.home_id = home_ and p.active order by p.id;
end $f$;

create function installation_trust(home_ int) returns table (gateway text, let_in_at timestamptz, until_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select g.name, min(c.not_before), max(c.not_after) filter (where c.revoked_at is null)
    from gateway g join certificate c on c.gateway_id = g.id
    where g.home_id = home_ and exists (select from home where id = home_ and team_id = any (my_installing_teams()))
    group by g.name
$f$;

create function depot_sensors() returns table (gateway text, address text, profile text, label text, has_key boolean)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select g.name, d.address, d.profile, coalesce(d.label, ''), exists (select from device_key k where k.device_id = d.id)
    from prepared p join device d on d.id = p.device_id join gateway g on g.id = p.gateway_id
    where g.depot_team_id = any (my_installing_teams()) order by g.name, d.address
$f$;

-- Until when a gateway was asked to listen, and whether it has said that it does.
create function installation_listening(gateway_ text, at_now timestamptz)
    returns table (until_at timestamptz, done_at timestamptz)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select c.until_at, c.done_at from gateway_command c join gateway g on g.id = c.gateway_id left join home h on h.id = g.home_id
    where g.name = gateway_ and coalesce(h.team_id, g.depot_team_id) = any (my_installing_teams())
      and c.until_at > at_now and c.content::jsonb ->> 'command' = 'listen'
    order by c.until_at desc limit 1
$f$;

create function keep_sensor(address_ text, profile_ text, label_ text, sealed_ bytea, at_now timestamptz) returns int
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    which int;
begin
    insert into device (address) values (address_) on conflict (address) do nothing;
    select id into which from device where address = address_ for no key update;
    update device set profile = profile_, label = coalesce(label_, label)
    where id = which and (profile is distinct from profile_ or label is distinct from coalesce(label_, label));
    if sealed_ is not null then
        insert into device_key values (which, sealed_, at_now, my_staff_id())
        on conflict (device_id) do update set sealed = sealed_, set_at = at_now, set_by = my_staff_id();
    end if;
    return which;
end $f$;

create function is_elsewhere(which int, home_ int) returns boolean
    language sql stable security definer set search_path = public, pg_temp as $f$
    select exists (select from binding b left join patient p on p.id = b.patient_id
                   where b.device_id = which and b.valid_to > now() and coalesce(b.home_id, p.home_id) is distinct from home_)
        or exists (select from prepared p join gateway g on g.id = p.gateway_id left join home h on h.id = g.home_id
                   where p.device_id = which and coalesce(h.team_id, g.depot_team_id) <> all (my_installing_teams()))
$f$;

-- 'bound', or why not: 'home', 'patient', 'elsewhere', 'here' (somebody else or another place of this home has it), 'replaced'.
create function install_bind(home_ int, address_ text, slot_ smallint, profile_ text, label_ text, patient_ int, place_ text,
                             sealed_ bytea, old_ text, old_slot smallint, at_now timestamptz) returns text
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    theirs int;
    which int;
    stands binding;
begin
    select team_id into theirs from home where id = home_ and team_id = any (my_installing_teams());
    if theirs is null then
        return 'home';
    elsif patient_ is not null and not exists (select from patient where id = patient_ and home_id = home_ and active) then
        return 'patient';
    end if;
    insert into device (address) values (address_) on conflict (address) do nothing;
    perform from device where address in (address_, old_) order by id for no key update;
    select id into which from device where address = address_;
    if is_elsewhere(which, home_) then
        return 'elsewhere';
    end if;
    select * into stands from binding where device_id = which and slot = slot_ and valid_to > at_now order by valid_from limit 1;
    if stands.id is not null and (stands.patient_id is distinct from patient_ or stands.place is distinct from place_
                                  or stands.valid_from > at_now) then
        return 'here';
    end if;
    if old_ is not null then
        update binding b set valid_to = greatest(at_now, valid_from + interval '1 microsecond'), unbound_by = my_staff_id(),
            unbound_why = 'replaced'
        from device d
        where d.id = b.device_id and d.address = old_ and b.slot = old_slot and b.valid_from <= at_now and b.valid_to > at_now
          and coalesce(b.home_id, (select home_id from patient where id = b.patient_id)) = home_ and d.id <> which;
        if not found then
            return 'replaced';
        end if;
        delete from device_key k using device d
        where d.id = k.device_id and d.address = old_ and not exists (
            select from binding where device_id = d.id and valid_to > at_now);
    end if;
    perform keep_sensor(address_, profile_, label_, sealed_, at_now);
    delete from prepared where device_id = which;
    if stands.id is null then
        insert into binding (device_id, slot, patient_id, home_id, place, valid_from, bound_by)
        values (which, slot_, patient_, case when patient_ is null then home_ end, place_, at_now, my_staff_id());
    end if;
    perform remember_install(theirs, patient_, 'binds sensor ' || address_ || ' in home ' || home_, at_now);
    return 'bound';
end $f$;

create function install_unbind(home_ int, address_ text, slot_ smallint, why_ text, at_now timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    theirs int;
    which int;
    ended binding;
begin
    select team_id into theirs from home where id = home_ and team_id = any (my_installing_teams());
    select id into which from device where address = address_ for no key update;
    if theirs is null or which is null then
        return false;
    end if;
    update binding b set valid_to = greatest(at_now, valid_from + interval '1 microsecond'), unbound_by = my_staff_id(),
        unbound_why = why_
    where b.device_id = which and b.slot = slot_ and b.valid_from <= at_now and b.valid_to > at_now
      and coalesce(b.home_id, (select home_id from patient where id = b.patient_id)) = home_
    returning * into ended;
    if ended.id is null then
        return false;
    end if;
    if why_ <> 'mistake' and not exists (select from binding where device_id = which and valid_to > at_now) then
        delete from device_key where device_id = which;
    end if;
    perform remember_install(theirs, ended.patient_id, 'unbinds sensor ' || address_ || ': ' || why_, at_now);
    return true;
end $f$;

create function remember_install(team_ int, patient_ int, what_ text, at_now timestamptz) returns void
    language sql security definer set search_path = public, pg_temp as
    $f$ insert into access_log (at, staff_id, patient_id, team_id, deed, what)
        values (at_now, my_staff_id(), patient_, team_, 'change', what_) $f$;

-- 'prepared', or why not: 'gateway', 'elsewhere' (it is bound, or prepared for another gateway).
create function depot_prepare(gateway_ text, address_ text, profile_ text, label_ text, sealed_ bytea, at_now timestamptz)
    returns text language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    whose gateway;
    which int;
begin
    select * into whose from gateway
    where name = gateway_ and home_id is null and depot_team_id = any (my_installing_teams());
    if whose.id is null then
        return 'gateway';
    end if;
    insert into device (address) values (address_) on conflict (address) do nothing;
    select id into which from device where address = address_ for no key update;
    if exists (select from binding where device_id = which and valid_to > at_now)
       or exists (select from prepared where device_id = which and gateway_id <> whose.id) then
        return 'elsewhere';
    end if;
    perform keep_sensor(address_, profile_, label_, sealed_, at_now);
    insert into prepared values (which, whose.id, my_staff_id(), at_now) on conflict (device_id) do nothing;
    perform remember_install(whose.depot_team_id, null, 'prepares sensor ' || address_ || ' for ' || gateway_, at_now);
    return 'prepared';
end $f$;

create function depot_drop(gateway_ text, address_ text, at_now timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    whose gateway;
begin
    select * into whose from gateway where name = gateway_ and depot_team_id = any (my_installing_teams());
    perform from device where address = address_ for no key update;
    delete from prepared p using device d where d.id = p.device_id and d.address = address_ and p.gateway_id = whose.id;
    if not found then
        return false;
    end if;
    delete from device_key k using device d where d.id = k.device_id and d.address = address_;
    perform remember_install(whose.depot_team_id, null, 'drops sensor ' || address_ || ' of ' || gateway_, at_now);
    return true;
end $f$;

create function gateway_label(gateway_ text, label_ text) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    update gateway g set label = label_ where g.name = gateway_ and coalesce(
        (select team_id from home where id = g.home_id), g.depot_team_id) = any (my_installing_teams());
    return found;
end $f$;

-- 'given', or why not: 'gateway', 'home', 'has_home', 'bucket': other gateways of the home are in another one, and the name of this
-- one's topics was given to it for good.
create function gateway_home(gateway_ text, home_ int, at_now timestamptz, within_s float8) returns text
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    whose gateway;
    theirs home;
    about bigint;
begin
    perform pg_advisory_xact_lock(hashtext('hjemvakt.enrolment'));
    insert into subject (type, reference) select 'gateway', id::text from gateway where name = gateway_ on conflict do nothing;
    select s.id into about from subject s join gateway g on s.type = 'gateway' and s.reference = g.id::text
    where g.name = gateway_ for no key update of s;
    select * into whose from gateway where name = gateway_ for no key update;
    select * into theirs from home where id = home_ and team_id = any (my_installing_teams());
    if whose.home_id = home_ and theirs.id is not null then
        return 'given';
    elsif whose.home_id is not null and exists (select from home where id = whose.home_id and team_id = any (my_installing_teams())) then
        return 'has_home';
    elsif whose.id is null or whose.home_id is not null or not whose.depot_team_id = any (my_installing_teams())
          or whose.depot_team_id is null then
        return 'gateway';
    elsif theirs.id is null then
        return 'home';
    elsif theirs.bucket <> whose.bucket then
        if exists (select from gateway where home_id = home_ and enrolled) then
            return 'bucket';
        end if;
        update home set bucket = whose.bucket where id = home_;
    end if;
    update gateway set home_id = home_, depot_team_id = null where id = whose.id;
    insert into deadline (type, subject_id, due_at, every_s)
    values ('gateway_silent', about, at_now + make_interval(secs => within_s), within_s)
    on conflict (type, subject_id, part) do update
    set state = 'waiting', due_at = greatest(deadline.due_at, excluded.due_at), every_s = excluded.every_s;
    perform remember_install(theirs.team_id, null, 'puts gateway ' || gateway_ || ' into home ' || home_, at_now);
    return 'given';
end $f$;

-- As in 0030; without a home, the gateway is let into the depot of a team.
drop function enrolment_accept(bigint, int, text, timestamptz);
create function enrolment_accept(which bigint, home_ int, team_ int, name_ text, at_now timestamptz) returns text
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    asked enrolment;
    theirs int;
begin
    if cardinality(my_installing_teams()) = 0 then
        return 'forbidden';
    end if;
    perform pg_advisory_xact_lock(hashtext('hjemvakt.enrolment'));
    select * into asked from enrolment where id = which and code is not null for no key update;
    select team_id into theirs from home where id = home_ and team_id = any (my_installing_teams());
    if home_ is null and team_ = any (my_installing_teams()) then
        theirs := team_;
    end if;
    if asked.id is null then
        return 'gone';
    elsif asked.state <> 'waiting' then
        return 'decided';
    elsif exists (select from enrolment o where o.code = asked.code and o.id <> which) then
        return 'doubtful';
    elsif theirs is null then
        return 'home';
    elsif exists (select from enrolment o where o.gateway = name_ and o.state = 'accepted' and o.code is not null)
       or exists (select from gateway g join certificate c on c.gateway_id = g.id
                  where g.name = name_ and c.revoked_at is null and c.not_after > at_now)
       or exists (select from gateway g left join home h on h.id = g.home_id
                  where g.name = name_ and coalesce(h.team_id, g.depot_team_id) <> all (my_installing_teams())) then
        return 'name';
    end if;
    update enrolment set state = 'accepted', gateway = name_, home_id = home_, team_id = case when home_ is null then team_ end,
        decided_by = my_staff_id(), decided_at = at_now
    where id = which;
    perform remember_deed(theirs, 'lets in gateway ' || name_, at_now);
    perform pg_notify('hjemvakt_trust', '');
    return 'accepted';
end $f$;

-- As in 0030; one that stands at the depot can be lost, too.
create or replace function gateway_revoke(name_ text, because text, at_now timestamptz) returns int
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    whose int;
    theirs int;
    ended int;
begin
    perform pg_advisory_xact_lock(hashtext('hjemvakt.enrolment'));
    select g.id, coalesce(h.team_id, g.depot_team_id) into whose, theirs from gateway g left join home h on h.id = g.home_id
    where g.name = name_ and coalesce(h.team_id, g.depot_team_id) = any (my_installing_teams());
    if whose is null then
        return null;
    end if;
    update certificate set revoked_at = at_now, revoked_by = my_staff_id(), why = because
    where gateway_id = whose and revoked_at is null;
    get diagnostics ended = row_count;
    -- What was let in but is not signed yet.
    update enrolment set state = 'refused', why = 'This gateway was revoked.' where gateway = name_ and state = 'accepted';
    perform remember_deed(theirs, 'revokes gateway ' || name_ || ': ' || because, at_now);
    perform pg_notify('hjemvakt_trust', '');
    return ended;
end $f$;

do $do$
declare
    each regprocedure;
begin
    for each in
        select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
        and p.proname in ('installation_whose', 'installation_sensors', 'installation_residents', 'installation_trust', 'depot_sensors',
            'installation_listening', 'keep_sensor', 'is_elsewhere', 'install_bind', 'install_unbind', 'remember_install',
            'depot_prepare', 'depot_drop', 'gateway_label', 'gateway_home', 'enrolment_accept')
    loop
        execute format('revoke execute on function %s from public', each);
        if each::text !~ '^(keep_sensor|is_elsewhere|remember_install)\(' then
            execute format('grant execute on function %s to hjemvakt_api', each);
        end if;
    end loop;
end $do$;
