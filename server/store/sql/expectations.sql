-- name: patients
-- The next ones, in order.
select id from patient where active and id > %(after)s order by id limit %(limit)s

-- name: bound
-- What was bound to patients lately, from when to when, and what it is.
select b.patient_id, d.profile, greatest(b.valid_from, '2000-01-01 00:00+00'), least(b.valid_to, '2200-01-01 00:00+00')
from binding b join device d on d.id = b.device_id
where b.patient_id = any(%(patients)s) and b.valid_to > %(since)s and d.profile is not null

-- name: kept
-- What is awaited of patients.
select d.id, s.reference::int, d.part, d.state, coalesce(d.detail ->> 'plan', '')
from deadline d join subject s on s.id = d.subject_id
where d.type = 'measurement' and s.type = 'patient' and s.reference = any(%(references)s::text[])

-- name: await
-- About held subjects: the ledger looks at it at once.
insert into deadline (type, subject_id, part, due_at, every_s)
select 'measurement', s, p, %(now)s, %(every_s)s from unnest(%(subjects)s, %(parts)s::text[]) as u (s, p) order by s, p
on conflict (type, subject_id, part) do nothing

-- name: look_now
-- About held subjects: something that decides has changed.
with mine as (
    select id from deadline where id = any(%(ids)s) and due_at > %(now)s
    order by type, subject_id, part for no key update
)
update deadline d set due_at = %(now)s from mine where d.id = mine.id

-- name: due
-- What is to be looked at, the longest waiting first; a look without locks.
select id, subject_id from deadline
where type in ('measurement', 'sensor') and type = %(type)s and due_at <= %(now)s
order by due_at limit %(limit)s

-- name: hold
-- Under their subjects' locks: those that nobody has looked at meanwhile.
select d.id, d.subject_id, s.reference::int, d.part, d.detail
from deadline d join subject s on s.id = d.subject_id
where d.id = any(%(ids)s) and d.due_at <= %(now)s
order by d.type, d.subject_id, d.part for no key update of d

-- name: first_values
-- Of each place, which is a (patient, period) with every kind that will do: when the first value in it was taken, if there
-- is one. Intervals begin at taken_at.
select u.place, min(v.taken_at)
from unnest(%(places)s, %(patients)s, %(kinds)s, %(begins)s::timestamptz[], %(ends)s::timestamptz[])
     as u (place, patient, kind, begins, ends)
     cross join lateral (
         select o.taken_at from observation o
         where o.patient_id = u.patient and o.kind = u.kind and o.taken_at >= u.begins and o.taken_at < u.ends
           and o.value is not null
         order by o.taken_at limit 1
     ) v
group by u.place

-- name: gateways
-- Through whom patients' values come: where each stands, since when, and how many rows it still has to send.
select p.id, g.state, g.state_since,
       coalesce((g.status ->> 'waiting_alarm')::bigint, 0) + coalesce((g.status ->> 'waiting_bulk')::bigint, 0)
from patient p join gateway g on g.home_id = p.home_id
where p.id = any(%(patients)s) and g.enrolled

-- name: settle
-- Held rows, as they stand after a look.
update deadline d set due_at = u.due_at, state = u.state, detail = u.detail
from unnest(%(ids)s, %(dues)s::timestamptz[], %(states)s::text[], %(details)s::jsonb[]) as u (id, due_at, state, detail)
where d.id = u.id

-- name: drop
-- Held rows of which nothing is awaited any more.
delete from deadline where id = any(%(ids)s)
