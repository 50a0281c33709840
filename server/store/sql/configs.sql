-- name: wanted
-- Every enrolled gateway that stands in a home, with what is bound now to that home or to those who live in it; and every
-- gateway for which something was prepared, or that is told something else.
with bound as (
    select b.home_id, b.device_id, b.slot, b.place, null::int as patient_id
    from binding b where b.home_id is not null and b.valid_from <= %(now)s and b.valid_to > %(now)s
    union all
    select p.home_id, b.device_id, b.slot, b.place, p.id
    from binding b join patient p on p.id = b.patient_id
    where p.home_id is not null and b.valid_from <= %(now)s and b.valid_to > %(now)s
)
, of_gateway as (
    select g.id as gateway_id, bound.device_id, bound.slot, bound.place, bound.patient_id
    from gateway g left join bound on bound.home_id = g.home_id where g.enrolled and g.home_id is not null
    union all
    select p.gateway_id, p.device_id, 0, null, null from prepared p join gateway g on g.id = p.gateway_id and g.enrolled
    union all
    select g.id, null, null, null, null from gateway g where g.enrolled and g.home_id is null and g.heartbeat_s is not null
)
select o.gateway_id, d.address, d.profile, coalesce(d.label, o.place, ''), d.cadence_s, o.slot, o.patient_id, k.set_at, g.heartbeat_s
from of_gateway o
     join gateway g on g.id = o.gateway_id
     left join device d on d.id = o.device_id and d.profile is not null
     left join device_key k on k.device_id = d.id
order by o.gateway_id, d.address, o.slot

-- name: digests
-- What each gateway's newest configuration is, and whether a restored backup fell behind the gateway.
select gateway_id, digest, fault, taken_version > version from gateway_config

-- name: renew
-- In order of key. A version never goes back, not even behind what a gateway took before a backup was restored.
insert into gateway_config (gateway_id, version, content, digest, made_at)
select g, extract(epoch from %(now)s::timestamptz)::bigint, c, d, %(now)s
from unnest(%(gateways)s, %(contents)s::text[], %(digests)s::text[]) as u (g, c, d) order by g
on conflict (gateway_id) do update
set version = least(greatest(excluded.version, gateway_config.version + 1, gateway_config.taken_version + 1), 9007199254740992),
    content = excluded.content, digest = excluded.digest, made_at = excluded.made_at, published_at = null, fault = '',
    refused = '', told = false

-- name: mark_fault
-- The newest configuration stays; why the next one cannot be made. A gateway without any gets one that changes nothing.
insert into gateway_config (gateway_id, version, content, digest, made_at, fault)
select g, extract(epoch from %(now)s::timestamptz)::bigint, 'null', '', %(now)s, f
from unnest(%(gateways)s, %(faults)s::text[]) as u (g, f) order by g
on conflict (gateway_id) do update set fault = excluded.fault

-- name: standing
-- What every gateway should have been told.
select g.id, g.name, g.bucket, c.version
from gateway_config c join gateway g on g.id = c.gateway_id
where g.enrolled and (g.home_id is not null or g.depot_team_id is not null)
order by g.id

-- name: keys
-- Of sensors that encrypt.
select d.address, k.sealed from device_key k join device d on d.id = k.device_id where d.address = any(%(addresses)s::text[])

-- name: contents
-- The configurations themselves.
select g.id, g.name, g.bucket, c.version, c.content, g.heartbeat_s
from gateway_config c join gateway g on g.id = c.gateway_id
where g.id = any(%(gateways)s) order by g.id

-- name: published
-- The broker has them; what counts is the first time. In order of key, as heartbeats are filed.
with mine as (
    select c.gateway_id from gateway_config c join unnest(%(gateways)s, %(versions)s) as u (g, v)
         on c.gateway_id = u.g and c.version = u.v and c.published_at is null
    order by c.gateway_id for no key update of c
)
update gateway_config c set published_at = %(now)s from mine where c.gateway_id = mine.gateway_id

-- name: known
-- What these gateways should have, and what they said last.
select gateway_id, version, published_at, taken_version, refused, told from gateway_config where gateway_id = any(%(gateways)s)

-- name: taken
-- What a gateway says that it uses; `told` belongs to the version that was looked at.
update gateway_config
set taken_at = case when taken_version = %(taken)s then taken_at else %(at)s end, taken_version = %(taken)s,
    refused = %(refused)s, told = case when version = %(version)s then %(told)s else told end
where gateway_id = %(gateway)s
