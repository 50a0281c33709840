-- Who a patient is, where help must drive, whom to call, and what happens when it is over. The newest row of its kind counts.

create table municipality (
    number text primary key check (number ~ '^\d{4}$'),
    name text not null check (name <> '')
);
create table municipality_team (
    municipality text not null references municipality,
    team_id int not null references team,
    primary key (municipality, team_id)
);

alter table patient
    add column municipality text references municipality,
    add column phone text,
    add column lives_alone boolean,  -- null: nobody has said
    add column coordinator_id int references staff,
    add column protection text check (protection in ('kode6', 'kode7')),  -- of the address: it stands in no list
    add column ended_at timestamptz,
    add column ended_why text check (ended_why in ('dead', 'moved', 'service_over', 'merged')),
    add column merged_into int references patient,
    add check ((ended_at is null) = (ended_why is null)),
    add check ((merged_into is not null) = (ended_why is not distinct from 'merged')),
    add check (ended_at is null or not active);
create index on patient (merged_into) where merged_into is not null;

-- What was changed of a patient, by whom and why. Never a number, never a code.
create table patient_change (
    id bigint generated always as identity primary key,
    patient_id int not null references patient,
    what text not null check (what in ('details', 'number', 'ended', 'handed_over', 'merged')),
    at timestamptz not null,
    changed_by int references staff,  -- null: a list that was imported
    reason text not null default '',
    detail jsonb not null default '{}'
);
create index on patient_change (patient_id, at);

-- Sealed by a key that is not in the database. `lookup`: a keyed digest, the same for the same number.
create table national_number (
    patient_id int primary key references patient,
    sealed bytea not null,
    lookup bytea not null unique,
    set_by int references staff,
    set_at timestamptz not null
);

-- Whole lists of their own, as server/clinical/person.py has them: contacts in calling order, the individual plan, the
-- self-treatment plan by zone.
create table patient_record (
    id bigint generated always as identity primary key,
    patient_id int not null references patient,
    type text not null check (type in ('contacts', 'individual_plan', 'self_treatment')),
    content jsonb not null,
    set_by int references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> '')
);
create index on patient_record (patient_id, type, id);

-- Of the rows that hold at a time the newest says where the home is.
create table home_address (
    id bigint generated always as identity primary key,
    home_id int not null references home,
    address text not null check (address <> ''),
    doubt text not null default '',  -- why it may be wrong; empty: it is not doubted
    from_at timestamptz not null,
    to_at timestamptz not null default 'infinity',
    set_by int references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> ''),
    check (from_at < to_at)
);
create index on home_address (home_id, id);

-- How one gets in. `sealed`: the code of the key box or the door.
create table home_access (
    id bigint generated always as identity primary key,
    home_id int not null references home,
    key_box text not null default '',
    way_in text not null default '',
    sealed bytea,
    set_by int references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> '')
);
create index on home_access (home_id, id);

-- Equipment that somebody must fetch.
create table recall (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    device_id int references device,
    gateway_id int references gateway,
    patient_id int references patient,
    home_id int references home,
    why text not null,
    since timestamptz not null,
    fetched_at timestamptz,
    fetched_by int references staff,
    check (num_nonnulls(device_id, gateway_id) = 1),
    check ((fetched_at is null) = (fetched_by is null))
);
create unique index recall_device on recall (device_id) where fetched_at is null;
create unique index recall_gateway on recall (gateway_id) where fetched_at is null;

-- A change of a binding moves its device's row, whoever may make it.
alter function binding_changes() security definer;
alter function binding_changes() set search_path = public, pg_temp;

create function my_patient(whose int) returns boolean language sql stable security definer set search_path = public, pg_temp as
    $f$ select exists (select from patient where id = whose and team_id = any ((select my_teams())::int[])) $f$;

-- The api may end, hand over and merge its caller's patients in these ways and no others. Locks as everywhere: devices, subjects,
-- deadlines, each by id.

-- Everything that is expected ends now; what can be fetched is on the list. Who else lives there keeps the home's equipment.
-- Answers the subjects of which alerts may stand.
create function patient_end(whose int, why text, ended timestamptz, by_staff int, at_now timestamptz, because text)
    returns bigint[] language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    their patient;
    alone boolean;
    devices int[];
    gateways int[];
    subjects bigint[];
begin
    if not my_patient(whose) or by_staff is distinct from my_staff_id() then
        raise insufficient_privilege;
    end if;
    select * into their from patient where id = whose for no key update;
    if their.ended_at is not null then
        return null;
    end if;
    alone := their.home_id is not null
        and not exists (select from patient p where p.home_id = their.home_id and p.active and p.id <> whose);
    perform from device where id in (
        select device_id from binding b
        where b.valid_to > at_now and (b.patient_id = whose or (alone and b.home_id = their.home_id)))
        order by id for no key update;
    select coalesce(array_agg(distinct b.device_id order by b.device_id), '{}') into devices from binding b
    where b.valid_to > at_now and (b.patient_id = whose or (alone and b.home_id = their.home_id));
    delete from binding b where b.device_id = any (devices) and b.valid_from >= at_now
        and (b.patient_id = whose or (alone and b.home_id = their.home_id));
    update binding b set valid_to = at_now where b.device_id = any (devices) and b.valid_to > at_now
        and (b.patient_id = whose or (alone and b.home_id = their.home_id));
    select coalesce(array_agg(g.id order by g.id), '{}') into gateways from gateway g
    where alone and g.home_id = their.home_id and g.enrolled;

    select coalesce(array_agg(held.id), '{}') into subjects from (
        select s.id from subject s
        where (s.type = 'patient' and s.reference = whose::text)
           or (s.type = 'device' and s.reference = any (devices::text[]))
           or (s.type = 'gateway' and s.reference = any (gateways::text[]))
           or (alone and s.type = 'home' and s.reference = their.home_id::text)
        order by s.id for no key update) held;
    update gateway set enrolled = false where id = any (gateways);
    delete from deadline where subject_id = any (subjects) and type in ('measurement', 'sensor', 'gateway_silent', 'home');

    insert into recall (team_id, device_id, patient_id, home_id, why, since)
    select their.team_id, d, whose, their.home_id, why, at_now from unnest(devices) d
    where not exists (select from binding b where b.device_id = d and b.valid_to > at_now)  -- another slot is somebody's still
    on conflict do nothing;
    insert into recall (team_id, gateway_id, patient_id, home_id, why, since)
    select their.team_id, g, whose, their.home_id, why, at_now from unnest(gateways) g on conflict do nothing;
    update excuse set ended_at = at_now, ended_by = by_staff, ended_because = 'ended'
    where patient_id = whose and ended_at is null and to_at > at_now;
    update patient set active = false, ended_at = ended, ended_why = why where id = whose;
    insert into patient_change (patient_id, what, at, changed_by, reason, detail)
    values (whose, 'ended', at_now, by_staff, because,
            jsonb_build_object('why', why, 'devices', devices, 'gateways', gateways, 'team', their.team_id));
    return subjects;
end $f$;

-- To another team, with all that is known. The home goes along when nobody else of the old team lives there.
create function patient_hand_over(whose int, to_team int, by_staff int, at_now timestamptz, because text)
    returns bigint[] language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    their patient;
    alone boolean;
    subjects bigint[];
begin
    if not my_patient(whose) or by_staff is distinct from my_staff_id() then
        raise insufficient_privilege;
    end if;
    select * into their from patient where id = whose for no key update;
    alone := their.home_id is not null
        and not exists (select from patient p where p.home_id = their.home_id and p.active and p.id <> whose);
    select coalesce(array_agg(held.id), '{}') into subjects from (
        select s.id from subject s
        where (s.type = 'patient' and s.reference = whose::text)
           or s.id in (select a.subject_id from alert a where a.patient_id = whose)
           or (alone and s.type = 'home' and s.reference = their.home_id::text)
           or (alone and s.id in (select a.subject_id from alert a where a.home_id = their.home_id and a.patient_id is null))
        order by s.id for no key update) held;
    update patient set team_id = to_team,
        coordinator_id = case when exists (select from staff_team where staff_id = coordinator_id and team_id = to_team)
                         then coordinator_id end
    where id = whose;
    if alone then
        update home set team_id = to_team where id = their.home_id;
    end if;
    update alert set team_id = to_team
    where patient_id = whose or (alone and home_id = their.home_id and patient_id is null);
    perform assessment_mark(array[whose]);
    insert into patient_change (patient_id, what, at, changed_by, reason, detail)
    values (whose, 'handed_over', at_now, by_staff, because, jsonb_build_object('from', their.team_id, 'to', to_team, 'home', alone));
    -- Both teams' screens hear of it, whichever of the teams the caller works in.
    perform from team where id in (their.team_id, to_team) order by id for no key update;
    update team set head = head + 1 where id in (their.team_id, to_team);
    insert into team_log (team_id, seq, at, type, body)
    select id, head, at_now, case when id = to_team then 'joined' else 'left' end, jsonb_build_object('patient', whose)
    from team where id in (their.team_id, to_team);
    perform pg_notify('hjemvakt_team', id::text) from team where id in (their.team_id, to_team);
    return subjects;
end $f$;

-- Two rows were one person. Bindings are changed here; the clock moves what is stored, as after any change of bindings. Limits,
-- rules and plans of the one that goes stay with it: two that differ are no decision of anybody.
create function patient_merge(kept int, gone int, by_staff int, at_now timestamptz, because text)
    returns bigint[] language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    one_kept patient;
    one_gone patient;
    each binding;
    moved jsonb;
    subjects bigint[];
    subject_kept bigint;
begin
    if not my_patient(kept) or not my_patient(gone) or kept = gone or by_staff is distinct from my_staff_id() then
        raise insufficient_privilege;
    end if;
    perform from patient where id in (kept, gone) order by id for no key update;
    select * into one_kept from patient where id = kept;
    select * into one_gone from patient where id = gone;
    if one_kept.merged_into is not null or one_gone.merged_into is not null then
        return null;
    end if;
    perform from device where id in (select device_id from binding where patient_id = gone) order by id for no key update;
    for each in select * from binding where patient_id = gone order by device_id, slot, valid_from loop
        update binding set patient_id = kept where id = each.id;
        insert into rebinding (device_id, slot, from_at, to_at, changed_by, changed_at, reason, before, after)
        values (each.device_id, each.slot, each.valid_from, each.valid_to,
                coalesce((select login from staff where id = by_staff), ''), at_now, because,
                jsonb_build_array(jsonb_build_object('patient', gone, 'home', null, 'place', each.place, 'from', each.valid_from,
                                                     'to', each.valid_to)),
                jsonb_build_array(jsonb_build_object('patient', kept, 'home', null, 'place', each.place, 'from', each.valid_from,
                                                     'to', each.valid_to)));
    end loop;
    insert into subject (type, reference) values ('patient', kept::text) on conflict do nothing;
    select coalesce(array_agg(held.id), '{}') into subjects from (
        select s.id from subject s
        where (s.type = 'patient' and s.reference in (kept::text, gone::text))
           or s.id in (select a.subject_id from alert a where a.patient_id = gone)
        order by s.id for no key update) held;
    select id into subject_kept from subject where type = 'patient' and reference = kept::text;
    delete from deadline d using subject s
    where s.id = d.subject_id and s.type = 'patient' and s.reference = gone::text and d.type in ('measurement', 'sensor');

    moved := jsonb_build_object(
        'reference', one_gone.reference,
        'facts', (select coalesce(jsonb_agg(id), '[]') from care_fact where patient_id = gone),
        'excuses', (select coalesce(jsonb_agg(id), '[]') from excuse where patient_id = gone),
        'alerts', (select coalesce(jsonb_agg(id), '[]') from alert where patient_id = gone),
        'records', (select coalesce(jsonb_agg(id), '[]') from patient_record where patient_id = gone),
        'bindings', (select coalesce(jsonb_agg(id), '[]') from rebinding where changed_at = at_now and reason = because
                     and before @> jsonb_build_array(jsonb_build_object('patient', gone))));
    update care_fact set patient_id = kept where patient_id = gone;
    update excuse set patient_id = kept where patient_id = gone;
    -- One open alert for each rule: a second one stays with its own subject until somebody has handled it.
    update alert a set subject_id = subject_kept
    where a.patient_id = gone and a.subject_id = (select id from subject where type = 'patient' and reference = gone::text)
      and not (a.state in ('raised', 'acknowledged', 'cleared') and exists (
          select from alert o where o.subject_id = subject_kept and o.rule = a.rule
          and o.state in ('raised', 'acknowledged', 'cleared')));
    update alert set patient_id = kept, team_id = one_kept.team_id where patient_id = gone;
    update patient_record r set patient_id = kept
    where r.patient_id = gone and not exists (select from patient_record k where k.patient_id = kept and k.type = r.type);
    if exists (select from national_number where patient_id = kept) then
        delete from national_number where patient_id = gone;
    else
        update national_number set patient_id = kept where patient_id = gone;
    end if;
    update patient set merged_into = kept where merged_into = gone;
    update patient set active = false, ended_at = coalesce(ended_at, at_now), ended_why = 'merged', merged_into = kept where id = gone;
    perform assessment_mark(array[kept]);
    insert into patient_change (patient_id, what, at, changed_by, reason, detail)
    values (kept, 'merged', at_now, by_staff, because, moved || jsonb_build_object('from', gone)),
           (gone, 'merged', at_now, by_staff, because, jsonb_build_object('into', kept));
    return subjects;
end $f$;
revoke execute on function patient_end(int, text, timestamptz, int, timestamptz, text),
    patient_hand_over(int, int, int, timestamptz, text), patient_merge(int, int, int, timestamptz, text) from public;
grant execute on function patient_end(int, text, timestamptz, int, timestamptz, text),
    patient_hand_over(int, int, int, timestamptz, text), patient_merge(int, int, int, timestamptz, text) to hjemvakt_api;

-- For whoever hands somebody over: which teams there are.
create function team_names() returns table (id int, name text) language sql stable security definer set search_path = public, pg_temp as
    $f$ select team.id, team.name from team where my_staff_id() is not null order by team.id $f$;

-- Whose address stands in no list; also to who must not know who lives there.
create function home_is_protected(which int) returns boolean language sql stable security definer set search_path = public, pg_temp as
    $f$ select exists (select from patient where home_id = which and protection is not null and active) $f$;

alter table patient_change enable row level security;
alter table national_number enable row level security;
alter table patient_record enable row level security;
alter table home_address enable row level security;
alter table home_access enable row level security;
alter table recall enable row level security;
create policy mine_to_change on patient for update to hjemvakt_api
    using (team_id = any ((select my_teams())::int[])) with check (team_id = any ((select my_teams())::int[]));
create policy mine on patient_change to hjemvakt_api using (exists (select from patient where patient.id = patient_id));
create policy mine on national_number to hjemvakt_api using (exists (select from patient where patient.id = patient_id));
create policy mine on patient_record to hjemvakt_api using (exists (select from patient where patient.id = patient_id));
create policy mine on home_address to hjemvakt_api using (exists (select from home where home.id = home_id));
create policy mine on home_access to hjemvakt_api using (exists (select from home where home.id = home_id));
create policy mine on recall to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy in_own_name on patient_change as restrictive for insert to hjemvakt_api with check (changed_by = my_staff_id());
create policy in_own_name on national_number as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
create policy changed_in_own_name on national_number as restrictive for update to hjemvakt_api
    using (true) with check (set_by = my_staff_id());
create policy in_own_name on patient_record as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
create policy in_own_name on home_address as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
create policy in_own_name on home_access as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
create policy fetched_in_own_name on recall as restrictive for update to hjemvakt_api using (true) with check (fetched_by = my_staff_id());
grant select on municipality, municipality_team to hjemvakt_api;
grant select, insert on patient_change, patient_record, home_address, home_access to hjemvakt_api;
grant select, insert, update, delete on national_number to hjemvakt_api;
grant select on recall to hjemvakt_api;
grant update (fetched_at, fetched_by) on recall to hjemvakt_api;
grant update (name, phone, municipality, lives_alone, coordinator_id, protection) on patient to hjemvakt_api;
