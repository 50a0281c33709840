-- Who looked at whom, kept for ever; the way in for somebody of another team; and what the api's role may read at all.

-- Whose board it was: one row for each set of patients that a team has had, so that one look at 500 of them is one short row.
create table roster (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    digest bytea not null,
    patients int[] not null,
    unique (team_id, digest)
);
create index on roster using gin (patients);

-- Somebody of another team opens one patient, says why, and is out again at `until_at`, whatever happens.
create table break_glass (
    id bigint generated always as identity primary key,
    staff_id int not null references staff,
    patient_id int not null references patient,
    team_id int not null references team,  -- whose patient it was
    reason text not null check (length(reason) between 10 and 500),
    at timestamptz not null,
    until_at timestamptz not null,
    ended_at timestamptz,
    ended_by int references staff,
    check (at < until_at and until_at <= at + interval '12 hours'),
    check ((ended_at is null) = (ended_by is null))
);
create index on break_glass (staff_id, until_at);
create index on break_glass (team_id, id);

alter table access_log
    alter column patient_id drop not null,
    add column deed text not null default 'look' check (deed in ('look', 'change', 'board', 'live', 'emergency', 'log')),
    add column team_id int references team,      -- whose patient it was then
    add column role text,                        -- of the staff member in that team, then; null: none
    add column roster_id bigint references roster,
    add column break_glass_id bigint references break_glass;
update access_log set team_id = (select team_id from patient where patient.id = access_log.patient_id);
alter table access_log
    alter column team_id set not null,
    add check (patient_id is null or roster_id is null),
    add check ((roster_id is not null) = (deed in ('board', 'live')));
create index on access_log (patient_id, id);
create index on access_log (team_id, id);
create index on access_log (roster_id) where roster_id is not null;

-- Why somebody came to see it is written down as it is at that moment.
create function access_log_why() returns trigger language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    if new.patient_id is not null then
        select team_id into new.team_id from patient where id = new.patient_id;
    end if;
    select role into new.role from staff_team where staff_id = new.staff_id and team_id = new.team_id;
    if new.role is null and new.break_glass_id is null then
        select max(id) into new.break_glass_id from break_glass
        where staff_id = new.staff_id and patient_id = new.patient_id and ended_at is null and until_at > now();
    end if;
    return new;
end $f$;
create trigger access_log_why before insert on access_log for each row execute function access_log_why();

-- Nobody takes back what was seen, whoever connects: rows go only with the table.
create function never_changes() returns trigger language plpgsql as $f$
begin
    raise insufficient_privilege using message = tg_table_name || ' is only ever added to';
end $f$;
create trigger never_changes before update or delete or truncate on access_log for each statement execute function never_changes();
create trigger never_changes before update or delete or truncate on roster for each statement execute function never_changes();
revoke update, delete, truncate on access_log, roster from public;

-- What staff do with an alert is a change of the patients that it is about, whatever route or program does it.
create function access_log_alert() returns trigger language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    insert into access_log (at, staff_id, patient_id, deed, what)
    select new.at, new.staff_id, p.id, 'change', 'alert ' || new.alert_id || ' ' || new.action
    from alert a
    join patient p on p.id = a.patient_id or (a.patient_id is null and p.home_id = a.home_id and p.active)
    where a.id = new.alert_id
    order by p.id;
    return null;
end $f$;
create trigger access_log_alert after insert on alert_history for each row when (new.staff_id is not null)
    execute function access_log_alert();

-- One entry for a board, and for what follows it on the socket, of each of the caller's own teams. `shown` null: all of it.
create function remember_roster(whose int, shown int[], how text, at_now timestamptz) returns void
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    everybody constant int[] not null := coalesce(
        (select array_agg(p order by p) from unnest(shown) p),
        (select array_agg(id order by id) from patient where team_id = whose and active and shown is null), '{}');
    sum constant bytea not null := sha256(everybody::text::bytea);
begin
    if not (whose = any (my_teams())) or how not in ('board', 'live') then
        raise insufficient_privilege;
    end if;
    insert into roster (team_id, digest, patients) values (whose, sum, everybody) on conflict do nothing;
    insert into access_log (at, staff_id, team_id, deed, what, roster_id)
    select at_now, my_staff_id(), whose, how, how, id from roster where team_id = whose and digest = sum;
end $f$;

create function my_opened() returns int[] language sql stable security definer set search_path = public, pg_temp as
    $f$ select coalesce(array_agg(patient_id), '{}') from break_glass
        where staff_id = my_staff_id() and ended_at is null and until_at > now() $f$;
create function my_audited_teams() returns int[] language sql stable security definer set search_path = public, pg_temp as
    $f$ select coalesce(array_agg(team_id), '{}') from staff_team where staff_id = my_staff_id() and role = 'auditor' $f$;

-- Who stands before the patient knows two things about him; who guesses one learns nothing. Told to the patient's team, in its
-- log and so on every screen, in the same transaction.
create function break_glass_open(wanted text, born date, because text, lasts interval, at_now timestamptz) returns bigint
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    their patient;
    opened bigint;
    seq bigint;
begin
    if not exists (select from staff_team where staff_id = my_staff_id() and role in ('nurse', 'doctor', 'coordinator')) then
        raise insufficient_privilege;
    end if;
    select * into their from patient p
    where p.reference = wanted and p.born_on = born and p.active and p.team_id <> all (my_teams());
    if their.id is null then
        return null;
    end if;
    insert into break_glass (staff_id, patient_id, team_id, reason, at, until_at)
    values (my_staff_id(), their.id, their.team_id, because, at_now, at_now + lasts) returning id into opened;
    insert into access_log (at, staff_id, patient_id, deed, what, break_glass_id)
    values (at_now, my_staff_id(), their.id, 'emergency', 'emergency access', opened);
    update team set head = head + 1 where id = their.team_id returning head into seq;
    insert into team_log (team_id, seq, at, type, body)
    values (their.team_id, seq, at_now, 'break_glass', jsonb_build_object('break_glass', opened));
    perform pg_notify('hjemvakt_team', their.team_id::text);
    return opened;
end $f$;
revoke execute on function remember_roster(int, int[], text, timestamptz),
    break_glass_open(text, date, text, interval, timestamptz) from public;
grant execute on function remember_roster(int, int[], text, timestamptz),
    break_glass_open(text, date, text, interval, timestamptz) to hjemvakt_api;

alter table roster enable row level security;
alter table break_glass enable row level security;
create policy audited on roster for select to hjemvakt_api using (team_id = any ((select my_audited_teams())::int[]));
-- The whole log of a patient goes along to the team where he is now.
create policy audited on access_log for select to hjemvakt_api using (
    team_id = any ((select my_audited_teams())::int[])
    or patient_id in (select id from patient where team_id = any ((select my_audited_teams())::int[])));
create policy mine on break_glass for select to hjemvakt_api using (
    staff_id = my_staff_id() or team_id = any ((select my_teams())::int[]));
create policy mine_to_end on break_glass for update to hjemvakt_api
    using (staff_id = my_staff_id() or team_id = any ((select my_teams())::int[]))
    with check (ended_by = my_staff_id());
grant select on roster, access_log, break_glass to hjemvakt_api;
grant update (ended_at, ended_by) on break_glass to hjemvakt_api;

-- What is opened is read, and nothing of it is changed: that stays with those who look after the patient.
create policy opened on patient for select to hjemvakt_api using (id = any ((select my_opened())::int[]));
create policy opened on home for select to hjemvakt_api using (
    id in (select home_id from patient where id = any ((select my_opened())::int[])));
create policy opened on alert for select to hjemvakt_api using (patient_id = any ((select my_opened())::int[]));

create function is_of_my_teams(patient_ int, home_ int) returns boolean
    language sql stable security definer set search_path = public, pg_temp as
    $f$ select not exists (select from patient where id = patient_ and team_id <> all (my_teams()))
           and not exists (select from home where id = home_ and team_id <> all (my_teams())) $f$;
create function is_alert_of_my_teams(alert_ bigint) returns boolean
    language sql stable security definer set search_path = public, pg_temp as
    $f$ select exists (select from alert where id = alert_ and team_id = any (my_teams())) $f$;

do $do$
declare
    each record;
    is_mine text;
    what text;
begin
    for each in
        select c.oid::regclass as relation,
               bool_or(a.attname = 'patient_id') as of_patient, bool_or(a.attname = 'home_id') as of_home,
               bool_or(a.attname = 'alert_id') as of_alert
        from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname in ('patient_id', 'home_id', 'alert_id')
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relrowsecurity
          and c.relname not in ('access_log', 'break_glass', 'team_log')
          and (has_any_column_privilege('hjemvakt_api', c.oid, 'insert') or has_any_column_privilege('hjemvakt_api', c.oid, 'update')
               or has_table_privilege('hjemvakt_api', c.oid, 'delete'))
        group by c.oid
    loop
        is_mine := case when each.of_alert then '(alert_id is null or is_alert_of_my_teams(alert_id))'
                   else format('is_of_my_teams(%s, %s)', case when each.of_patient then 'patient_id' else 'null' end,
                               case when each.of_home then 'home_id' else 'null' end) end;
        execute format('create policy not_what_is_opened on %s as restrictive for insert to hjemvakt_api with check (%s)',
                       each.relation, is_mine);
        foreach what in array array['update', 'delete'] loop
            execute format('create policy not_what_is_opened_%s on %s as restrictive for %s to hjemvakt_api using (%s)',
                           what, each.relation, what, is_mine);
        end loop;
    end loop;
end $do$;
create policy not_what_is_opened on deadline as restrictive for all to hjemvakt_api using (
    exists (select from alert where alert.subject_id = deadline.subject_id and is_alert_of_my_teams(alert.id)));
create policy not_what_is_opened on gateway_command as restrictive for insert to hjemvakt_api with check (
    exists (select from gateway where gateway.id = gateway_id and is_of_my_teams(null, gateway.home_id)));

create or replace view my_observation with (security_barrier) as
    select o.* from observation o
    where exists (select from patient p where p.id = o.patient_id
                  and (p.team_id = any ((select my_teams())::int[]) or p.id = any ((select my_opened())::int[])));
create or replace view my_latest with (security_barrier) as
    select l.* from latest l
    where exists (select from patient p where p.id = l.patient_id
                  and (p.team_id = any ((select my_teams())::int[]) or p.id = any ((select my_opened())::int[])));
create or replace view my_observation_hourly with (security_barrier) as
    select o.* from observation_hourly o
    where exists (select from patient p where p.id = o.patient_id
                  and (p.team_id = any ((select my_teams())::int[]) or p.id = any ((select my_opened())::int[])));
create or replace view my_observation_daily with (security_barrier) as
    select o.* from observation_daily o
    where exists (select from patient p where p.id = o.patient_id
                  and (p.team_id = any ((select my_teams())::int[]) or p.id = any ((select my_opened())::int[])));
create or replace view my_observation_hour with (security_barrier) as
    select o.patient_id, o.kind, o.hour, o.mean, o.low, o.high, o.n, o.readings, o.first_at, o.until, o.mode
    from observation_hour o
    where not exists (select from observation_dirty d where d.patient_id = o.patient_id and d.kind = o.kind and d.hour = o.hour)
      and exists (select from patient p where p.id = o.patient_id
                  and (p.team_id = any ((select my_teams())::int[]) or p.id = any ((select my_opened())::int[])));
create or replace view my_observation_dirty with (security_barrier) as
    select d.* from observation_dirty d
    where exists (select from patient p where p.id = d.patient_id
                  and (p.team_id = any ((select my_teams())::int[]) or p.id = any ((select my_opened())::int[])));

-- Sessions and passwords are not the api's to read: it asks about the one that it was given.
alter table session
    add column id bigint generated always as identity unique,
    add column used_at timestamptz not null default now(),
    add column way text not null default 'password';
alter table staff_team enable row level security;
create policy mine on staff_team for select to hjemvakt_api using (
    staff_id = my_staff_id() or team_id = any ((select my_teams())::int[]));
revoke select on staff, session from hjemvakt_api;
revoke insert, delete on session from hjemvakt_api;
grant select (id, name, initials, active) on staff to hjemvakt_api;

create function login_password(wanted text) returns table (staff_id int, password_hash text)
    language sql stable security definer set search_path = public, pg_temp as
    $f$ select id, staff.password_hash from staff where login = wanted and active $f$;
create function session_open(whose int, hash bytea, how text, at_now timestamptz, ends timestamptz, idle interval) returns void
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    delete from session where token_hash in (
        select token_hash from session where expires_at <= at_now or used_at <= at_now - idle limit 100);
    insert into session (token_hash, staff_id, opened_at, used_at, expires_at, way) values (hash, whose, at_now, at_now, ends, how);
end $f$;
create function session_close(hash bytea) returns void language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    delete from session where token_hash = hash;
    if found then
        perform pg_notify('hjemvakt_session', '');
    end if;
end $f$;
-- Those that are open, with the roles of their staff in each team.
create function sessions_standing(hashes bytea[], at_now timestamptz, idle interval)
    returns table (token_hash bytea, session_id bigint, staff_id int, expires_at timestamptz, used_at timestamptz, way text, roles jsonb,
                   opened int[])
    language sql stable security definer set search_path = public, pg_temp as $f$
    select s.token_hash, s.id, s.staff_id, s.expires_at, s.used_at, s.way,
           coalesce((select jsonb_object_agg(t.team_id, t.role) from staff_team t where t.staff_id = s.staff_id), '{}'),
           array(select b.patient_id from break_glass b where b.staff_id = s.staff_id and b.ended_at is null and b.until_at > at_now)
    from session s join staff on staff.id = s.staff_id and staff.active
    where s.token_hash = any (hashes) and s.expires_at > at_now and s.used_at > at_now - idle
$f$;
create function sessions_used(hashes bytea[], at_now timestamptz) returns void
    language sql security definer set search_path = public, pg_temp as $f$
    update session set used_at = at_now where token_hash in (
        select token_hash from session where token_hash = any (hashes) and used_at < at_now order by token_hash for update skip locked)
$f$;
-- One's own; and those of whoever is in a team that one administers.
create function my_sessions(whose int) returns table (session_id bigint, opened_at timestamptz, used_at timestamptz,
                                                      expires_at timestamptz, way text)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select s.id, s.opened_at, s.used_at, s.expires_at, s.way from session s
    where s.staff_id = whose and (whose = my_staff_id() or exists (
        select from staff_team mine join staff_team theirs using (team_id)
        where mine.staff_id = my_staff_id() and mine.role = 'administrator' and theirs.staff_id = whose))
$f$;
create function session_end(whose int, which bigint) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    delete from session where id = which and staff_id = whose and exists (select from my_sessions(whose) where session_id = which);
    if found then
        perform pg_notify('hjemvakt_session', '');
    end if;
    return found;
end $f$;
revoke execute on function login_password(text), session_open(int, bytea, text, timestamptz, timestamptz, interval),
    session_close(bytea), sessions_standing(bytea[], timestamptz, interval), sessions_used(bytea[], timestamptz), my_sessions(int),
    session_end(int, bigint) from public;
grant execute on function login_password(text), session_open(int, bytea, text, timestamptz, timestamptz, interval),
    session_close(bytea), sessions_standing(bytea[], timestamptz, interval), sessions_used(bytea[], timestamptz), my_sessions(int),
    session_end(int, bigint) to hjemvakt_api;
