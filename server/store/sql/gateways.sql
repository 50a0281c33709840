-- name: hold
-- Gateways with where they stand and whose they are, held until commit, in order of id.
select g.id, g.name, g.bucket, g.home_id, (select team_id from home where home.id = g.home_id), g.state, g.state_since,
       g.status ->> 'started', (g.status ->> 'at')::bigint, g.heard_at,
       coalesce(g.status -> 'troubles' ? %(clock_trouble)s, false)
from gateway g where g.id = any(%(ids)s) order by g.id for no key update

-- name: hear
-- The newest status. state_since moves with the state only.
update gateway
set state = %(state)s, state_since = case when state = %(state)s then state_since else %(at)s end,
    heard_at = case when %(heard)s then greatest(heard_at, %(at)s) else heard_at end, status = %(status)s
where id = %(id)s

-- name: silent
-- The clock's verdict on a gateway whose deadline has passed; answers when it was last heard of.
update gateway set state = 'silent', state_since = %(now)s where id = %(id)s
returning heard_at

-- name: recalled
-- Which of these are to be fetched, or were: until they are enrolled anew nobody awaits them.
select g.id from gateway g
where g.id = any(%(ids)s) and not g.enrolled and exists (select from recall r where r.gateway_id = g.id)

-- name: sight_outbox
-- This gateway speaks from this outbox; answers another one that has spoken since this one last did: they take turns.
with before as (
    select last_heard_at from gateway_outbox where gateway_id = %(id)s and outbox = %(outbox)s
), sighted as (
    insert into gateway_outbox (gateway_id, outbox, first_heard_at, last_heard_at)
    values (%(id)s, %(outbox)s, %(at)s, %(at)s)
    on conflict (gateway_id, outbox) do update set last_heard_at = greatest(gateway_outbox.last_heard_at, excluded.last_heard_at)
)
select o.outbox from gateway_outbox o, before
where o.gateway_id = %(id)s and o.outbox <> %(outbox)s
  and o.last_heard_at > before.last_heard_at and o.last_heard_at >= %(since)s
limit 1

-- name: homes_of
-- In which home each gateway stands, if in any.
select id, home_id from gateway where id = any(%(ids)s) and home_id is not null

-- name: nights
-- Which of these instants lie in the home's night, by the clock on its wall.
select u.n
from unnest(%(homes)s, %(instants)s::timestamptz[]) with ordinality as u (home, at, n)
     join home h on h.id = u.home
     cross join lateral (select (u.at at time zone 'Europe/Oslo')::time as local) l
where case when h.night_from <= h.night_to then l.local >= h.night_from and l.local < h.night_to
           else l.local >= h.night_from or l.local < h.night_to end
