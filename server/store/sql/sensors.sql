-- name: bound
-- The next devices that are somebody's who has a home, with whether they are watched.
select d.id, exists (select from subject s join deadline l on l.subject_id = s.id and l.type = 'sensor'
                     where s.type = 'device' and s.reference = d.id::text)
from device d
where d.id > %(after)s and d.profile = any(%(profiles)s::text[])
  and exists (select from binding b left join patient p on p.id = b.patient_id
              where b.device_id = d.id and b.valid_from <= %(now)s and b.valid_to > %(now)s
                and coalesce(b.home_id, p.home_id) is not null)
order by d.id limit %(limit)s

-- name: watch
-- About held subjects: the ledger looks at them at once.
insert into deadline (type, subject_id, due_at, every_s)
select 'sensor', s, %(now)s, %(every_s)s from unnest(%(subjects)s) as s order by s
on conflict (type, subject_id, part) do nothing

-- name: devices
-- Whose these devices are, and where; nulls: nobody's.
select d.id, d.address, coalesce(d.profile, ''), b.patient_id, b.home_id, coalesce(b.home_id, p.home_id)
from device d
     left join lateral (
         select patient_id, home_id from binding
         where device_id = d.id and valid_from <= %(now)s and valid_to > %(now)s order by slot limit 1
     ) b on true
     left join patient p on p.id = b.patient_id
where d.id = any(%(ids)s)

-- name: gateways
-- What the gateways of these homes said last.
select home_id, state, state_since, heard_at, status from gateway where home_id = any(%(homes)s) and enrolled

-- name: values
-- Of each device: when the newest value of a continuous stream was taken, and how sure the newest time of any is.
select l.device_id, max(l.taken_at + make_interval(secs => l.span_s)) filter (where l.mode = 1),
       (array_agg(l.clock order by l.taken_at desc))[1]
from binding b join latest l on l.patient_id = b.patient_id and l.device_id = b.device_id
where b.device_id = any(%(ids)s) and b.valid_from <= %(now)s and b.valid_to > %(now)s
group by l.device_id

-- name: contacts
-- When these devices last said that they are off the body, and on it.
select d, (select max(occurred_at) from event where device_id = d and type = 'sensor_off'),
       (select max(occurred_at) from event where device_id = d and type = 'sensor_on')
from unnest(%(ids)s) as d
