-- How gateways get to be ours: our own certificate authority, boxes that were prepared, who asks to be let in, certificates.
-- Nothing of it is the api's to read or write but through the functions and the view below: the authority's key least of all.
-- Whoever changes an enrolment or a certificate takes the lock 'hjemvakt.enrolment' first: few do, and rarely.

create table authority (
    one boolean primary key default true check (one),
    certificate text not null,
    sealed_key bytea,  -- null: another program signs
    made_at timestamptz not null
);

-- A code that was made for a box, and how its gateway is to be called.
create table birth (
    code text primary key,
    gateway text not null,
    made_at timestamptz not null
);

create table enrolment (
    id bigint generated always as identity primary key,
    code text,               -- null: it renews
    renews text,             -- a certificate's serial
    key text not null,       -- SHA-256 of the public key
    csr text not null,
    model text not null default '',
    version text not null default '',
    ticket_hash bytea not null unique,
    asked_at timestamptz not null,
    heard_at timestamptz not null,
    state text not null default 'waiting' check (state in ('waiting', 'accepted', 'issued', 'refused')),
    gateway text,            -- its name, from the acceptance on
    home_id int references home,
    decided_by int references staff,
    decided_at timestamptz,
    why text not null default '',
    fault text not null default '',  -- why it could not be signed until now
    next_at timestamptz,
    check ((code is null) <> (renews is null)),
    check (state in ('waiting', 'refused') or gateway is not null)
);
create unique index on enrolment (code, key) where code is not null;
create unique index on enrolment (renews, key) where renews is not null;
create unique index enrolment_name on enrolment (gateway) where state = 'accepted' and code is not null;
create index on enrolment (asked_at) where state = 'waiting';
create index on enrolment (id) where state = 'accepted';

-- `serial`: hex, as `openssl x509 -serial` says it in small letters. In force: neither over nor revoked.
create table certificate (
    serial text primary key,
    gateway_id int not null references gateway,
    enrolment_id bigint not null unique references enrolment,
    certificate text not null,
    key text not null,
    not_before timestamptz not null,
    not_after timestamptz not null,
    used_at timestamptz,
    revoked_at timestamptz,
    revoked_by int references staff,
    why text check (why in ('renewed', 'replaced', 'lost', 'stolen', 'returned')),
    check ((revoked_at is null) = (why is null))
);
create index on certificate (gateway_id) where revoked_at is null;

create function my_installing_teams() returns int[] language sql stable security definer set search_path = public, pg_temp as
    $f$ select coalesce(array_agg(team_id order by team_id), '{}') from staff_team
        where staff_id = my_staff_id() and role in ('technician', 'administrator') $f$;

create function authority_certificate() returns text language sql stable security definer set search_path = public, pg_temp as
    $f$ select certificate from authority $f$;

-- 'waiting': kept. 'full': too many strangers wait. 'tried': the code came with other keys already, or belongs to another gateway.
create function enrolment_ask(code_ text, key_ text, csr_ text, model_ text, version_ text, hash bytea, at_now timestamptz,
                              lasts interval, most int) returns text
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    perform pg_advisory_xact_lock(hashtext('hjemvakt.enrolment'));
    delete from enrolment where state in ('waiting', 'refused') and asked_at < at_now - lasts;
    update enrolment set csr = csr_, ticket_hash = hash, model = model_, version = version_, heard_at = at_now
    where code = code_ and key = key_;
    if found then
        return 'waiting';
    end if;
    if (select count(*) from enrolment where code = code_) >= 2 then
        return 'tried';
    end if;
    if not exists (select from birth where code = code_)
       and (select count(*) from enrolment e where state in ('waiting', 'refused') and code is not null
            and not exists (select from birth b where b.code = e.code)) >= most then
        return 'full';
    end if;
    insert into enrolment (code, key, csr, model, version, ticket_hash, asked_at, heard_at)
    values (code_, key_, csr_, model_, version_, hash, at_now, at_now);
    return 'waiting';
end $f$;

-- 'waiting': kept, and signed soon. Else why not; a certificate that was followed by a newer one is 'renewed'.
create function renewal_ask(serial_ text, key_ text, csr_ text, hash bytea, at_now timestamptz) returns text
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    old certificate;
begin
    perform pg_advisory_xact_lock(hashtext('hjemvakt.enrolment'));
    select * into old from certificate where serial = serial_;
    if old.serial is null then
        return 'unknown';
    elsif old.revoked_at is not null then
        return old.why;
    end if;
    update enrolment set csr = csr_, ticket_hash = hash, heard_at = at_now where renews = serial_ and key = key_;
    if found then
        return 'waiting';
    elsif (select count(*) from enrolment where renews = serial_) >= 20 then
        return 'full';
    end if;
    insert into enrolment (renews, key, csr, ticket_hash, asked_at, heard_at, state, gateway, home_id)
    select serial_, key_, csr_, hash, at_now, at_now, 'accepted', name, home_id from gateway where id = old.gateway_id;
    perform pg_notify('hjemvakt_trust', '');
    return 'waiting';
end $f$;

create function enrolment_standing(hash bytea)
    returns table (state text, why text, gateway text, bucket smallint, certificate text, revoked text)
    language sql stable security definer set search_path = public, pg_temp as $f$
    select e.state, e.why, e.gateway, g.bucket, c.certificate, c.why
    from enrolment e left join certificate c on c.enrolment_id = e.id left join gateway g on g.id = c.gateway_id
    where e.ticket_hash = hash
$f$;

-- Those that wait for a technician. Two keys with one code: somebody else knows it, and neither is let in.
create view my_enrolments with (security_barrier) as
    select e.id, e.code, e.key, e.model, e.version, e.asked_at, e.heard_at, e.state, e.gateway, e.fault, b.gateway as born,
           exists (select from enrolment o where o.code = e.code and o.key <> e.key) as doubtful
    from enrolment e left join birth b on b.code = e.code
    where e.code is not null and e.state in ('waiting', 'accepted') and cardinality((select my_installing_teams())) > 0;

create function remember_deed(team_ int, what_ text, at_now timestamptz) returns void
    language sql security definer set search_path = public, pg_temp as
    $f$ insert into access_log (at, staff_id, team_id, deed, what) values (at_now, my_staff_id(), team_, 'change', what_) $f$;

-- 'accepted', or why not: 'forbidden', 'gone', 'doubtful', 'decided', 'home', 'name' (another gateway has it, and a certificate).
create function enrolment_accept(which bigint, home_ int, name_ text, at_now timestamptz) returns text
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
       or exists (select from gateway g join home h on h.id = g.home_id
                  where g.name = name_ and h.team_id <> all (my_installing_teams())) then
        return 'name';
    end if;
    update enrolment set state = 'accepted', gateway = name_, home_id = home_, decided_by = my_staff_id(), decided_at = at_now
    where id = which;
    perform remember_deed(theirs, 'lets in gateway ' || name_, at_now);
    perform pg_notify('hjemvakt_trust', '');
    return 'accepted';
end $f$;

create function enrolment_refuse(which bigint, because text, at_now timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    update enrolment set state = 'refused', why = because, decided_by = my_staff_id(), decided_at = at_now
    where id = which and code is not null and state = 'waiting' and cardinality(my_installing_teams()) > 0;
    if found then
        perform remember_deed((my_installing_teams())[1], 'refuses enrolment ' || which, at_now);
    end if;
    return found;
end $f$;

-- How many certificates ended by it; null: no gateway of one's teams is called so.
create function gateway_revoke(name_ text, because text, at_now timestamptz) returns int
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    whose int;
    theirs int;
    ended int;
begin
    perform pg_advisory_xact_lock(hashtext('hjemvakt.enrolment'));
    select g.id, h.team_id into whose, theirs from gateway g join home h on h.id = g.home_id
    where g.name = name_ and h.team_id = any (my_installing_teams());
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

revoke execute on function my_installing_teams(), authority_certificate(),
    enrolment_ask(text, text, text, text, text, bytea, timestamptz, interval, int),
    renewal_ask(text, text, text, bytea, timestamptz), enrolment_standing(bytea), remember_deed(int, text, timestamptz),
    enrolment_accept(bigint, int, text, timestamptz), enrolment_refuse(bigint, text, timestamptz),
    gateway_revoke(text, text, timestamptz) from public;
grant execute on function my_installing_teams(), authority_certificate(),
    enrolment_ask(text, text, text, text, text, bytea, timestamptz, interval, int),
    renewal_ask(text, text, text, bytea, timestamptz), enrolment_standing(bytea),
    enrolment_accept(bigint, int, text, timestamptz), enrolment_refuse(bigint, text, timestamptz),
    gateway_revoke(text, text, timestamptz) to hjemvakt_api;
grant select on my_enrolments to hjemvakt_api;
