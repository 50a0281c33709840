-- name: make_table
-- What was applied, and what the file looked like then.
create table if not exists migration (
    name text primary key,
    checksum text not null,
    applied_at timestamptz not null default now()
)

-- name: try_lock
-- One migrating program at a time.
select pg_try_advisory_lock(%(key)s)

-- name: timescale
-- Its version, where it is.
select extversion from pg_extension where extname = 'timescaledb'

-- name: applied
-- The history.
select name, checksum from migration

-- name: record
-- In the transaction of the migration itself.
insert into migration (name, checksum) values (%(name)s, %(checksum)s)
