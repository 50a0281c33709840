-- What people do with an alert until it is over: who is on the way, where it stands in its chain, and for how long it was put off.
alter table alert
    add column step smallint not null default 0,      -- where it stands in its chain
    add column next_at timestamptz,                   -- when it goes on along the chain; null: nothing is awaited
    add column on_way_at timestamptz,                 -- of its owner
    add column there_at timestamptz,
    add column contact_at timestamptz,                -- with who called, since the newest call
    add column contact_needed boolean not null default false,  -- not closed without it
    add column handled_by int references staff,
    add column quiet boolean not null default false,  -- waits for the morning list
    add column response text,                         -- what was agreed to happen out of hours
    add column snapshot jsonb,                        -- what whoever drives must know, as it was when the alert was raised
    add column snoozed_until timestamptz,             -- its owner has put it off: it rings again by then at the latest
    add check (snoozed_until is null or (state = 'acknowledged' and priority <> 'grey' and rule not like 'call:%'));

update alert set handled_by = (
    select staff_id from alert_history h where h.alert_id = alert.id and h.action = 'handled' order by rev desc limit 1)
where state = 'handled';
update alert set contact_needed = true
where state in ('raised', 'acknowledged', 'cleared') and evidence #>> '{numbers,urgent}' is not null;

-- Who put what off, until when and why. The alert says whether it holds; a row stays for ever.
create table snooze (
    id bigint generated always as identity primary key,
    alert_id bigint not null references alert,
    rule text not null,
    direction text check (direction in ('low', 'high')),
    up_to text not null check (up_to in ('yellow', 'red')),  -- what is worse rings
    from_at timestamptz not null,
    until_at timestamptz not null,
    said_by int not null references staff,
    reason text not null check (reason <> ''),
    ended_at timestamptz,
    ended_by int references staff,  -- null: the time, or a turn for the worse
    ended_because text,             -- the action in alert_history that ended it
    check (from_at < until_at and until_at <= from_at + interval '24 hours'),
    check (rule not like 'call:%' and rule not like 'technical:%'),
    check ((ended_at is null) = (ended_because is null))
);
create unique index snooze_one_of_alert on snooze (alert_id) where ended_at is null;

-- How long a team's alerts of a colour can be put off, in place of what Hjemvakt ships; 0: not at all. The newest row counts.
create table snooze_setting (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    priority text not null check (priority in ('yellow', 'red')),
    most_min int not null check (most_min between 0 and 1440),
    set_by int not null references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> '')
);
create index on snooze_setting (team_id, priority, id);

alter table snooze enable row level security;
alter table snooze_setting enable row level security;
create policy mine on snooze to hjemvakt_api using (exists (select from alert where alert.id = alert_id));
create policy in_own_name on snooze as restrictive for insert to hjemvakt_api with check (said_by = my_staff_id());
create policy mine on snooze_setting to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy in_own_name on snooze_setting as restrictive for insert to hjemvakt_api with check (set_by = my_staff_id());
grant select, insert on snooze, snooze_setting to hjemvakt_api;
grant update (ended_at, ended_by, ended_because) on snooze to hjemvakt_api;
grant update (step, next_at, on_way_at, there_at, contact_at, contact_needed, handled_by, quiet, response, snoozed_until)
    on alert to hjemvakt_api;

-- When a put-off alert rings again, and when an unanswered one goes on, is written with what staff do about it.
alter table deadline enable row level security;
create policy of_my_alerts on deadline to hjemvakt_api using (
    type in ('snooze', 'escalation') and exists (select from alert where alert.subject_id = deadline.subject_id));
grant select, insert, update, delete on deadline to hjemvakt_api;
