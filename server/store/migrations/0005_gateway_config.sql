-- What the server tells gateways: a configuration each, and commands. And what an interval of a thinned stream needs:
-- the first and the last of its instants.

alter table device
    add column cadence_s real check (cadence_s between 0 and 3600),  -- null: as the profile says; 0: every value
    add column label text;  -- what stands on the device, for the technician; never a patient's name

-- The newest configuration of each gateway. `version`: the second in which it was made, or the next one after the last.
create table gateway_config (
    gateway_id int primary key references gateway,
    version bigint not null,
    content text not null,  -- "devices" as on the wire
    digest text not null,   -- of content
    made_at timestamptz not null,
    published_at timestamptz,                  -- first handed to the broker
    fault text not null default '',            -- why a newer one cannot be made
    taken_version bigint not null default 0,   -- in use at the gateway, as its heartbeat says; 0: none
    taken_at timestamptz,
    refused text not null default '',          -- why it does not take this one, as its heartbeat says
    told boolean not null default false        -- a technical alert was raised about this version
);

-- Said again until the gateway has done it or its time is over. `content`: the command as on the wire.
create table gateway_command (
    id text primary key,
    gateway_id int not null references gateway,
    content text not null,
    made_at timestamptz not null,
    until_at timestamptz not null,
    done_at timestamptz
);
create index gateway_command_open on gateway_command (until_at) where done_at is null;

alter table gateway_command enable row level security;
create policy mine on gateway_command for insert to hjemvakt_api with check (exists (select from gateway where gateway.id = gateway_id));
grant insert on gateway_command to hjemvakt_api;

-- Without `content`: the limits in it are a patient's.
create view my_gateway_config with (security_barrier) as
    select gateway.name as gateway, c.version, c.made_at, c.published_at, c.fault, c.taken_version, c.taken_at, c.refused
    from gateway_config c
    join gateway on gateway.id = c.gateway_id
    join home on home.id = gateway.home_id
    where home.team_id = any ((select my_teams())::int[]);
grant select on my_gateway_config to hjemvakt_api;

-- How long the interval is that begins at taken_at; 0: a single reading.
alter table latest add column span_s real not null default 0;
create or replace view my_latest with (security_barrier) as
    select l.* from latest l
    where exists (select from patient p where p.id = l.patient_id and p.team_id = any ((select my_teams())::int[]));

-- The end of the last interval; null: last_at was a single reading's.
alter table stream_state add column end_at timestamptz;

-- Alarms that gateways gave at home by themselves: few, and looked for by time.
create index event_local_alarm on event (occurred_at) where type = 'local_alarm';
