-- name: homes_of
-- Where each of these patients lives, and whoever lives in each of these homes.
select p.id, p.home_id, p.name, p.born_on::text, p.phone, p.lives_alone, p.protection is not null
from patient p
where p.active and (p.id = any(%(patients)s) or p.home_id = any(%(homes)s))
order by p.id

-- name: places
-- Every word about where these homes are, the oldest first.
select h.id, null::bigint, h.address, '', null::timestamptz, null::timestamptz from home h where h.id = any(%(homes)s)
union all
select a.home_id, a.id, a.address, a.doubt, a.from_at, nullif(a.to_at, 'infinity') from home_address a where a.home_id = any(%(homes)s)
order by 1, 2 nulls first

-- name: ways_in
-- The newest of each home; not what is sealed.
select distinct on (home_id) home_id, key_box, way_in, sealed is not null from home_access
where home_id = any(%(homes)s) order by home_id, id desc

-- name: contacts
-- Whom to call.
select distinct on (patient_id) patient_id, content from patient_record
where type = 'contacts' and patient_id = any(%(patients)s) order by patient_id, id desc

-- name: critical
-- What was said of them that holds at that time; of each type the one that began last.
select distinct on (patient_id, type) patient_id, type, value, until from care_fact
where patient_id = any(%(patients)s) and type = any(%(types)s::text[]) and withdrawn_at is null and at <= %(at)s
order by patient_id, type, at desc, id desc

-- name: freeze
-- Once: a change afterwards changes nothing.
update alert set snapshot = %(snapshot)s::jsonb where id = %(alert)s and snapshot is null

-- name: of_alert
-- As it was when the alert was raised.
select snapshot, patient_id, home_id from alert where id = %(alert)s
