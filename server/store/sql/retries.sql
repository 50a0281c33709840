-- name: ask
-- Null: it will be tried; else why not.
select set_aside_ask(%(message)s, %(now)s, %(reason)s)

-- name: of
-- The newest tries of each message.
select t.* from unnest(%(messages)s::bigint[]) as m (id), lateral (
    select id, set_aside_id as message, asked_by, asked_at, reason, tried_at, stored, events, refused, why
    from my_set_aside_try where set_aside_id = m.id order by id desc limit %(most)s) t

-- name: staff
-- Who asks, by login.
select id from staff where login = %(login)s and active and not machine

-- name: listed
-- The newest messages, with how often each was tried.
select a.id, a.at, a.gateway, a.reason, octet_length(a.payload) as size,
       (select count(*) from set_aside_try t where t.set_aside_id = a.id) as tries
from set_aside a order by a.id desc limit %(most)s

-- name: answer
-- What became of a try.
select id, set_aside_id as message, asked_by, asked_at, reason, tried_at, stored, events, refused, why
from set_aside_try where set_aside_id = %(message)s order by id desc limit 1

-- name: begin
-- The next one that waits, the least begun first; of several monitors, of what is in its buckets, or in none.
update set_aside_try set begun = begun + 1 where id = (
    select t.id from set_aside_try t where t.tried_at is null and t.begun <= %(most)s
    and (%(monitor)s::text is null or not exists (
        select from set_aside a join bucket_share s on s.bucket::text = split_part(a.topic, '/', 3)
        where a.id = t.set_aside_id and s.monitor is distinct from %(monitor)s))
    order by t.begun, t.id limit 1 for update of t skip locked)
returning id, begun, (select a.topic from set_aside a where a.id = set_aside_id),
          (select a.payload from set_aside a where a.id = set_aside_id), (select a.at from set_aside a where a.id = set_aside_id)

-- name: hold
-- Whether it still waits, and is ours until commit.
select id from set_aside_try where id = %(id)s and tried_at is null for update skip locked

-- name: answered
-- Once.
update set_aside_try set tried_at = %(now)s, stored = %(stored)s, events = %(events)s, refused = %(refused)s, why = %(why)s
where id = %(id)s and tried_at is null
