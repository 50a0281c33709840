-- What staff decide and say about a patient, kept for ever: the newest row of its kind counts, and who changed what is the rows.
-- And what detection needs beside readings: streams to be looked at again, what a home remembers, deadlines in parts.

-- Dated facts: type and value as in server/store/facts.py. A fact holds from `at` on, until the next of its type and kind.
create table care_fact (
    id bigint generated always as identity primary key,
    patient_id int not null references patient,
    type text not null,
    kind smallint,            -- of a baseline
    at timestamptz not null,
    until timestamptz,
    value jsonb not null,     -- 'null': from then on nothing of this type (and kind) holds
    said_by int references staff,  -- null: the patient
    said_at timestamptz not null,
    reason text not null default '',
    withdrawn_at timestamptz,      -- said by mistake: it never held
    withdrawn_by int references staff,
    check (until is null or at < until),
    check ((withdrawn_at is null) = (withdrawn_by is null)),
    check (said_by is not null or type in ('symptoms', 'oxygen_seen', 'consciousness'))
);
create index on care_fact (patient_id, type, at);
-- What was said ahead of its time: the clock role tells when it begins and ends.
create index care_fact_begins on care_fact (at) where at > said_at;
create index care_fact_ends on care_fact (until) where until is not null;

-- Limits of a pathway in a team, in place of the ones that Hjemvakt ships. All four null: this kind never alerts.
create table pathway_limit (
    id bigint generated always as identity primary key,
    team_id int not null references team,
    pathway text not null,
    kind smallint not null,
    red_low float8,
    yellow_low float8,
    yellow_high float8,
    red_high float8,
    removed boolean not null default false,  -- back to the shipped ones
    set_by int references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> '')
);
create index on pathway_limit (team_id, pathway, kind, set_at);

-- A patient's own limit can be taken back, too.
alter table patient_limit add column removed boolean not null default false;

-- Rules are data. For a pathway in a team, for a patient or for a home: on or off, and numbers in place of the shipped ones.
create table rule_setting (
    id bigint generated always as identity primary key,
    rule text not null,
    team_id int references team,
    pathway text,
    patient_id int references patient,
    home_id int references home,
    enabled boolean not null,
    numbers jsonb not null default '{}',
    removed boolean not null default false,
    set_by int references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> ''),
    check (num_nonnulls(team_id, patient_id, home_id) = 1),
    check ((team_id is null) = (pathway is null))
);
create index on rule_setting (team_id, pathway);
create index on rule_setting (patient_id);
create index on rule_setting (home_id);

-- When a patient measures what. `times`: in Europe/Oslo; `weekdays`: 1 is Monday; the value is awaited from before_min
-- before until after_min after. For a pathway in a team, or for a patient; an empty `times`: nothing is awaited.
create table measuring_plan (
    id bigint generated always as identity primary key,
    team_id int references team,
    pathway text,
    patient_id int references patient,
    kind smallint not null,
    weekdays smallint[] not null,
    times time[] not null,
    before_min int not null check (before_min between 0 and 1440),
    after_min int not null check (after_min between 0 and 1440),
    removed boolean not null default false,
    set_by int references staff,
    set_at timestamptz not null,
    reason text not null check (reason <> ''),
    check (num_nonnulls(team_id, patient_id) = 1),
    check ((team_id is null) = (pathway is null))
);
create index on measuring_plan (team_id, pathway);
create index on measuring_plan (patient_id);

-- Why nothing is awaited for a while. It always has an end; it never stops a call for help.
create table excuse (
    id bigint generated always as identity primary key,
    patient_id int references patient,
    home_id int references home,
    why text not null check (why in ('hospital', 'short_stay', 'holiday', 'away', 'other')),
    from_at timestamptz not null,
    to_at timestamptz not null,
    said_by int references staff,
    said_at timestamptz not null,
    reason text not null default '',
    ended_at timestamptz,
    ended_by int references staff,
    check (num_nonnulls(patient_id, home_id) = 1),
    check (from_at < to_at)
);
create index on excuse (patient_id, to_at);
create index on excuse (home_id, to_at);

-- Streams that have new readings which the slow rules have not looked at. Written with the readings, taken away with what was
-- found: between the two a row stands here, whoever dies. `since`: the oldest of the new readings. Kind 0: what is known about
-- the patient, or what is looked for, has changed, so that everything of the patient is to be looked at.
create table assessment (
    patient_id int not null,
    kind smallint not null,
    due_at timestamptz not null,
    since timestamptz not null,
    rev bigint not null default 1,       -- moves with every mark: who has looked takes away only what was there before
    faults smallint not null default 0,  -- how often to look at it has failed
    primary key (patient_id, kind)
) with (fillfactor = 60);
create index on assessment (due_at);
create index on assessment (patient_id) where faults > 0;

-- Whoever writes a fact, a rule or a pathway marks in the same transaction, whatever program it is.
create function assessment_mark(patients int[]) returns void language sql security definer set search_path = public, pg_temp as $f$
    insert into assessment (patient_id, kind, due_at, since)
    select distinct p, 0, timestamptz '1970-01-01 00:00+00', now() from unnest(patients) p order by p
    on conflict (patient_id, kind) do update set due_at = excluded.due_at, rev = assessment.rev + 1, faults = 0
$f$;
revoke execute on function assessment_mark(int[]) from public;
create function assessment_fact() returns trigger language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    perform assessment_mark(array[new.patient_id]);
    return null;
end $f$;
create trigger assessment_fact after insert or update on care_fact for each row execute function assessment_fact();
create function assessment_pathway() returns trigger language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    perform assessment_mark(array[new.id]);
    return null;
end $f$;
create trigger assessment_pathway after update of pathway, active on patient for each row execute function assessment_pathway();
create function assessment_rule() returns trigger language plpgsql security definer set search_path = public, pg_temp as $f$
begin
    perform assessment_mark(array(select id from patient where id = new.patient_id
                                  or (team_id = new.team_id and pathway = new.pathway)));
    return null;
end $f$;
create trigger assessment_rule after insert on rule_setting for each row execute function assessment_rule();

-- What a home remembers between events (who is in bed, out, which door stands open) and what is usual there.
create table home_state (
    home_id int primary key references home,
    state jsonb not null,
    moved_at timestamptz not null
) with (fillfactor = 60);

-- A subject can be awaited in several ways of one type: a measurement of each kind.
alter table deadline
    add column part text not null default '',
    add column detail jsonb not null default '{}',
    drop constraint deadline_type_subject_id_key,
    add unique (type, subject_id, part);
-- The expectation ledger looks at its rows when they are due, also at those that were alerted or are excused.
create index deadline_ledger on deadline (due_at) where type in ('measurement', 'sensor');

-- What somebody decided about a subject lately: the same is not raised anew, and a call soon after it is worse.
create index alert_handled on alert (subject_id, handled_at) where state = 'handled';

alter table care_fact enable row level security;
alter table pathway_limit enable row level security;
alter table rule_setting enable row level security;
alter table measuring_plan enable row level security;
alter table excuse enable row level security;
create policy mine on care_fact to hjemvakt_api using (exists (select from patient where patient.id = patient_id));
create policy mine on pathway_limit to hjemvakt_api using (team_id = any ((select my_teams())::int[]));
create policy mine on rule_setting to hjemvakt_api using (
    team_id = any ((select my_teams())::int[]) or exists (select from patient where patient.id = patient_id)
    or exists (select from home where home.id = rule_setting.home_id));
create policy mine on measuring_plan to hjemvakt_api using (
    team_id = any ((select my_teams())::int[]) or exists (select from patient where patient.id = patient_id));
create policy mine on excuse to hjemvakt_api using (
    exists (select from patient where patient.id = patient_id) or exists (select from home where home.id = excuse.home_id));
-- Patients' own limits are set by staff from now on.
create policy mine_to_set on patient_limit for insert to hjemvakt_api with check (
    set_by = my_staff_id() and exists (select from patient where patient.id = patient_id));
grant select, insert on care_fact, pathway_limit, rule_setting, measuring_plan, excuse to hjemvakt_api;
grant update (withdrawn_at, withdrawn_by) on care_fact to hjemvakt_api;
grant update (ended_at, ended_by) on excuse to hjemvakt_api;
grant insert on patient_limit to hjemvakt_api;
