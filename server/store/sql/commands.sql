-- name: gateways_of
-- Gateways of the home that an alert is about: its own, its patient's.
select g.id, g.name from gateway g
where g.enrolled and g.home_id = coalesce(%(home)s::int, (select home_id from patient where id = %(patient)s))
order by g.id

-- name: source_of_event
-- Which device and user said it; the newest word that the alert knows.
select d.address, e.slot
from event e join device d on d.id = e.device_id
where e.device_id = %(device)s and e.type = %(type)s and e.occurred_at <= %(at)s
order by e.occurred_at desc limit 1

-- name: source_of_reading
-- Which device a patient's newest value of a kind is of, and as which of its users he was bound then.
select d.address, b.slot
from my_latest l
     join device d on d.id = l.device_id
     join binding b on b.device_id = l.device_id and b.patient_id = l.patient_id
where l.patient_id = %(patient)s and l.kind = %(kind)s and b.valid_from <= l.taken_at and b.valid_to > l.taken_at
order by b.slot limit 1

-- name: give
-- To be said until it is done or its time is over.
insert into gateway_command (id, gateway_id, content, made_at, until_at, staff_id)
values (%(id)s, %(gateway)s, %(content)s, %(now)s, %(until)s, %(staff)s)

-- name: open
-- What has still to be said, the oldest first, and to which run of the agent.
select c.id, g.name, g.bucket, c.content, c.number, g.status ->> 'started'
from gateway_command c join gateway g on g.id = c.gateway_id
where c.done_at is null and c.until_at > %(now)s
order by c.until_at, c.id limit %(limit)s

-- name: done
-- What gateways say that they carried out, or why not; in order of key.
with mine as (
    select c.id, u.r, u.w from gateway_command c
         join unnest(%(gateways)s, %(ids)s::text[], %(refused)s::boolean[], %(whys)s::text[]) as u (g, i, r, w)
         on c.id = u.i and c.gateway_id = u.g and c.done_at is null
    order by c.id for no key update of c
)
update gateway_command c set done_at = %(now)s, refused = mine.r, answer = mine.w from mine where c.id = mine.id

-- name: prune
-- Those whose time is over.
delete from gateway_command where until_at < %(before)s

-- name: prune_diagnoses
-- What was handed in long ago.
delete from gateway_diagnosis where at < %(before)s
