-- Patients with their homes, and teams, come in by the screens, too; not from lists alone.

alter table patient_change drop constraint patient_change_what_check;
alter table patient_change add constraint patient_change_what_check
    check (what in ('registered', 'details', 'number', 'ended', 'handed_over', 'merged'));

-- Who made a team or called it something else: added to, never changed.
create table team_change (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    name text not null,  -- from then on
    before text,         -- null: it was made
    changed_by int not null references staff,
    changed_at timestamptz not null,
    reason text not null check (reason <> '')
);
create index on team_change (team_id, id);
alter table team_change enable row level security;
create policy mine on team_change for select to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
grant select on team_change to hjemvakt_api;

create function my_registering_teams() returns int[] language sql stable security definer set search_path = public, pg_temp as
    $f$ select coalesce(array_agg(team_id), '{}') from staff_team
        where staff_id = my_staff_id() and role in ('coordinator', 'administrator') $f$;
create function my_administered_teams() returns int[] language sql stable security definer set search_path = public, pg_temp as
    $f$ select coalesce(array_agg(team_id), '{}') from staff_team
        where staff_id = my_staff_id() and role = 'administrator' $f$;

-- Who may be the same person: whoever has the number, wherever; and of the municipalities that the team works for, who was born
-- that day and has the same names, or all of them and more. That it was asked stands in the log of each.
create function patient_doubles(for_team int, number_lookup bytea, called text, born date, at_now timestamptz)
    returns table (patient int, team int, name text, by_number boolean, ended boolean)
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    words constant text[] := person_words(called);
    near constant text[] := array(select municipality from municipality_team where team_id = for_team);
    each record;
begin
    if not for_team = any (my_registering_teams()) then
        raise insufficient_privilege;
    end if;
    for each in
        select p.id, p.team_id, p.name, n.patient_id is not null as numbered, p.ended_at is not null as over
        from patient p left join national_number n on n.patient_id = p.id and n.lookup = number_lookup
        where p.merged_into is null and (n.patient_id is not null or (
            p.born_on = born
            and (p.team_id = for_team or cardinality(near) = 0 or p.municipality = any (near)
                 or exists (select from municipality_team m where m.team_id = p.team_id and m.municipality = any (near)))
            and (person_words(p.name) = words
                 or (person_words(p.name) @> words and cardinality(words) > 1)
                 or (words @> person_words(p.name) and cardinality(person_words(p.name)) > 1))))
        order by p.id
    loop
        insert into access_log (at, staff_id, patient_id, deed, what)
        values (at_now, my_staff_id(), each.id, 'look', 'possible double');
        patient := each.id;
        team := each.team_id;
        name := each.name;
        by_number := each.numbered;
        ended := each.over;
        return next;
    end loop;
end $f$;

-- However the parts of a name are written and ordered.
create function person_words(called text) returns text[] language sql immutable set search_path = public, pg_temp as
    $f$ select coalesce(array_agg(word order by word), '{}') from (
            select distinct lower(w) as word from regexp_split_to_table(normalize(called, NFC), '[\s,]+') w where w <> '') parts $f$;

-- With a home of its own, or in one of the team's.
create function patient_register(for_team int, called text, its_reference text, born date, its_pathway text,
                                 of_municipality text, its_phone text, alone boolean, its_protection text,
                                 in_home int, new_home text, new_address text, new_bucket smallint,
                                 at_now timestamptz, because text)
    returns int language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    made int;
    there int := in_home;
begin
    if not for_team = any (my_registering_teams())
       or (in_home is not null and not exists (select from home where id = in_home and team_id = for_team)) then
        raise insufficient_privilege;
    end if;
    if there is null then
        insert into home (name, address, team_id, bucket) values (new_home, new_address, for_team, new_bucket)
        returning id into there;
    end if;
    insert into patient (reference, name, born_on, pathway, team_id, home_id, municipality, phone, lives_alone, protection)
    values (its_reference, called, born, its_pathway, for_team, there, of_municipality, its_phone, alone, its_protection)
    returning id into made;
    insert into patient_change (patient_id, what, at, changed_by, reason, detail)
    values (made, 'registered', at_now, my_staff_id(), because, jsonb_build_object('team', for_team, 'home', there));
    insert into access_log (at, staff_id, patient_id, deed, what) values (at_now, my_staff_id(), made, 'change', 'registers');
    return made;
end $f$;

-- Whoever makes a team administers it, so that somebody can let others in. It works for municipalities of teams that the same
-- person administers: nobody reaches into another one by it. `why_not`: 'name' (another team is called so), 'municipality'.
create function team_make(called text, municipalities text[], at_now timestamptz, because text, out made int, out why_not text)
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    mine constant int[] := my_administered_teams();
begin
    if cardinality(mine) = 0 then
        raise insufficient_privilege;
    end if;
    perform pg_advisory_xact_lock(hashtext('hjemvakt.teams'));
    if exists (select from team where lower(name) = lower(called)) then
        why_not := 'name';
        return;
    elsif exists (select from unnest(municipalities) m where not exists (
            select from municipality_team t where t.municipality = m and t.team_id = any (mine))) then
        why_not := 'municipality';
        return;
    end if;
    insert into team (name) values (called) returning id into made;
    insert into municipality_team (municipality, team_id) select distinct m, made from unnest(municipalities) m;
    insert into staff_team (staff_id, team_id, role) values (my_staff_id(), made, 'administrator');
    insert into member_change (team_id, staff_id, role, set_by, set_at, reason)
    values (made, my_staff_id(), 'administrator', my_staff_id(), at_now, because);
    insert into team_change (team_id, name, changed_by, changed_at, reason) values (made, called, my_staff_id(), at_now, because);
    perform remember_deed(made, 'makes the team', at_now);
end $f$;

-- Null: done; 'name': another team is called so.
create function team_rename(which int, called text, at_now timestamptz, because text) returns text
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    was text;
begin
    if not which = any (my_administered_teams()) then
        raise insufficient_privilege;
    end if;
    perform pg_advisory_xact_lock(hashtext('hjemvakt.teams'));
    if exists (select from team where lower(name) = lower(called) and id <> which) then
        return 'name';
    end if;
    select name into was from team where id = which for no key update;
    update team set name = called where id = which;
    insert into team_change (team_id, name, before, changed_by, changed_at, reason)
    values (which, called, was, my_staff_id(), at_now, because);
    perform remember_deed(which, 'renames the team', at_now);
    return null;
end $f$;

do $do$
declare
    each regprocedure;
begin
    for each in
        select p.oid::regprocedure from pg_proc p where p.pronamespace = 'public'::regnamespace
        and p.proname in ('patient_doubles', 'patient_register', 'team_make', 'team_rename')
    loop
        execute format('revoke execute on function %s from public', each);
        execute format('grant execute on function %s to hjemvakt_api', each);
    end loop;
end $do$;
