-- name: snapshot
-- What the board shows is of one instant: cursors and state belong together.
set transaction isolation level repeatable read read only

-- name: epoch
-- Changes when a backup is restored.
select epoch from installation

-- name: heads
-- The newest event of each team.
select id, head from team where id = any (%(teams)s)

-- name: open_alerts
-- Everything that somebody must still handle, the oldest first.
select id from alert
where team_id = any (%(teams)s) and state in ('raised', 'acknowledged', 'cleared')
order by raised_at, id

-- name: alerts
-- Alerts as screens show them.
select alert.id, alert.team_id as team, alert.rev, alert.rule, alert.priority, alert.state,
       alert.patient_id as patient, alert.home_id as home, gateway.name as gateway, device.address as device,
       alert.began_at, alert.raised_at, alert.last_at, alert.late, alert.count, alert.condition_ended_at,
       alert.owner_id, owner.name as owner_name, owner.initials as owner_initials,
       alert.acknowledged_at, alert.on_way_at, alert.there_at, alert.contact_at, alert.contact_needed, alert.snoozed_until,
       alert.step, alert.next_at, called.last as called, asked.newest as asked, alert.quiet, alert.response, alert.handled_at, alert.outcome, alert.evidence,
       alert.handled_by as handler_id, handler.name as handler_name, handler.initials as handler_initials,
       (select count(*) from alert_seen where alert_seen.alert_id = alert.id) as seen_on,
       case when alert.patient_id is null then
           array(select patient.id from patient where patient.home_id = alert.home_id and patient.active order by patient.id)
       else '{}' end as lives_there
from alert
left join gateway on gateway.id = alert.gateway_id
left join device on device.id = alert.device_id
left join staff owner on owner.id = alert.owner_id
left join staff handler on handler.id = alert.handled_by
cross join lateral (
    select coalesce(jsonb_agg(jsonb_build_object('step', step, 'at', at, 'name', name, 'staff', staff_id) order by place), '[]') as last
    from alert_call
    where alert_id = alert.id and rev = (select max(rev) from alert_call newest where newest.alert_id = alert.id)
) called
left join lateral (
    select jsonb_build_object('kind', kind, 'at', asked_at, 'until', until_at, 'measured_at', measured_at, 'missed_at', missed_at)
           as newest
    from measurement_ask where alert_id = alert.id order by id desc limit 1
) asked on true
where alert.id = any (%(ids)s)

-- name: history
-- The life of one alert.
select history.rev, history.at, history.action, history.staff_id, staff.name as staff_name,
       staff.initials as staff_initials, history.detail,
       colleague.id as to_id, colleague.name as to_name, colleague.initials as to_initials
from alert_history history
left join staff on staff.id = history.staff_id
left join staff colleague on colleague.id = (history.detail ->> 'to')::int
where history.alert_id = %(alert)s
order by history.rev

-- name: calls
-- Everybody who was called about an alert.
select step, at, name, staff_id as staff from alert_call where alert_id = %(alert)s order by rev, place

-- name: patients
-- The rows of the board, each with what the nearest agreement about yellow alerts says of the time out of hours.
with agreed as materialized (
    select distinct on (team_id, municipality, pathway) team_id, municipality, pathway, response, removed
    from service_hours where priority = 'yellow' and team_id = any (%(teams)s)
    order by team_id, municipality, pathway, id desc
)
select patient.id, patient.name, patient.born_on, patient.pathway, patient.team_id as team, patient.home_id as home,
       patient.virtual, (select name from municipality where number = patient.municipality) as municipality,
       (select response from agreed
        where agreed.team_id = patient.team_id and not removed
          and (agreed.municipality is null or agreed.municipality = patient.municipality)
          and (agreed.pathway is null or agreed.pathway = patient.pathway)
        order by agreed.pathway is null, agreed.municipality is null limit 1) as response
from patient
where patient.team_id = any (%(teams)s) and patient.active
order by patient.id

-- name: weeks
-- Of each patient about whom alerts began: four bits for each day, one for each colour, the gravest highest. A row for each day costs
-- twice as much. What nobody measured is told apart.
select alert.patient_id,
       bit_or(1 << (4 * (width_bucket(alert.began_at, %(days)s::timestamptz[]) - 1)
                    + case when alert.rule like 'measurement:%%' then 1 when alert.priority = 'red' then 3
                           when alert.priority = 'yellow' then 2 else 0 end))
from patient
join alert on alert.patient_id = patient.id and alert.began_at >= (%(days)s::timestamptz[])[1] and alert.began_at < %(to_at)s
              and not alert.late
where patient.team_id = any (%(teams)s) and patient.active
group by 1

-- name: values
-- Newest values, all of them or those after a batch. In the order of ValueRow.
select latest.patient_id as patient, latest.kind, latest.value, latest.sign, latest.quality, latest.mode, latest.clock,
       latest.taken_at, latest.span_s, latest.received_at, latest.batch, device.address as device
from my_latest latest
join patient on patient.id = latest.patient_id and patient.active and patient.team_id = any (%(teams)s)
join device on device.id = latest.device_id
where latest.batch > %(after_batch)s

-- name: sensors_off
-- Devices whose last word was that they are not on the body, and that have measured nothing since.
select word.patient_id as patient, device.address as device
from (
    select distinct on (event.device_id, event.slot) event.device_id, event.slot, event.patient_id, event.type, event.occurred_at
    from event
    join patient on patient.id = event.patient_id and patient.active and patient.team_id = any (%(teams)s)
    where event.type in ('sensor_off', 'sensor_on') and event.occurred_at > %(spot_from)s
    order by event.device_id, event.slot, event.occurred_at desc
) word
join device on device.id = word.device_id
where word.type = 'sensor_off'
  and exists (select from binding where binding.device_id = word.device_id and binding.slot = word.slot
              and binding.patient_id = word.patient_id and binding.valid_from <= %(now)s and binding.valid_to > %(now)s)
  and not exists (select from my_latest latest where latest.patient_id = word.patient_id and latest.device_id = word.device_id
                  and latest.value is not null and latest.taken_at > word.occurred_at)
order by word.patient_id, device.address

-- name: homes
-- Where the teams drive to; a protected address stands in no list.
select home.id, case when protected.home_id is not null then '' else coalesce(said.address, home.address) end as address,
       home.team_id as team
from home
left join (select distinct home_id from patient where protection is not null and active) protected on protected.home_id = home.id
left join lateral (
    select address from home_address a
    where a.home_id = home.id and a.from_at <= now() and a.to_at > now() order by a.id desc limit 1
) said on true
where home.team_id = any (%(teams)s) order by home.id

-- name: gateways
-- Gateways of the teams' homes: all of them, or those with these names.
select gateway.name as id, gateway.home_id as home, home.team_id as team, gateway.state, gateway.state_since,
       gateway.heard_at, gateway.status
from gateway
join home on home.id = gateway.home_id
where home.team_id = any (%(teams)s) and (%(names)s::text[] is null or gateway.name = any (%(names)s))
order by gateway.name

-- name: patient_team
-- Row-level security answers only for the caller's patients.
select team_id from patient where id = %(patient)s

-- name: series
-- Readings in equal buckets: the mean, in which each raw value of an interval counts, and the extremes.
select min(taken_at) as at, max(taken_at + make_interval(secs => span_s)) as until, sum(value * n) / sum(n) as value,
       min(coalesce(low, value)) as low, max(coalesce(high, value)) as high, max(mode) as mode
from my_observation
where patient_id = %(patient)s and kind = %(kind)s and taken_at >= %(from_at)s and taken_at < %(to_at)s and value is not null
group by floor(extract(epoch from taken_at - %(from_at)s) / %(bucket_s)s)
order by 1

-- name: look
-- Every look at a patient is remembered.
insert into access_log (at, staff_id, patient_id, what) values (%(now)s, my_staff_id(), %(patient)s, %(what)s)
