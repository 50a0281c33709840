-- name: stay
-- Counting and dumping take as long as they take.
set idle_in_transaction_session_timeout = 0

-- name: begin
-- What is counted is what is dumped.
select pg_export_snapshot()

-- name: installation
-- Which installation it is.
select epoch, created_at from installation

-- name: timescale
-- Its hypertables are loaded by the version that wrote them.
select extversion from pg_extension where extname = 'timescaledb'

-- name: offered
-- Whether the server has that version.
select from pg_available_extension_versions where name = 'timescaledb' and version = %(version)s

-- name: sleep
-- Before a dump is loaded.
select timescaledb_pre_restore()

-- name: wake
-- After that.
select timescaledb_post_restore()

-- name: tables
-- All but what a restore writes anew. A partition's rows are its table's. TimescaleDB keeps the hours behind a view.
select relname from pg_class
where relnamespace = 'public'::regnamespace and not relispartition
  and (relkind in ('r', 'p') or relkind = 'v' and relname = 'observation_hour')
  and relname not in ('installation', 'session')
order by relname

-- name: things
-- Whatever somebody has made in this database; what an extension brings is not that.
select count(*) from pg_class
where relnamespace <> all (array(select oid from pg_namespace where nspname ~ '^pg_' or nspname = 'information_schema'))
  and relkind not in ('i', 'I')
  and not exists (select from pg_depend where classid = 'pg_class'::regclass and objid = pg_class.oid and deptype = 'e')

-- name: has_installation
-- Without a row in it a restore did not come to its end.
select to_regclass('public.installation') is not null

-- name: make_api_role
-- A dump holds rights of this role, and no roles.
do $$ begin
    if not exists (select from pg_roles where rolname = 'hjemvakt_api') then
        create role hjemvakt_api login;
    end if;
end $$

-- name: begin_epoch
-- The last step: from here on there is an installation. Gateways send again what the backup had not seen.
insert into installation (created_at) values (%(created_at)s) returning epoch
