-- name: alerts
-- About the patient or the home, as far as the caller may see; those that touch the time, the newest first.
select alert.id
from alert join patient on patient.id = %(patient)s
where (alert.patient_id = patient.id
       or (alert.patient_id is null and alert.home_id = patient.home_id)
       or alert.gateway_id in (select gateway.id from gateway where gateway.home_id = patient.home_id and alert.patient_id is null))
  and alert.began_at < %(to_at)s
  and (alert.state in ('raised', 'acknowledged', 'cleared') or coalesce(alert.condition_ended_at, alert.last_at) >= %(from_at)s
       or alert.raised_at >= %(from_at)s)
order by alert.began_at desc, alert.id desc limit %(limit)s

-- name: deeds
-- What staff did about alerts, in order.
select history.alert_id as alert, history.rev, history.at, history.action, history.staff_id, staff.name as staff_name,
       staff.initials as staff_initials, history.detail,
       colleague.id as to_id, colleague.name as to_name, colleague.initials as to_initials
from alert_history history
join staff on staff.id = history.staff_id
left join staff colleague on colleague.id = (history.detail ->> 'to')::int
where history.alert_id = any (%(alerts)s)
order by history.alert_id, history.rev

-- name: events
-- Of the patient and of the home, the newest first.
select event.occurred_at as at, event.type, device.address as device, event.patient_id is null as of_home,
       coalesce((select binding.place from binding
                 where binding.device_id = event.device_id and binding.slot = event.slot
                   and binding.valid_from <= event.occurred_at and binding.valid_to > event.occurred_at limit 1), '') as place
from event
join device on device.id = event.device_id
where (event.patient_id = %(patient)s
       or (event.patient_id is null and event.home_id = (select home_id from patient where id = %(patient)s)))
  and event.occurred_at >= %(from_at)s and event.occurred_at < %(to_at)s and event.type = any (%(types)s)
order by event.occurred_at desc, event.id desc limit %(limit)s

-- name: bound
-- What was bound to the patient, from when to when, and what it is.
select device.profile, greatest(binding.valid_from, '2000-01-01 00:00+00'), least(binding.valid_to, '2200-01-01 00:00+00')
from binding join device on device.id = binding.device_id
where binding.patient_id = %(patient)s and binding.valid_to > %(from_at)s and device.profile is not null

-- name: first_values
-- Of each (kind, period): when the first value in it was taken, if there is one.
select u.n, v.taken_at
from unnest(%(kinds)s, %(begins)s::timestamptz[], %(ends)s::timestamptz[]) with ordinality as u (kind, begins, ends, n)
cross join lateral (
    select o.taken_at from my_observation o
    where o.patient_id = %(patient)s and o.kind = u.kind and o.taken_at >= u.begins and o.taken_at < u.ends
      and o.value is not null
    order by o.taken_at limit 1
) v

-- name: gateways
-- Through whom the patient's values come: where each stands, since when, and how many rows it still has to send.
select gateway.state, gateway.state_since,
       coalesce((gateway.status ->> 'waiting_alarm')::bigint, 0) + coalesce((gateway.status ->> 'waiting_bulk')::bigint, 0)
from patient join gateway on gateway.home_id = patient.home_id
where patient.id = %(patient)s

-- name: readings
-- Before an instant, the newest first, as they are stored; of one instant all or none.
select o.taken_at, o.span_s, o.value, o.low, o.high, o.n, o.sign, o.quality, o.clock, o.mode, o.received_at, device.address as device
from my_observation o
join device on device.id = o.device_id
where o.patient_id = %(patient)s and o.kind = %(kind)s and o.taken_at >= %(from_at)s and o.taken_at < %(before)s
order by o.taken_at desc
fetch first %(most)s rows with ties

-- name: devices
-- Bound to the patient, or to the home of the patient, now.
select device.address as device, device.profile, binding.slot, coalesce(binding.place, '') as place,
       binding.patient_id is null as of_home, binding.valid_from as since,
       nullif(binding.valid_to, 'infinity') as until
from binding
join device on device.id = binding.device_id
where (binding.patient_id = %(patient)s
       or binding.home_id = (select home_id from patient where id = %(patient)s))
  and binding.valid_from <= %(now)s and binding.valid_to > %(now)s
order by of_home, device.address, binding.slot limit %(limit)s

-- name: gateway_names
-- In the patient's home.
select gateway.name from patient join gateway on gateway.home_id = patient.home_id where patient.id = %(patient)s
