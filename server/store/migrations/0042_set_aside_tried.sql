-- What was set aside is tried again when an administrator asks for it: who asked, why, and what became of it. Rows are
-- only added to by people, and outlive the message.
create table set_aside_try (
    id bigint generated always as identity primary key,
    set_aside_id bigint not null,
    asked_by int not null references staff,
    asked_at timestamptz not null,
    reason text not null check (reason <> ''),
    begun int not null default 0,  -- how often a monitor began with it
    tried_at timestamptz,  -- null: it waits
    stored int not null default 0,  -- readings that were new
    events int not null default 0,  -- what devices said happened, and was new
    refused int not null default 0,  -- rows
    why text not null default ''  -- nothing was refused
);
create unique index set_aside_try_waits on set_aside_try (set_aside_id) where tried_at is null;
create index set_aside_try_of on set_aside_try (set_aside_id, id);

-- Why it is not tried; null: it will be. A message is its team's administrators' matter, one of nobody any
-- administrator's.
create function set_aside_ask(message bigint, at_now timestamptz, because text) returns text
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    if not exists (
            select from set_aside a left join gateway g on g.name = a.gateway left join home h on h.id = g.home_id
            where a.id = message and exists (
                select from staff_team t where t.staff_id = my_staff_id() and t.role = 'administrator'
                and (h.team_id is null or t.team_id = h.team_id))) then
        return 'unknown';
    elsif (select count(*) from set_aside_try t where t.tried_at is null) >= 100 then
        return 'full';
    end if;
    insert into set_aside_try (set_aside_id, asked_by, asked_at, reason) values (message, my_staff_id(), at_now, because)
    on conflict do nothing;
    if not found then
        return 'waits';
    end if;
    perform pg_notify('hjemvakt_retry', '');
    return null;
end $f$;
revoke execute on function set_aside_ask(bigint, timestamptz, text) from public;
grant execute on function set_aside_ask(bigint, timestamptz, text) to hjemvakt_api;

create view my_set_aside_try with (security_barrier) as
    select t.id, t.set_aside_id, t.asked_by, t.asked_at, t.reason, t.tried_at, t.stored, t.events, t.refused, t.why
    from set_aside_try t join my_set_aside a on a.id = t.set_aside_id;
grant select on my_set_aside_try to hjemvakt_api;
