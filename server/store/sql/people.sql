-- name: put_team
-- A team by its name.
insert into team (name) values (%(name)s) on conflict do nothing

-- name: put_member
-- A member by login. A hash of null keeps the one there is; '!' lets nobody in.
insert into staff (login, name, initials, password_hash) values (%(login)s, %(name)s, %(initials)s, coalesce(%(hash)s, '!'))
on conflict (login) do update
set name = excluded.name, initials = excluded.initials, password_hash = coalesce(%(hash)s, staff.password_hash)
where (staff.name, staff.initials) is distinct from (excluded.name, excluded.initials) or %(hash)s is not null

-- name: put_membership
-- One role per team.
insert into staff_team (staff_id, team_id, role)
select s.id, t.id, %(role)s from staff s, team t where s.login = %(login)s and t.name = %(team)s
on conflict (staff_id, team_id) do update set role = excluded.role where staff_team.role <> excluded.role

-- name: leave_teams
-- The list says in which teams a member is; from the others he is gone.
delete from staff_team using staff s
where staff_team.staff_id = s.id and s.login = %(login)s
  and team_id not in (select id from team where name = any(%(teams)s::text[]))

-- name: put_home
-- A home by its name.
insert into home (name, address, team_id, bucket, night_from, night_to)
select %(name)s, %(address)s, t.id, %(bucket)s, coalesce(%(night_from)s::time, '22:00'), coalesce(%(night_to)s::time, '06:00')
from team t where t.name = %(team)s
on conflict (name) do update
set address = excluded.address, team_id = excluded.team_id, bucket = excluded.bucket, night_from = excluded.night_from,
    night_to = excluded.night_to
where (home.address, home.team_id, home.bucket, home.night_from, home.night_to)
      is distinct from (excluded.address, excluded.team_id, excluded.bucket, excluded.night_from, excluded.night_to)

-- name: put_patient
-- A patient by the municipality's own reference.
insert into patient (reference, name, born_on, pathway, team_id, home_id, virtual)
select %(reference)s, %(name)s, %(born_on)s, %(pathway)s, t.id, (select id from home where name = %(home)s), %(virtual)s
from team t where t.name = %(team)s
on conflict (reference) do update
set name = excluded.name, born_on = excluded.born_on, pathway = excluded.pathway, team_id = excluded.team_id,
    home_id = excluded.home_id, virtual = excluded.virtual, active = true
where patient.ended_at is null  -- an old list wakes nobody
  and (patient.name, patient.born_on, patient.pathway, patient.team_id, patient.home_id, patient.virtual, patient.active)
      is distinct from
      (excluded.name, excluded.born_on, excluded.pathway, excluded.team_id, excluded.home_id, excluded.virtual, true)

-- name: put_limit
-- A person's own limits: a new row when they differ from those of an earlier list. What staff set, or took back, stays.
insert into patient_limit (patient_id, kind, red_low, yellow_low, yellow_high, red_high, reason, set_at)
select p.id, %(kind)s, %(red_low)s, %(yellow_low)s, %(yellow_high)s, %(red_high)s, %(reason)s, clock_timestamp()
from patient p
left join lateral (select * from patient_limit where patient_id = p.id and kind = %(kind)s order by set_at desc limit 1) l on true
where p.reference = %(patient)s and l.set_by is null
  and (l.patient_id is null or (%(red_low)s::float8, %(yellow_low)s::float8, %(yellow_high)s::float8, %(red_high)s::float8)
       is distinct from (l.red_low, l.yellow_low, l.yellow_high, l.red_high))

-- name: put_gateway
-- A gateway by its name; one that was only heard of becomes enrolled.
insert into gateway (name, home_id, bucket, enrolled, operator)
select %(name)s, h.id, h.bucket, true, coalesce(%(operator)s, '') from home h where h.name = %(home)s
on conflict (name) do update
set home_id = excluded.home_id, bucket = excluded.bucket, enrolled = true, operator = coalesce(%(operator)s, gateway.operator)
where (gateway.home_id, gateway.bucket, gateway.enrolled, gateway.operator)
      is distinct from (excluded.home_id, excluded.bucket, true, coalesce(%(operator)s, gateway.operator))

-- name: put_device
-- A device by its address; one that was only heard of becomes enrolled.
insert into device (address, profile, cadence_s, label) values (%(address)s, %(profile)s, %(cadence_s)s, %(label)s)
on conflict (address) do update
set profile = excluded.profile, cadence_s = excluded.cadence_s, label = excluded.label
where (device.profile, device.cadence_s, device.label) is distinct from (excluded.profile, excluded.cadence_s, excluded.label)

-- name: hold_devices
-- Held until commit, in the order in which every program locks devices.
select address from device where address = any(%(addresses)s::text[]) order by id for no key update

-- name: gateways
-- Which gateways these names are.
select id from gateway where name = any(%(names)s::text[])

-- name: hold_gateways
-- Held until commit, in the order in which every program locks gateways.
select id from gateway where name = any(%(names)s::text[]) order by id for no key update

-- name: same_binding
-- Whether it is there already.
select b.id from binding b join device d on d.id = b.device_id
where d.address = %(device)s and b.slot = %(slot)s and b.valid_from = %(from)s
  and b.patient_id is not distinct from (select coalesce(merged_into, id) from patient where reference = %(patient)s)
  and b.home_id is not distinct from (select id from home where name = %(home)s)
  and b.place is not distinct from %(place)s

-- name: end_binding
-- Whose the device was until then.
update binding b set valid_to = %(from)s from device d
where d.id = b.device_id and d.address = %(device)s and b.slot = %(slot)s
  and b.valid_from < %(from)s and b.valid_to > %(from)s

-- name: bind
-- From then on.
insert into binding (device_id, slot, patient_id, home_id, place, valid_from)
select d.id, %(slot)s, (select coalesce(merged_into, id) from patient where reference = %(patient)s),
       (select id from home where name = %(home)s), %(place)s, %(from)s
from device d where d.address = %(device)s

-- name: known_teams
-- For the check that every name in a list means something.
select name from team

-- name: known_homes
-- The same for homes.
select name from home

-- name: known_patients
-- The same for patients.
select reference from patient

-- name: known_devices
-- The same for devices.
select address from device where profile is not null

-- name: set_password
-- Of one member; every open login of his ends.
with changed as (
    update staff set password_hash = %(hash)s where login = %(login)s and not machine returning id
), ended as (
    delete from session using changed where session.staff_id = changed.id
)
select count(*) from changed

-- name: hashes
-- Which passwords stand.
select login, password_hash from staff
