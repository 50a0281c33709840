-- name: set_aside_count
-- How many messages could not be used.
select count(*) from my_set_aside

-- name: set_aside
-- The newest of them.
select id, at, gateway, topic, reason, size from my_set_aside order by at desc, id desc limit %(limit)s

-- name: unassigned
-- Devices whose readings belong to nobody, those with most first.
select address, readings from my_unassigned order by readings desc, address limit %(limit)s

-- name: lost_rows
-- Rows that gateways have declared lost.
select coalesce(sum(rows), 0)::bigint from my_lost_rows

-- name: unknown_fields
-- Fields of messages that the monitor did not know, since it started.
select coalesce(sum((lane.told ->> 'unknown_fields')::bigint), 0)::bigint
from role_life, jsonb_each(detail) as lane (name, told) where role = 'monitor'

-- name: homeless_gateways
-- Those that stand in no home.
select name as id, null::int as home, null::int as team, state, state_since, heard_at, status
from my_homeless_gateways order by name limit %(limit)s

-- name: configs
-- The newest configuration of each gateway, and what it says of it.
select gateway, version, made_at, published_at, fault, taken_version, taken_at, refused
from my_gateway_config where gateway = any(%(names)s::text[])

-- name: local_alarms
-- Alarms that gateways gave at home by themselves, because the line was down.
select gateway.name as gateway, device.address as device, event.occurred_at as at, event.received_at
from event
join device on device.id = event.device_id
left join gateway on gateway.id = event.gateway_id
where event.type = 'local_alarm' and event.occurred_at > %(from_at)s
order by event.occurred_at desc limit %(limit)s
