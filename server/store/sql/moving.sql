-- name: others
-- Who else of us is at work in this database.
select string_agg(distinct application_name, ', ') from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and application_name ~ '^hjemvakt-'

-- name: tables
-- What holds rows of its own, with the columns that are written, and what it refers to. TimescaleDB keeps the hours behind a view.
select c.relname,
       array(select a.attname::text from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' order by a.attnum),
       array(select distinct f.confrelid::regclass::text from pg_constraint f
             where f.contype = 'f' and f.conrelid = c.oid and f.confrelid <> c.oid),
       array(select t.tgname::text from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal and t.tgname !~ '^ts_')
from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition order by 1

-- name: days
-- The days of which there are readings.
select array_agg(distinct date_bin('1 day', taken_at, '2000-01-01Z')) from observation

-- name: make_days
-- Room for them.
select observation_days(%(days)s::timestamptz[])

-- name: sequences
-- Where numbering stands: of identity columns, and on its own.
select schemaname || '.' || quote_ident(sequencename), last_value from pg_sequences
where schemaname = 'public' and last_value is not null

-- name: number_on
-- From there.
select setval(%(sequence)s::regclass, %(last)s)

-- name: count_anew
-- Hours are counted from the readings from the beginning on; until the clock is done with it, what is asked for is counted then.
update observation_kept set sealed_until = since, kept_until = since, thinned_until = %(thinned)s
from (select coalesce(date_bin('1 hour', min(taken_at), '2000-01-01Z'), date_bin('1 hour', now(), '2000-01-01Z')) as since
      from observation) o

-- name: thinned
-- How far readings have been thinned.
select thinned_until from observation_kept
