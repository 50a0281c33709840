-- Commands of gateways are numbered, said in somebody's name and answered; who said what to which gateway is kept for ever. And
-- what gateways hand in when they are asked how they are.

alter table gateway_command
    add column number bigint,    -- grows with each command of a gateway, also when this database was restored: it is the time in microseconds
    add column staff_id int references staff,  -- null: the server itself
    add column refused boolean,  -- null: not answered
    add column answer text not null default '';
update gateway_command set number = (extract(epoch from made_at) * 1000000)::bigint;
create index gateway_command_of on gateway_command (gateway_id, number);

create table gateway_log (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    gateway_id int not null references gateway,
    team_id int references team,    -- that looked after it then
    staff_id int references staff,  -- null: the server or the gateway itself
    command text not null,          -- its id
    what text not null,
    part text not null check (part in ('said', 'done', 'refused', 'expired', 'handed in')),
    until_at timestamptz,           -- of what was said
    detail text not null default ''
);
create index on gateway_log (gateway_id, at);
create index on gateway_log (command);
create trigger never_changes before update or delete or truncate on gateway_log for each statement execute function never_changes();
alter table gateway_log enable row level security;
create policy mine on gateway_log for select to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
grant select on gateway_log to hjemvakt_api;

-- The daily trial of the way of alarms has a table of its own, and nobody asked for it.
create function log_gateway_command(which gateway_command, part_ text, at_ timestamptz, staff_ int, detail_ text) returns void
    language sql security definer set search_path = public, pg_temp as $f$
    insert into gateway_log (at, gateway_id, team_id, staff_id, command, what, part, until_at, detail)
    select at_, g.id, coalesce(h.team_id, g.depot_team_id), staff_, which.id, coalesce(which.content::jsonb ->> 'command', ''), part_,
           case when part_ = 'said' then which.until_at end, detail_
    from gateway g left join home h on h.id = g.home_id
    where g.id = which.gateway_id
      and (which.staff_id is not null or which.content::jsonb ->> 'command' is distinct from 'prove')
$f$;
revoke execute on function log_gateway_command(gateway_command, text, timestamptz, int, text) from public;

create function number_gateway_command() returns trigger language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    new.staff_id := coalesce(my_staff_id(), new.staff_id);
    new.number := greatest((extract(epoch from clock_timestamp()) * 1000000)::bigint,
        (select max(number) + 1 from gateway_command where gateway_id = new.gateway_id));
    return new;
end $f$;
create trigger number_gateway_command before insert on gateway_command for each row execute function number_gateway_command();

create function follow_gateway_command() returns trigger language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    if tg_op = 'INSERT' then
        perform log_gateway_command(new, 'said', new.made_at, new.staff_id, coalesce(new.content::jsonb ->> 'version', ''));
    elsif tg_op = 'DELETE' then
        if old.done_at is null then
            perform log_gateway_command(old, 'expired', old.until_at, null, '');
        end if;
    elsif new.done_at is not null and old.done_at is null then
        perform log_gateway_command(new, case when new.refused then 'refused' else 'done' end, new.done_at, null, new.answer);
    end if;
    return null;
end $f$;
create trigger follow_gateway_command after insert or update or delete on gateway_command
    for each row execute function follow_gateway_command();

create table gateway_diagnosis (
    command text primary key,
    gateway_id int not null references gateway,
    at timestamptz not null,
    content text not null
);
create index on gateway_diagnosis (gateway_id, at);
alter table gateway_diagnosis enable row level security;
create policy installs on gateway_diagnosis for select to hjemvakt_api using (exists (
    select from gateway g left join home h on h.id = g.home_id
    where g.id = gateway_id and coalesce(h.team_id, g.depot_team_id) = any ((select my_installing_teams())::int[])));
grant select on gateway_diagnosis to hjemvakt_api;

-- Of the gateway that has this certificate, if it was asked for it. False: it was not. The newest five of each are kept.
create function diagnosis_hand_in(serial_ text, gateway_ text, command_ text, content_ text, at_now timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
declare
    asked gateway_command;
begin
    select c.* into asked from gateway_command c
    join certificate t on t.gateway_id = c.gateway_id and t.serial = serial_ and t.revoked_at is null
    join gateway g on g.id = c.gateway_id and g.name = gateway_
    where c.id = command_ and c.content::jsonb ->> 'command' = 'diagnose' and c.until_at > at_now - interval '1 hour';
    if asked.id is null then
        return false;
    end if;
    insert into gateway_diagnosis values (command_, asked.gateway_id, at_now, content_) on conflict (command) do nothing;
    if found then
        perform log_gateway_command(asked, 'handed in', at_now, null, length(content_) || ' characters');
        delete from gateway_diagnosis where gateway_id = asked.gateway_id and command not in (
            select command from gateway_diagnosis where gateway_id = asked.gateway_id order by at desc limit 5);
    end if;
    return true;
end $f$;
revoke execute on function diagnosis_hand_in(text, text, text, text, timestamptz) from public;
grant execute on function diagnosis_hand_in(text, text, text, text, timestamptz) to hjemvakt_api;

-- A version of the program, or how often gateways say a word, for all gateways of some teams: in rings, each when the one before
-- it is well.
create table rollout (
    id bigint generated always as identity primary key,
    team_ids int[] not null check (cardinality(team_ids) > 0),
    program text,       -- the version
    heartbeat_s real,
    rings int[] not null,
    made_at timestamptz not null,
    made_by int not null references staff,
    state text not null default 'running' check (state in ('running', 'stopped', 'done', 'ended')),
    ring int not null default 1,
    ring_at timestamptz not null,
    changed_at timestamptz not null,
    changed_by int references staff,  -- null: the server itself
    why text not null default '',
    check ((program is null) <> (heartbeat_s is null))
);
create index on rollout (id) where state = 'running';

create table rollout_gateway (
    rollout_id bigint not null references rollout,
    gateway_id int not null references gateway,
    ring int not null,
    state text not null default 'waits' check (state in ('waits', 'asked', 'there', 'done', 'failed')),
    asked_at timestamptz,
    changed_at timestamptz not null,
    command text,
    why text not null default '',
    primary key (rollout_id, gateway_id)
);
create index on rollout_gateway (gateway_id);

-- What the server asks of a gateway over what it knows of its home.
alter table gateway add column heartbeat_s real;

alter table rollout enable row level security;
alter table rollout_gateway enable row level security;
create policy mine on rollout for select to hjemvakt_api using (team_ids && (select my_installing_teams())::int[]);
create policy makes on rollout for insert to hjemvakt_api with check (
    team_ids <@ (select my_installing_teams())::int[] and made_by = my_staff_id() and state = 'running' and changed_by is not distinct from made_by);
create policy mine on rollout_gateway for select to hjemvakt_api using (exists (select from gateway g left join home h on h.id = g.home_id
    where g.id = gateway_id and coalesce(h.team_id, g.depot_team_id) = any ((select my_installing_teams())::int[])));
create policy makes on rollout_gateway for insert to hjemvakt_api with check (state = 'waits' and command is null and exists (
    select from gateway g left join home h on h.id = g.home_id join rollout r on r.id = rollout_id
    where g.id = gateway_id and coalesce(h.team_id, g.depot_team_id) = any (r.team_ids) and r.made_by = my_staff_id()));
create policy not_what_is_opened on rollout_gateway as restrictive for insert to hjemvakt_api with check (
    exists (select from gateway where gateway.id = gateway_id and is_of_my_teams(null, gateway.home_id)));
grant select, insert on rollout, rollout_gateway to hjemvakt_api;

-- 'ended' for good, or 'running' again: those that failed are asked once more. False: it is over, or another team's too.
create function rollout_decide(which bigint, state_ text, why_ text, at_now timestamptz) returns boolean
    language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    update rollout set state = state_, why = why_, changed_at = at_now, changed_by = my_staff_id(), ring_at = at_now
    where id = which and team_ids <@ my_installing_teams() and state_ in ('running', 'ended', 'stopped')
      and (state = 'stopped' or (state = 'running' and state_ <> 'running'));
    if not found then
        return false;
    end if;
    if state_ = 'running' then
        update rollout_gateway set state = 'waits', why = '', changed_at = at_now where rollout_id = which and state = 'failed';
    end if;
    perform remember_deed((select team_ids[1] from rollout where id = which), 'rollout ' || which || ' ' || state_, at_now);
    return true;
end $f$;
revoke execute on function rollout_decide(bigint, text, text, timestamptz) from public;
grant execute on function rollout_decide(bigint, text, text, timestamptz) to hjemvakt_api;
