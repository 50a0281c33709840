-- name: gateways
-- Who these names are.
select name, id from gateway where name = any(%(names)s)

-- name: meet_gateways
-- Gateways that nobody enrolled are kept too: their readings are nobody's.
insert into gateway (name, bucket) select * from unnest(%(names)s::text[], %(buckets)s) on conflict do nothing

-- name: devices
-- Which devices these addresses are.
select address, id from device where address = any(%(addresses)s)

-- name: meet_devices
-- Devices that nobody enrolled.
insert into device (address, first_heard_at)
select address, %(at)s from unnest(%(addresses)s::text[]) as address order by address
on conflict do nothing

-- name: hold_devices
-- Until commit no binding of these devices changes. In order of id, as every program that changes them.
select id, binding_rev from device where id = any(%(ids)s) order by id for share

-- name: bindings
-- Whose readings these devices' are, from when to when; an open end is far in the future.
select device_id, slot, coalesce(patient_id, 0), coalesce(home_id, 0), coalesce(place, ''),
       greatest(valid_from, '2000-01-01 00:00+00'), least(valid_to, '2200-01-01 00:00+00')
from binding where device_id = any(%(ids)s) order by device_id, slot, valid_from

-- name: addresses
-- The devices' names.
select id, address from device where id = any(%(ids)s)

-- name: enrol_devices
-- Address and profile; what was only heard of becomes enrolled. In order of address: the same order everywhere.
insert into device (address, profile) select * from unnest(%(addresses)s::text[], %(profiles)s::text[]) as d (address, profile)
order by address
on conflict (address) do update set profile = excluded.profile where device.profile is distinct from excluded.profile
