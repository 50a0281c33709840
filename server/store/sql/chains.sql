-- name: owner
-- Who has an alert.
select owner_id from alert where id = %(alert)s

-- name: sets
-- A team's newest set of chains of each colour, step by step.
select s.priority, s.unlogged_s, s.again_s, c.chain, c.weekdays, c.from_time, c.to_time, c.part, c.staff_id, t.name,
       c.phone_name, c.phone, c.after_s
from (select distinct on (priority) id, priority, unlogged_s, again_s, removed from chain_set
      where team_id = %(team)s order by priority, id desc) s
join chain_step c on c.set_id = s.id
left join staff t on t.id = c.staff_id
where not s.removed
order by s.priority, c.chain, c.position

-- name: decisions
-- What a team has decided about its chains, the newest first.
select id, priority, removed, set_by, set_at, reason from chain_set where team_id = %(team)s order by id desc limit %(most)s

-- name: steps
-- Of these sets, step by step.
select s.id, s.unlogged_s, s.again_s, c.chain, c.weekdays, c.from_time, c.to_time, c.part, c.staff_id, t.name,
       c.phone_name, c.phone, c.after_s
from chain_set s join chain_step c on c.set_id = s.id left join staff t on t.id = c.staff_id
where s.id = any (%(sets)s::bigint[])
order by s.id, c.chain, c.position

-- name: hours
-- A team's newest service hours of each place.
select municipality, pathway, priority, periods, response, set_by, set_at, reason, removed
from (select distinct on (municipality, pathway, priority) municipality, pathway, priority, periods, response, removed,
             set_by, set_at, reason
      from service_hours where team_id = %(team)s
      order by municipality, pathway, priority, id desc) newest
where not removed
order by priority, municipality nulls first, pathway nulls first

-- name: hour_decisions
-- What a team has decided about its hours, the newest first.
select municipality, pathway, priority, periods, response, set_by, set_at, reason, removed
from service_hours where team_id = %(team)s order by id desc limit %(most)s

-- name: on_duty
-- Who is on duty in a team, who has been so longest first.
select d.part, s.id, s.name from duty d join staff s on s.id = d.staff_id
where d.team_id = %(team)s and d.to_at is null and s.active
order by d.from_at, d.id

-- name: members
-- Whom a team can call at all.
select s.id, s.name, t.role from staff_team t join staff s on s.id = t.staff_id
where t.team_id = %(team)s and s.active and not s.machine
order by s.id

-- name: covers
-- Whether what is silent would tell of a fall or an SOS: the device itself, or one bound where the gateway stands.
select exists (
    select from binding b
    join device d on d.id = b.device_id and d.profile = any (%(profiles)s)
    left join patient p on p.id = b.patient_id
    where b.valid_from <= %(now)s and %(now)s < b.valid_to
      and (b.device_id = %(device)s
           or %(device)s is null and coalesce(b.home_id, p.home_id) = (select home_id from gateway where id = %(gateway)s)))

-- name: await
-- When an alert goes on.
insert into deadline (type, subject_id, part, due_at, every_s)
select 'escalation', a.subject_id, a.id::text, %(due_at)s, %(every_s)s from alert a where a.id = %(alert)s
on conflict (type, subject_id, part) do update
set due_at = excluded.due_at, every_s = excluded.every_s, state = 'waiting'

-- name: await_nothing
-- Somebody has it, or it is over.
delete from deadline d using alert a
where a.id = %(alert)s and d.type = 'escalation' and d.subject_id = a.subject_id and d.part = a.id::text

-- name: call
-- Who is called about an alert.
insert into alert_call (alert_id, rev, place, step, staff_id, name, phone, at)
values (%(alert)s, %(rev)s, %(place)s, %(step)s, %(staff)s, %(name)s, %(phone)s, %(at)s)

-- name: put_set
-- What a team decided about its chains of a colour.
insert into chain_set (team_id, priority, unlogged_s, again_s, removed, set_by, set_at, reason)
values (%(team)s, %(priority)s, %(unlogged_s)s, %(again_s)s, %(removed)s, %(by)s, %(now)s, %(reason)s)
returning id

-- name: put_step
-- One step of it.
insert into chain_step (set_id, chain, position, weekdays, from_time, to_time, part, staff_id, phone_name, phone, after_s)
values (%(set)s, %(chain)s, %(position)s, %(weekdays)s, %(from_time)s, %(to_time)s, %(part)s, %(staff)s, %(phone_name)s,
        %(phone)s, %(after_s)s)

-- name: put_hours
-- What was agreed about a colour's hours.
insert into service_hours (team_id, municipality, pathway, priority, periods, response, removed, set_by, set_at, reason)
values (%(team)s, %(municipality)s, %(pathway)s, %(priority)s, %(periods)s, %(response)s, %(removed)s, %(by)s, %(now)s,
        %(reason)s)

-- name: due
-- Which alerts are to go on, the oldest first; a look without locks.
select subject_id, part from deadline
where type = 'escalation' and state = 'waiting' and due_at <= %(now)s
order by due_at limit %(limit)s

-- name: still_due
-- Under the locks of their subjects.
select part from deadline
where type = 'escalation' and state = 'waiting' and due_at <= %(now)s and part = any (%(parts)s::text[])
order by due_at
