-- Codes that an installation demands of roles; and programs that no password and no identity provider lets in.

-- What an administrator decided, when and why: the newest row counts, and none demands nothing.
create table code_demand (
    id int generated always as identity primary key,
    roles text[] not null check (roles <@ array['nurse', 'coordinator', 'doctor', 'technician', 'administrator', 'auditor']),
    set_by int not null references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> '')
);
alter table code_demand enable row level security;
create policy anybody on code_demand for select to hjemvakt_api using (true);
create policy by_administrators on code_demand for insert to hjemvakt_api with check (
    set_by = my_staff_id() and exists (select from staff_team where staff_id = my_staff_id() and role = 'administrator'));
grant select, insert (roles, set_by, set_at, reason) on code_demand to hjemvakt_api;

-- Whether somebody who came in this way must show a code first. How strong an identity provider's login is, the provider decides.
create function awaits_code(whose int, how text) returns boolean
    language sql stable security definer set search_path = public, pg_temp as $f$
    select how = 'password' and exists (
        select from staff_team t where t.staff_id = whose
        and t.role = any ((select roles from code_demand order by id desc limit 1)::text[]))
$f$;

-- As in 0020, and who has still to begin with codes; whoever has begun elsewhere comes in anew.
drop function sessions_standing(bytea[], timestamptz, interval);
create function sessions_standing(hashes bytea[], at_now timestamptz, idle interval)
    returns table (token_hash bytea, session_id bigint, staff_id int, expires_at timestamptz, used_at timestamptz, way text, roles jsonb,
                   opened int[], code_awaited boolean)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select s.token_hash, s.id, s.staff_id, s.expires_at, s.used_at, s.way,
           coalesce((select jsonb_object_agg(t.team_id, t.role) from staff_team t where t.staff_id = s.staff_id), '{}'),
           array(select b.patient_id from break_glass b where b.staff_id = s.staff_id and b.ended_at is null and b.until_at > at_now),
           awaited.code
    from session s join staff on staff.id = s.staff_id and staff.active
    cross join lateral (select awaits_code(s.staff_id, s.way) as code) awaited
    where s.token_hash = any (hashes) and s.expires_at > at_now and s.used_at > at_now - idle
      and not (awaited.code and exists (
          select from second_factor f where f.staff_id = s.staff_id and f.confirmed_at is not null))
$f$;

-- The first code was shown in this session. Whoever ends the codes came in without one, from then on.
create function session_coded(hash bytea) returns void language sql security definer set search_path = public, pg_temp as $f$
    update session set way = 'password and code' where token_hash = hash and staff_id = my_staff_id() and way = 'password'
$f$;
create or replace function second_factor_end() returns void
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    delete from second_factor where staff_id = my_staff_id();
    update session set way = 'password' where staff_id = my_staff_id() and way = 'password and code';
    perform pg_notify('hjemvakt_session', '');
end $f$;

revoke execute on function awaits_code(int, text), sessions_standing(bytea[], timestamptz, interval), session_coded(bytea) from public;
grant execute on function sessions_standing(bytea[], timestamptz, interval), session_coded(bytea) to hjemvakt_api;

-- A program has its token, and nothing else: whoever gave it a password would make a login that is nobody's.
alter table staff add check (not machine or password_hash = '!');
