-- name: beat
-- This monitor is at work; by the clock of the database, which all of them share.
insert into monitor (name, host, started_at, alive_at, hears) values (%(name)s, %(host)s, %(started)s, clock_timestamp(), %(hears)s)
on conflict (name) do update set alive_at = excluded.alive_at, hears = excluded.hears

-- name: living
-- Who is at work, and hears all that is its.
select name, hears, started_at from monitor where alive_at > clock_timestamp() - %(lasts)s::interval

-- name: holders
-- Whose each bucket is.
select bucket, monitor from bucket_share order by bucket

-- name: meet
-- All buckets, nobody's, once: even to change nothing it waits for whoever is moving one of them.
insert into bucket_share (bucket) select generate_series(0, %(buckets)s - 1) on conflict do nothing

-- name: take
-- What was nobody's, or is one's who is at work no longer. A row that a transaction holds waits for the next time.
update bucket_share set monitor = %(name)s where bucket in (
    select s.bucket from bucket_share s where s.bucket = any(%(buckets)s) and not exists (
        select from monitor m where m.name = s.monitor and m.alive_at > clock_timestamp() - %(lasts)s::interval)
    order by s.bucket for update skip locked)
returning bucket

-- name: give
-- Somebody else may have them.
update bucket_share set monitor = null where bucket = any(%(buckets)s) and monitor = %(name)s

-- name: leave
-- This monitor ends: what was its is one's who is at work no longer. No row of a bucket is waited for.
delete from monitor where name = %(name)s

-- name: forget
-- Monitors that have not been at work for long.
delete from monitor where alive_at < clock_timestamp() - %(after)s::interval

-- name: hold
-- Those of these buckets that are ours, and stay ours until commit.
select bucket from bucket_share where bucket = any(%(buckets)s) and monitor = %(name)s order by bucket for share

-- name: told
-- What all monitors together have told of themselves, held until commit.
select detail from role_life where role = 'monitor' for update
