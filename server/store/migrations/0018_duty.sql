-- Who is on duty, whom an alert is called to and when, and at what hours. Nothing is changed in place: the newest counts.

create table duty (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    staff_id int not null references staff,
    part text not null check (part in ('duty', 'backup', 'coordinator')),
    from_at timestamptz not null,
    to_at timestamptz,               -- null: still on duty
    started_by int references staff,
    ended_by int references staff,
    note text not null default '',   -- why nobody was left on duty
    check (from_at <= to_at)
);
create unique index duty_once on duty (team_id, staff_id, part) where to_at is null;
create index duty_now on duty (team_id) where to_at is null;

-- A team's chains for a colour, as a whole: the newest set counts. Removed: back to what Hjemvakt ships.
create table chain_set (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    priority text not null check (priority in ('red', 'yellow', 'grey')),
    unlogged_s int not null check (unlogged_s between 60 and 86400),  -- so long may nothing be logged of what somebody has
    again_s int not null check (again_s between 30 and 86400),        -- from the last step to where it begins again
    removed boolean not null default false,
    set_by int not null references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> '')
);
create index on chain_set (team_id, priority, id);

-- `chain`: of several in a set the first whose hours (Europe/Oslo) hold. `weekdays`: on which they begin, 1 is Monday.
create table chain_step (
    set_id bigint not null references chain_set,
    chain smallint not null,
    position smallint not null,
    weekdays smallint[] not null,
    from_time time not null,
    to_time time not null,
    part text check (part in ('duty', 'backup', 'coordinator')),
    staff_id int references staff,
    phone_name text,
    phone text,
    after_s int not null check (after_s between 0 and 86400),
    primary key (set_id, chain, position),
    check (num_nonnulls(part, staff_id, phone) = 1),
    check ((phone is null) = (phone_name is null))
);

-- When alerts of a colour ring; else they wait for the morning list. No row, or the newest removed: what stands behind it.
create table service_hours (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    municipality text references municipality,  -- null: whichever
    pathway text,                               -- null: whichever
    priority text not null check (priority in ('red', 'yellow')),
    periods jsonb not null default '[]',        -- [{"weekdays": [1], "from": "08:00", "to": "22:00"}]
    response text,                              -- what was agreed to happen out of hours
    removed boolean not null default false,
    set_by int not null references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> '')
);
create index on service_hours (team_id, priority, id);

-- Who was called about an alert, in which step; `rev`: the change of the alert that did it.
create table alert_call (
    alert_id bigint not null references alert,
    rev int not null,
    place smallint not null,
    step smallint not null,
    staff_id int references staff,
    name text not null,
    phone text,
    at timestamptz not null,
    primary key (alert_id, rev, place)
);

create index deadline_escalation on deadline (due_at) where type = 'escalation' and state = 'waiting';
-- What stood red before there were chains is told again, once.
insert into deadline (type, subject_id, part, due_at, every_s)
select 'escalation', subject_id, id::text, now() + interval '15 minutes', 900
from alert
where state in ('raised', 'acknowledged', 'cleared') and priority = 'red' and snoozed_until is null
on conflict do nothing;
alter table duty enable row level security;
alter table chain_set enable row level security;
alter table chain_step enable row level security;
alter table service_hours enable row level security;
alter table alert_call enable row level security;
create policy mine on duty to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy mine on chain_set to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy mine on chain_step to hjemvakt_api using (exists (select from chain_set where chain_set.id = set_id));
create policy mine on service_hours to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy mine on alert_call to hjemvakt_api using (exists (select from alert where alert.id = alert_id));
create policy in_own_name on duty as restrictive for insert to hjemvakt_api with check (started_by = my_staff_id());
create policy in_own_name on chain_set as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
create policy in_own_name on service_hours as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
grant select, insert on duty, chain_set, chain_step, service_hours, alert_call to hjemvakt_api;
grant update (to_at, ended_by, note) on duty to hjemvakt_api;
