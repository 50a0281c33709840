-- Which user of a device measured, so that readings can find another place when a binding was wrong; what such moves leave
-- behind; and how long readings are kept.

-- The slot belongs to the key: two users of one device may be one person, and measure the same kind at the same instant.
do $do$
declare
    has_timescale constant boolean := exists (select from pg_extension where extname = 'timescaledb');
begin
    if has_timescale then  -- a compressed hypertable does not let its key go
        perform remove_compression_policy('observation', if_exists => true);
        perform decompress_chunk(chunk, true) from show_chunks('observation') chunk;
        execute $t$ alter table observation set (timescaledb.compress = false) $t$;
    end if;
    alter table observation add column slot smallint not null default 0, drop constraint observation_pkey;
    -- Until now the slot decided whose a reading is, so the binding says which slot it was.
    update observation o set slot = b.slot
    from binding b
    where b.slot <> 0 and b.device_id = o.device_id and b.patient_id = o.patient_id
      and b.valid_from <= o.taken_at and o.taken_at < b.valid_to
      and not exists (select from binding lower
                      where lower.slot < b.slot and lower.device_id = o.device_id and lower.patient_id = o.patient_id
                        and lower.valid_from <= o.taken_at and o.taken_at < lower.valid_to);
    alter table observation add primary key (patient_id, kind, taken_at, span_s, device_id, slot) include (value);
    if has_timescale then
        execute $t$ alter table observation set (timescaledb.compress, timescaledb.compress_segmentby = 'patient_id,kind',
            timescaledb.compress_orderby = 'taken_at,span_s,device_id,slot') $t$;
        perform add_compression_policy('observation', interval '7 days');
    end if;
end $do$;

create or replace view my_observation with (security_barrier) as
    select o.* from observation o
    where exists (select from patient p where p.id = o.patient_id and p.team_id = any ((select my_teams())::int[]));

-- A change of bindings that reaches back. Its readings move in pieces: `next_at` is how far that has come.
create table rebinding (
    id int generated always as identity primary key,
    device_id int not null references device,
    slot smallint not null,
    from_at timestamptz not null,
    to_at timestamptz not null,
    changed_by text not null,
    changed_at timestamptz not null,
    reason text not null,
    before jsonb not null,  -- the bindings of the device's slot that it changed, as they were
    after jsonb not null,
    next_at timestamptz,
    done_at timestamptz,
    check (from_at < to_at)
);
create index rebinding_open on rebinding (id) where done_at is null;

-- What moved. 0 is nobody: of a device that is bound to a home, patient is 0; of one that was not bound, both.
create table refiling (
    rebinding_id int not null references rebinding,
    what text not null check (what in ('reading', 'event', 'gap')),
    from_patient_id int not null,
    from_home_id int not null,
    to_patient_id int not null,
    to_home_id int not null,
    rows bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (rebinding_id, what, from_patient_id, from_home_id, to_patient_id, to_home_id)
);

-- How long readings are kept: the newest row counts. Without one, and with keep_days null, nothing is ever deleted.
create table retention_decision (
    id int generated always as identity primary key,
    keep_days int check (keep_days >= 30),
    decided_by text not null check (decided_by <> ''),
    decided_at timestamptz not null,
    reason text not null check (reason <> '')
);

create table deletion (
    id bigint generated always as identity primary key,
    decision_id int not null references retention_decision,
    at timestamptz not null,
    what text not null,  -- the partition, or the table
    before timestamptz not null,
    rows bigint not null
);
