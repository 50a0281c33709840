-- Several monitors share the load by bucket. With one monitor, which hears everything, all of this stays empty. Nothing of it
-- is the api's; what monitoring is told goes through a function.

create table monitor (
    name text primary key,   -- of one process, and no other ever
    host text not null,
    started_at timestamptz not null,
    alive_at timestamptz not null,  -- by the clock of the database
    hears boolean not null   -- all that is its
);

-- Rows that transactions hold FOR SHARE, so a bucket changes hands between two of them. The first of several monitors makes them.
create table bucket_share (
    bucket smallint primary key check (bucket between 0 and 63),
    monitor text             -- no reference: one that is gone is one that is not at work
);

create function monitor_figures() returns table (figure text, which text[], value float8)
    language sql stable security definer set search_path = public, pg_temp as $f$
    with living as (select name, hears from monitor where alive_at > clock_timestamp() - interval '8 seconds')
    select 'monitors', '{}'::text[], count(*)::float8 from living
    union all select 'buckets_unheard', '{}', (select count(*) from bucket_share s
        where not exists (select from living l where l.name = s.monitor and l.hears))::float8
        where exists (select from monitor)
$f$;
revoke all on function monitor_figures() from public;
grant execute on function monitor_figures() to hjemvakt_api;
