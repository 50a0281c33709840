-- A code beside the password, from an app on one's phone; and codes on paper for when the phone is gone.

-- `sealed`: by the key that is not in the database. `confirmed_at` null: begun, and not asked for yet.
create table second_factor (
    staff_id int primary key references staff,
    sealed bytea not null,
    made_at timestamptz not null,
    confirmed_at timestamptz,
    last_step bigint not null default 0  -- of the newest code that was taken: none is taken twice
);
create table recovery_code (
    staff_id int not null references second_factor on delete cascade,
    hash bytea not null,
    used_at timestamptz,
    primary key (staff_id, hash)
);

-- Before somebody is in, like a password: of the staff member whose password was right.
create function second_factor_of(whose int) returns table (sealed bytea, confirmed boolean)
    language sql stable security definer set search_path = public, pg_temp as
    $f$ select f.sealed, f.confirmed_at is not null from second_factor f where f.staff_id = whose $f$;
create function second_factor_take(whose int, step bigint) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    update second_factor set last_step = step where staff_id = whose and confirmed_at is not null and last_step < step;
    return found;
end $f$;
create function recovery_code_take(whose int, said bytea, at_now timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    update recovery_code set used_at = at_now where staff_id = whose and hash = said and used_at is null;
    return found;
end $f$;

-- One's own.
create function my_password() returns text language sql stable security definer set search_path = public, pg_temp as
    $f$ select password_hash from staff where id = my_staff_id() $f$;
create function my_login() returns text language sql stable security definer set search_path = public, pg_temp as
    $f$ select login from staff where id = my_staff_id() $f$;
create function my_second_factor() returns table (confirmed_at timestamptz, recovery_left int)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select f.confirmed_at, (select count(*)::int from recovery_code r where r.staff_id = f.staff_id and r.used_at is null)
    from second_factor f where f.staff_id = my_staff_id() and f.confirmed_at is not null
$f$;
-- False: one is in use, and has to be ended first.
create function second_factor_begin(secret bytea, at_now timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    insert into second_factor (staff_id, sealed, made_at) values (my_staff_id(), secret, at_now)
    on conflict (staff_id) do update set sealed = excluded.sealed, made_at = excluded.made_at
    where second_factor.confirmed_at is null;
    return found;
end $f$;
create function second_factor_confirm(step bigint, hashes bytea[], at_now timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    update second_factor set confirmed_at = at_now, last_step = step where staff_id = my_staff_id() and confirmed_at is null;
    if not found then
        return false;
    end if;
    insert into recovery_code (staff_id, hash) select my_staff_id(), unnest(hashes);
    return true;
end $f$;
create function second_factor_end() returns void language sql security definer set search_path = public, pg_temp as
    $f$ delete from second_factor where staff_id = my_staff_id() $f$;

revoke execute on function second_factor_of(int), second_factor_take(int, bigint), recovery_code_take(int, bytea, timestamptz),
    my_password(), my_login(), my_second_factor(), second_factor_begin(bytea, timestamptz),
    second_factor_confirm(bigint, bytea[], timestamptz), second_factor_end() from public;
grant execute on function second_factor_of(int), second_factor_take(int, bigint), recovery_code_take(int, bytea, timestamptz),
    my_password(), my_login(), my_second_factor(), second_factor_begin(bytea, timestamptz),
    second_factor_confirm(bigint, bytea[], timestamptz), second_factor_end() to hjemvakt_api;
