-- Who will be on duty, planned ahead; and who works in a team, as its administrators decide.

-- The clock carries a plan out: `begun_at`, `ended_at`. Ended without ever having begun: it could not be carried out.
create table duty_plan (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    staff_id int not null references staff,
    part text not null check (part in ('duty', 'backup', 'coordinator')),
    from_at timestamptz not null,
    to_at timestamptz not null,
    set_by int not null references staff,
    set_at timestamptz not null,
    taken_back_by int references staff,
    taken_back_at timestamptz,
    begun_at timestamptz,
    ended_at timestamptz,
    check (from_at < to_at),
    check ((taken_back_by is null) = (taken_back_at is null))
);
create index duty_plan_open on duty_plan (team_id, from_at) where ended_at is null and taken_back_at is null;
alter table duty_plan enable row level security;
create policy mine on duty_plan to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy in_own_name on duty_plan as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
create policy taken_back_in_own_name on duty_plan as restrictive for update to hjemvakt_api
    using (taken_back_at is null) with check (taken_back_by = my_staff_id());
grant select, insert (team_id, staff_id, part, from_at, to_at, set_by, set_at), update (taken_back_by, taken_back_at) on duty_plan
    to hjemvakt_api;

-- Who was given which role, and who left: added to, never changed.
create table member_change (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    staff_id int not null references staff,
    role text check (role in ('nurse', 'coordinator', 'doctor', 'technician', 'administrator', 'auditor')),  -- null: left
    set_by int not null references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> '')
);
create index member_change_of_team on member_change (team_id, id);
alter table member_change enable row level security;
create policy mine on member_change for select to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
grant select on member_change to hjemvakt_api;

-- What an administrator decides, and why it was not done; null: it is. Nobody decides about themselves, somebody always can
-- decide, and nobody leaves alerts or a duty behind. `answers`: with the new role alerts can be theirs.
create function member_set(team int, whose int, new_role text, answers boolean, at_now timestamptz, why text) returns text
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    if not exists (select from staff_team t where t.staff_id = my_staff_id() and t.team_id = team and t.role = 'administrator') then
        raise insufficient_privilege;
    end if;
    perform from staff_team t where t.team_id = team for update;
    if whose = my_staff_id() then
        return 'oneself';
    elsif not exists (select from staff s where s.id = whose and s.active and not s.machine) then
        return 'nobody';
    elsif new_role is null and not exists (select from staff_team t where t.staff_id = whose and t.team_id = team) then
        return 'nobody';
    elsif not answers and (
            exists (select from duty d where d.staff_id = whose and d.team_id = team and d.to_at is null)
            or exists (select from alert a where a.owner_id = whose and a.team_id = team
                       and a.state in ('raised', 'acknowledged', 'cleared'))) then
        return 'busy';
    end if;
    insert into member_change (team_id, staff_id, role, set_by, set_at, reason)
    values (team, whose, new_role, my_staff_id(), at_now, why);
    if new_role is null then
        delete from staff_team t where t.staff_id = whose and t.team_id = team;
    else
        insert into staff_team (staff_id, team_id, role) values (whose, team, new_role)
        on conflict (staff_id, team_id) do update set role = excluded.role;
    end if;
    if not answers then
        update duty_plan p set ended_at = at_now
        where p.staff_id = whose and p.team_id = team and p.ended_at is null and p.taken_back_at is null;
    end if;
    perform pg_notify('hjemvakt_session', '');
    return null;
end $f$;
-- By whose login an administrator finds a colleague.
create function member_find(wanted text) returns int
    language sql stable security definer set search_path = public, pg_temp as $f$
    select s.id from staff s where s.login = wanted and s.active and not s.machine
    and exists (select from staff_team t where t.staff_id = my_staff_id() and t.role = 'administrator')
$f$;
revoke execute on function member_set(int, int, text, boolean, timestamptz, text), member_find(text) from public;
grant execute on function member_set(int, int, text, boolean, timestamptz, text), member_find(text) to hjemvakt_api;
