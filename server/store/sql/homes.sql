-- name: homes_of_patients
-- Where each patient lives.
select id, home_id from patient where id = any(%(patients)s) and home_id is not null

-- name: meet
-- A home whose first event this is gets a row.
insert into home_state (home_id, state, moved_at)
select h, '{}', %(now)s from unnest(%(homes)s) as h order by h
on conflict (home_id) do nothing

-- name: hold
-- What homes remember, locked in order of their ids.
select home_id, state from home_state where home_id = any(%(homes)s) order by home_id for update

-- name: remember
-- Of held homes.
update home_state h set state = u.state::jsonb, moved_at = %(now)s
from unnest(%(homes)s, %(states)b::text[]) as u (home_id, state) where h.home_id = u.home_id

-- name: sensors
-- What is bound to these homes, and to those who live there, at this instant.
select b.home_id, b.device_id, coalesce(b.place, ''), coalesce(d.profile, ''), false
from binding b join device d on d.id = b.device_id
where b.home_id = any(%(homes)s) and b.valid_from <= %(at)s and %(at)s < b.valid_to
union all
select p.home_id, b.device_id, '', coalesce(d.profile, ''), true
from patient p join binding b on b.patient_id = p.id join device d on d.id = b.device_id
where p.home_id = any(%(homes)s) and p.active and b.valid_from <= %(at)s and %(at)s < b.valid_to

-- name: history
-- What the sensors of a home, and of those who live there, said after an instant; the newest so many.
select e.type, e.device_id, coalesce(b.place, ''), e.occurred_at, e.patient_id is not null
from event e
left join binding b on b.device_id = e.device_id and b.slot = e.slot
     and b.valid_from <= e.occurred_at and e.occurred_at < b.valid_to
where e.occurred_at > %(since)s and e.type = any(%(types)s)
  and (e.home_id = %(home)s or e.patient_id in (select id from patient where home_id = %(home)s))
order by e.occurred_at desc limit %(most)s

-- name: heard
-- The gateways of these homes that ever spoke, with what they had not delivered when they last did.
select home_id, state = 'online', heard_at,
       coalesce((status ->> 'waiting_alarm')::int, 0) + coalesce((status ->> 'waiting_bulk')::int, 0)
from gateway where home_id = any(%(homes)s) and heard_at is not null

-- name: silent
-- Which of these devices have been silent for longer than they ever are.
select device_id from alert
where rule = %(rule)s and device_id = any(%(devices)s) and state in ('raised', 'acknowledged', 'cleared')

-- name: await
-- What held homes wait for, in place of what they waited for before.
insert into deadline (type, subject_id, part, due_at, every_s, state)
select 'home', s, p, d, %(every_s)s, 'waiting'
from unnest(%(subjects)s, %(parts)s::text[], %(dues)s::timestamptz[]) as u (s, p, d) order by s, p
on conflict (type, subject_id, part) do update
set due_at = excluded.due_at, every_s = excluded.every_s, state = 'waiting'

-- name: unsettled
-- Homes that must go through their past once more; some of them.
select home_id from home_unsettled order by home_id limit %(most)s

-- name: settle
-- Of these, those that still must.
with mine as (select home_id from home_unsettled where home_id = any(%(homes)s) order by home_id for update)
delete from home_unsettled u using mine where u.home_id = mine.home_id returning u.home_id

-- name: unsettle
-- The past of these homes has changed.
insert into home_unsettled (home_id) select h from unnest(%(homes)s) as h order by h
on conflict (home_id) do update set since = excluded.since
