-- name: homes
-- Of these teams, with what stands in them. The address of who is protected stands in no list.
select h.id as home, h.name, case when home_is_protected(h.id) then '' else h.address end as address, h.team_id as team,
       coalesce((select array_agg(g.name order by g.name) from gateway g where g.home_id = h.id and g.enrolled), '{}') as gateways,
       (select count(distinct b.device_id) from binding b left join patient p on p.id = b.patient_id
        where coalesce(b.home_id, p.home_id) = h.id and b.valid_from <= %(now)s and b.valid_to > %(now)s) as sensors,
       (select count(*) from patient p where p.home_id = h.id and p.active) as residents,
       (select max(i.at) from installation_protocol i where i.home_id = h.id) as finished_at
from home h where h.team_id = any(%(teams)s) and (%(home)s::int is null or h.id = %(home)s) order by h.name, h.id

-- name: residents
-- Who lives there; the look is remembered.
select patient, reference, name from installation_residents(%(home)s, %(now)s, %(again)s)

-- name: gateways
-- Those that stand in a home, or, without one, at these teams' depots.
select g.id, g.name, g.label, g.home_id as home, g.depot_team_id as depot_team, g.state, g.heard_at, g.status
from gateway g
where g.enrolled and case when %(home)s::int is null then g.home_id is null and g.depot_team_id = any(%(teams)s)
                          else g.home_id = %(home)s end
order by g.name

-- name: gateway
-- One of the caller's, wherever it stands.
select g.id, g.name, g.label, g.home_id as home, g.depot_team_id as depot_team, g.state, g.heard_at, g.status
from gateway g left join home h on h.id = g.home_id
where g.name = %(name)s and g.enrolled and coalesce(h.team_id, g.depot_team_id) = any(%(teams)s)

-- name: trust
-- Since when each gateway of a home is let in, and until when its certificate is good.
select gateway, let_in_at, until_at from installation_trust(%(home)s)

-- name: taken
-- Since when these gateways use the configuration that they have.
select gateway, taken_at from my_gateway_config where gateway = any(%(names)s::text[]) and taken_version > 0

-- name: sensors
-- What is bound in a home now.
select device_id as id, address, slot, profile, label, place, patient_id as patient, since, has_key
from installation_sensors(%(home)s)

-- name: depot_sensors
-- What was prepared for gateways without a home.
select gateway, address, profile, label, has_key from depot_sensors()

-- name: newest_readings
-- Of each sensor of a patient: its newest value since it was bound, of what it measures.
select u.n, v.kind, v.value, v.taken_at, v.received_at, v.clock
from unnest(%(patients)s, %(devices)s, %(since)s::timestamptz[], %(kinds)s, %(numbers)s) as u (patient, device, since, kind, n)
     cross join lateral (
         select o.kind, o.value, o.taken_at, o.received_at, o.clock from my_observation o
         where o.patient_id = u.patient and o.kind = u.kind and o.device_id = u.device and o.taken_at >= u.since
         order by o.taken_at desc limit 1
     ) v
order by u.n, v.taken_at desc

-- name: newest_events
-- Of each sensor: what it said last since it was bound.
select u.n, v.type, v.occurred_at, v.received_at, v.clock
from unnest(%(devices)s, %(slots)s, %(since)s::timestamptz[], %(numbers)s) as u (device, slot, since, n)
     cross join lateral (
         select e.type, e.occurred_at, e.received_at, e.clock from event e
         where e.device_id = u.device and e.slot = u.slot and e.occurred_at >= u.since
         order by e.occurred_at desc limit 1
     ) v

-- name: parts
-- The newest of each part of a pairing, of the bindings that hold now.
select distinct on (p.device_id, p.slot, p.part) p.device_id as device, p.slot, p.part, p.at, p.staff_id as staff, p.rests_on
from pairing_part p join installation_sensors(%(home)s) s
     on s.device_id = p.device_id and s.slot = p.slot and s.since = p.bound_from
where p.home_id = %(home)s order by p.device_id, p.slot, p.part, p.id desc

-- name: prove
-- Somebody saw it.
insert into pairing_part (home_id, device_id, slot, bound_from, part, at, staff_id, rests_on)
values (%(home)s, %(device)s, %(slot)s, %(since)s, %(part)s, %(now)s, my_staff_id(), %(rests_on)s)

-- name: rooms
-- The newest of each room.
select distinct on (r.room) r.room, d.address as device, g.name as gateway, r.rssi_dbm, r.at, r.staff_id as staff
from room_signal r join device d on d.id = r.device_id left join gateway g on g.id = r.gateway_id
where r.home_id = %(home)s order by r.room, r.id desc limit 100

-- name: walk
-- What was heard of the sensor in this room.
insert into room_signal (home_id, room, device_id, gateway_id, rssi_dbm, at, staff_id)
select %(home)s, %(room)s, d.id, %(gateway)s, %(rssi_dbm)s, %(now)s, my_staff_id() from device d where d.address = %(device)s

-- name: whose
-- Of each sensor that is on the air.
select address, bound from installation_whose(%(home)s, %(gateway)s, %(addresses)s) where bound is not null

-- name: listening
-- Until when a gateway was asked to listen.
select until_at from installation_listening(%(gateway)s, %(now)s)

-- name: bind
-- From now on.
select install_bind(%(home)s, %(device)s, %(slot)s::smallint, %(profile)s, %(label)s, %(patient)s, %(place)s, %(sealed)s::bytea,
                    %(old)s, %(old_slot)s::smallint, %(now)s)

-- name: unbind
-- Until now.
select install_unbind(%(home)s, %(device)s, %(slot)s::smallint, %(why)s, %(now)s)

-- name: prepare
-- A gateway at the depot reads it from now on.
select depot_prepare(%(gateway)s, %(device)s, %(profile)s, %(label)s, %(sealed)s::bytea, %(now)s)

-- name: drop
-- It is not for this gateway any more.
select depot_drop(%(gateway)s, %(device)s, %(now)s)

-- name: label
-- What is written on its bag.
select gateway_label(%(gateway)s, %(label)s)

-- name: give_home
-- It stands there from now on.
select gateway_home(%(gateway)s, %(home)s, %(now)s, %(within_s)s)

-- name: try
-- Somebody tries the whole chain now.
insert into trial (home_id, gateway_id, proof_id, device_id, slot, staff_id, asked_at, until_at)
values (%(home)s, %(gateway)s, %(proof)s, %(device)s, %(slot)s, my_staff_id(), %(now)s, %(until)s) returning id

-- name: calls_already
-- A call that somebody has not handled yet: it has been on the screens, so the next press proves nothing of them.
select exists (
    select from alert where state in ('raised', 'acknowledged', 'cleared') and rule like 'call:%%'
    and case when %(patient)s::int is null then home_id = %(home)s and patient_id is null else patient_id = %(patient)s end)

-- name: trials
-- Of a home, or one of them, the newest first; of a true alarm the call, and the alert that rang for it.
select t.id, t.home_id as home, g.name as gateway, d.address as device, t.slot, t.staff_id as staff, t.asked_at, t.until_at,
       coalesce(p.made_at, e.occurred_at) as made_at, coalesce(p.received_at, e.received_at) as received_at,
       coalesce(p.stored_at, a.at) as stored_at, coalesce(p.raised_at, a.at) as raised_at, coalesce(p.seen_at, s.at) as seen_at,
       coalesce(s.screens, case when p.seen_at is not null then 1 end, 0) as screens, a.alert,
       (g.status ->> 'at')::bigint as said_ms, g.heard_at
from trial t
     join gateway g on g.id = t.gateway_id
     left join alarm_proof p on p.id = t.proof_id
     left join device d on d.id = t.device_id
     left join lateral (
         select e.type, e.occurred_at, e.received_at, e.patient_id, e.home_id from event e
         where e.device_id = t.device_id and e.slot = t.slot and e.received_at >= t.asked_at and e.received_at < t.until_at
         order by e.received_at limit 1
     ) e on true
     left join lateral (
         select a.id as alert, h.at from alert a join alert_history h on h.alert_id = a.id
         where (a.patient_id = e.patient_id or a.home_id = e.home_id) and a.rule = 'call:' || e.type and h.at >= e.received_at
         order by h.at, h.rev limit 1
     ) a on true
     left join lateral (
         select min(seen_at) as at, count(*) as screens from alert_seen where alert_id = a.alert and seen_at >= a.at
     ) s on true
where (t.home_id = %(home)s or t.id = %(trial)s) order by t.id desc limit 10

-- name: finish
-- As it stands.
insert into installation_protocol (home_id, at, staff_id, remark, missing, content)
values (%(home)s, %(now)s, my_staff_id(), %(remark)s, %(missing)s, %(content)s) returning id

-- name: protocols
-- Of a home, the newest first.
select id, at, staff_id as staff, remark, missing from installation_protocol where home_id = %(home)s order by id desc limit 100

-- name: protocol
-- One of them, as it was kept.
select id, home_id as home, at, staff_id as staff, remark, content from installation_protocol where id = %(protocol)s
