-- Tokens of other programs. Each program is a member of one team that is no person: what it reads stands in the access log.

alter table staff add column machine boolean not null default false;
grant select (machine) on staff to hjemvakt_api;

create table machine_token (
    id int generated always as identity primary key,
    staff_id int not null references staff,
    token_hash bytea not null unique,
    scopes text[] not null check (cardinality(scopes) > 0),
    made_at timestamptz not null,
    made_by text not null check (made_by <> ''),
    expires_at timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz,
    check (made_at < expires_at)
);
create unique index on machine_token (staff_id) where revoked_at is null;

create function machine_standing(hash bytea, at_now timestamptz)
    returns table (staff_id int, scopes text[], expires_at timestamptz, used_at timestamptz, roles jsonb)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select t.staff_id, t.scopes, t.expires_at, t.used_at,
           coalesce((select jsonb_object_agg(m.team_id, m.role) from staff_team m where m.staff_id = t.staff_id), '{}')
    from machine_token t join staff s on s.id = t.staff_id and s.active and s.machine
    where t.token_hash = hash and t.revoked_at is null and t.expires_at > at_now
$f$;
create function machine_used(hash bytea, at_now timestamptz) returns void
    language sql security definer set search_path = public, pg_temp as
    $f$ update machine_token set used_at = at_now where token_hash = hash $f$;
revoke execute on function machine_standing(bytea, timestamptz), machine_used(bytea, timestamptz) from public;
grant execute on function machine_standing(bytea, timestamptz), machine_used(bytea, timestamptz) to hjemvakt_api;
