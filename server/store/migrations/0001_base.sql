-- The base: identities, readings, delivery, alerts, the team log and who may see what.
-- One schema for plain PostgreSQL and TimescaleDB; the last block is the only place that knows the difference.

-- One row. A restore writes a new epoch: gateways then send again what the backup had not seen, screens start afresh.
create table installation (
    one boolean primary key default true check (one),
    epoch text not null default substr(md5(random()::text || clock_timestamp()::text), 1, 16),
    created_at timestamptz not null default now()
);
insert into installation default values;

create table team (
    id int generated always as identity primary key,
    name text not null unique,
    head bigint not null default 0  -- the last seq in team_log; taken under this row's lock, so the log has no gaps
);

create table staff (
    id int generated always as identity primary key,
    login text not null unique,
    name text not null,
    initials text not null,
    password_hash text not null,
    active boolean not null default true
);

create table staff_team (
    staff_id int not null references staff,
    team_id int not null references team,
    role text not null check (role in ('nurse', 'coordinator', 'doctor', 'technician', 'administrator', 'auditor')),
    primary key (staff_id, team_id)
);

create table session (
    token_hash bytea primary key,
    staff_id int not null references staff,
    opened_at timestamptz not null default now(),
    expires_at timestamptz not null
);

create table home (
    id int generated always as identity primary key,
    name text not null unique,
    address text not null,
    team_id int not null references team,
    bucket smallint not null check (bucket between 0 and 63),
    -- Hours (Europe/Oslo) in which an opened front door is an alert: a proposal that the team edits per home.
    night_from time not null default '22:00',
    night_to time not null default '06:00'
);

create table patient (
    id int generated always as identity primary key,
    reference text not null unique,  -- the municipality's own reference; never on the wire
    name text not null,
    born_on date not null,
    pathway text not null check (pathway in ('kols', 'diabetes', 'heart_failure', 'palliative', 'safety')),
    team_id int not null references team,
    home_id int references home,
    virtual boolean not null default false,
    active boolean not null default true
);
create index on patient (team_id);
create index on patient (home_id);

-- A gateway that nobody enrolled is kept too (enrolled = false): its readings are stored as unassigned.
create table gateway (
    id int generated always as identity primary key,
    name text not null unique,
    home_id int references home,
    bucket smallint not null,
    enrolled boolean not null default false,
    state text not null default 'never' check (state in ('never', 'online', 'offline', 'lost', 'silent')),
    state_since timestamptz not null default now(),
    heard_at timestamptz,
    status jsonb not null default '{}'
);

-- Two outboxes that take turns under one gateway name are two gateways with one identity.
create table gateway_outbox (
    gateway_id int not null references gateway,
    outbox text not null,
    first_heard_at timestamptz not null,
    last_heard_at timestamptz not null,
    primary key (gateway_id, outbox)
);

create table device (
    id int generated always as identity primary key,
    address text not null unique,  -- Bluetooth address, capitals, colons
    profile text,                  -- null: heard of, never enrolled
    first_heard_at timestamptz,
    binding_rev int not null default 0  -- moves with every change of its bindings, so ingest knows when to read them again
);

-- Whose readings a device's are, from when to when. Meters with user slots have one binding per slot.
create table binding (
    id int generated always as identity primary key,
    device_id int not null references device,
    slot smallint not null default 0,
    patient_id int references patient,
    home_id int references home,
    place text,
    valid_from timestamptz not null,
    valid_to timestamptz not null default 'infinity',
    check (num_nonnulls(patient_id, home_id) = 1),
    check (valid_from < valid_to)
);
create index on binding (device_id, slot, valid_from);
create index on binding (patient_id);

-- Ingest holds the device row FOR SHARE while it files readings; a change of binding updates it, and so waits for that
-- batch, and the next batch waits for it and then sees another binding_rev. Programs change devices in order of id.
create function binding_changes() returns trigger language plpgsql as $f$
begin
    if tg_op <> 'INSERT' then
        update device set binding_rev = binding_rev + 1 where id = old.device_id;
    end if;
    if tg_op = 'DELETE' then
        return old;
    end if;
    if tg_op = 'INSERT' or new.device_id <> old.device_id then
        update device set binding_rev = binding_rev + 1 where id = new.device_id;
    end if;
    if exists (select from binding b where b.device_id = new.device_id and b.slot = new.slot and b.id <> new.id
               and b.valid_from < new.valid_to and new.valid_from < b.valid_to) then
        raise exclusion_violation using message = format('device %s slot %s is already bound in that period', new.device_id, new.slot);
    end if;
    return new;
end $f$;
create trigger binding_changes before insert or update or delete on binding for each row execute function binding_changes();

-- Delivery: what of each gateway's outbox is committed. Moves in the transaction that stores the rows.
create table watermark (
    gateway_id int not null references gateway,
    outbox text not null,
    lane text not null check (lane in ('alarm', 'bulk')),
    seq bigint not null,
    moved_at timestamptz not null,
    primary key (gateway_id, outbox, lane)
);

-- Rows that will never come, as the gateway declared them.
create table lost_rows (
    gateway_id int not null references gateway,
    outbox text not null,
    lane text not null,
    first_seq bigint not null,
    last_seq bigint not null,
    why text not null,
    declared_at timestamptz not null,
    primary key (gateway_id, outbox, lane, first_seq)
);

create table set_aside (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    gateway text,
    topic text not null,
    reason text not null,
    payload bytea not null
);

create sequence ingest_batch;

-- A live stream's silence between two samples.
create table stream_gap (
    device_id int not null references device,
    slot smallint not null,
    patient_id int references patient,
    from_at timestamptz not null,
    to_at timestamptz not null,
    why text not null,
    primary key (device_id, slot, from_at)
);

create table event (
    id bigint generated always as identity primary key,
    device_id int not null references device,
    slot smallint not null,
    type text not null,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    clock smallint not null,
    patient_id int references patient,
    home_id int references home,
    gateway_id int not null references gateway,
    unique (device_id, type, occurred_at)
);
create index on event (patient_id, occurred_at);

-- The board's values. fillfactor leaves room for updates in place.
create table latest (
    patient_id int not null,
    kind smallint not null,
    taken_at timestamptz not null,
    value float8,
    quality smallint not null,
    sign smallint not null,
    mode smallint not null,
    clock smallint not null,
    device_id int not null,
    received_at timestamptz not null,
    batch bigint not null,
    primary key (patient_id, kind)
) with (fillfactor = 60);

-- What a device says that is nobody's: not bound at the time, bound to a home, or about itself (battery).
create table device_observation (
    device_id int not null,
    slot smallint not null,
    kind smallint not null,
    taken_at timestamptz not null,
    span_s real not null,
    home_id int,
    value float8,
    low float8,
    high float8,
    n int not null,
    quality smallint not null,
    sign smallint not null,
    clock smallint not null,
    mode smallint not null,
    received_at timestamptz not null,
    primary key (device_id, slot, kind, taken_at, span_s)
);

create table patient_limit (
    patient_id int not null references patient,
    kind smallint not null,
    red_low float8,
    yellow_low float8,
    yellow_high float8,
    red_high float8,
    set_by int references staff,
    set_at timestamptz not null default now(),
    reason text not null,
    primary key (patient_id, kind, set_at)
);

-- What a ring of values cannot hold: where hysteresis and persistence stand. Moves with the readings.
create table stream_state (
    patient_id int not null,
    kind smallint not null,
    last_at timestamptz not null,
    level smallint not null,         -- -2 red low .. 2 red high
    since timestamptz,               -- the first reading of this level
    pending_level smallint not null, -- the level next to it that readings have been at, or beyond, without a break
    pending_since timestamptz,
    pending_far_since timestamptz,   -- the same for the level beyond that one
    primary key (patient_id, kind)
) with (fillfactor = 60);

-- Who or what an alert is about. Writers lock these rows by id before they read, decide and write.
create table subject (
    id bigint generated always as identity primary key,
    type text not null check (type in ('patient', 'home', 'gateway', 'device', 'cause')),
    reference text not null,  -- the row's id in its table, or the name of the cause
    unique (type, reference)
);

create table alert (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    subject_id bigint not null references subject,
    patient_id int references patient,
    home_id int references home,
    gateway_id int references gateway,
    device_id int references device,
    rule text not null,
    priority text not null check (priority in ('red', 'yellow', 'grey')),
    state text not null check (state in ('raised', 'acknowledged', 'cleared', 'handled', 'ended')),
    began_at timestamptz not null,   -- the reading's or event's own time
    raised_at timestamptz not null,  -- when the server raised it, or raised it again
    last_at timestamptz not null,    -- the newest reading or event that joined it
    late boolean not null,           -- came out of a backlog: shown with its own time, not as now
    count int not null default 1,
    condition_ended_at timestamptz,
    owner_id int references staff,
    acknowledged_at timestamptz,
    handled_at timestamptz,
    outcome text check (outcome in ('real_acted', 'real_no_action', 'measuring_error', 'technical', 'wrong_limit')),
    evidence jsonb not null,
    rev int not null default 1,
    check ((state = 'handled') = (handled_at is not null and outcome is not null)),
    check (state <> 'acknowledged' or owner_id is not null)
);
create unique index alert_one_open on alert (subject_id, rule) where state in ('raised', 'acknowledged', 'cleared');
create index alert_open_by_team on alert (team_id) where state in ('raised', 'acknowledged', 'cleared');
create index on alert (patient_id, began_at);

create table alert_history (
    alert_id bigint not null references alert,
    rev int not null,
    at timestamptz not null,
    action text not null,
    staff_id int references staff,  -- null: the system
    detail jsonb not null default '{}',
    primary key (alert_id, rev)
);

create table alert_seen (
    alert_id bigint not null references alert,
    screen text not null,
    staff_id int not null references staff,
    seen_at timestamptz not null,
    primary key (alert_id, screen)
);

-- The cursor of the live protocol: gap-free, because seq is team.head taken under the team row's lock.
create table team_log (
    team_id int not null references team,
    seq bigint not null,
    at timestamptz not null,
    type text not null,
    alert_id bigint references alert,
    body jsonb not null,
    primary key (team_id, seq)
);

-- Silence made durable: met, excused or alerted.
create table deadline (
    id bigint generated always as identity primary key,
    type text not null,
    subject_id bigint not null references subject,
    due_at timestamptz not null,
    every_s float8 not null,  -- from a sign of life until it is due
    state text not null default 'waiting' check (state in ('waiting', 'expired', 'excused')),
    unique (type, subject_id)
);
create index deadline_due on deadline (due_at) where state = 'waiting';

-- Sign of life of each role; the clock itself is watched through it.
create table role_life (
    role text primary key,
    alive_at timestamptz not null,
    started_at timestamptz not null,
    detail jsonb not null default '{}'
);

create table access_log (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    staff_id int not null references staff,
    patient_id int not null references patient,
    what text not null
);

-- The api's role owns nothing and sees what the staff member of the request may see.
do $$ begin
    if not exists (select from pg_roles where rolname = 'hjemvakt_api') then
        create role hjemvakt_api login;
    end if;
end $$;
grant hjemvakt_api to current_user;

create function my_staff_id() returns int language sql stable parallel safe
    return nullif(current_setting('hjemvakt.staff', true), '')::int;
create function my_teams() returns int[] language sql stable security definer set search_path = public, pg_temp as
    $f$ select coalesce(array_agg(team_id), '{}') from staff_team where staff_id = my_staff_id() $f$;

alter table patient enable row level security;
alter table home enable row level security;
alter table gateway enable row level security;
alter table binding enable row level security;
alter table event enable row level security;
alter table alert enable row level security;
alter table alert_history enable row level security;
alter table alert_seen enable row level security;
alter table team enable row level security;
alter table team_log enable row level security;
alter table patient_limit enable row level security;
alter table access_log enable row level security;

create policy mine on patient for select to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy mine on home for select to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy mine on gateway for select to hjemvakt_api using (exists (select from home where home.id = home_id));
create policy mine on binding for select to hjemvakt_api using (
    exists (select from patient where patient.id = patient_id) or exists (select from home where home.id = binding.home_id));
create policy mine on event for select to hjemvakt_api using (
    exists (select from patient where patient.id = patient_id) or exists (select from home where home.id = event.home_id));
create policy mine on alert to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy mine on alert_history to hjemvakt_api using (exists (select from alert where alert.id = alert_id));
create policy mine on alert_seen to hjemvakt_api using (exists (select from alert where alert.id = alert_id));
create policy mine on team to hjemvakt_api using (id = any ((select my_teams())::int[]));
create policy mine on team_log to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy mine on patient_limit for select to hjemvakt_api using (exists (select from patient where patient.id = patient_id));
create policy own_looks on access_log for insert to hjemvakt_api with check (staff_id = my_staff_id());

grant select on installation, team, staff, staff_team, session, home, patient, gateway, binding, device, event, alert, alert_history,
    alert_seen, team_log, patient_limit, subject, role_life to hjemvakt_api;
grant insert, delete on session to hjemvakt_api;
grant update (state, owner_id, acknowledged_at, handled_at, outcome, rev) on alert to hjemvakt_api;
grant update (head) on team to hjemvakt_api;
grant insert on alert_history, team_log, access_log to hjemvakt_api;
grant insert, update on alert_seen to hjemvakt_api;
-- Locking subject rows needs the right to update one column of them.
grant update (reference) on subject to hjemvakt_api;
