-- name: say
-- Why nothing is awaited for a while.
insert into excuse (patient_id, home_id, why, from_at, to_at, said_by, said_at, reason)
values (%(patient)s, %(home)s, %(why)s, %(from_at)s, %(to_at)s, %(by)s, %(now)s, %(reason)s)
returning id

-- name: end
-- Earlier than said; once, and not after its end.
update excuse set ended_at = %(now)s, ended_by = %(by)s
where id = %(id)s and ended_at is null and to_at > %(now)s
returning patient_id, home_id

-- name: who_lives_there
-- Those whom an excuse of the home is about; one null where nobody lives.
select p.id from (select %(home)s::int as id) h left join patient p on p.home_id = h.id and p.active order by 1

-- name: in_force
-- Which patients and homes are excused at an instant. An excuse of a home is one of all who live there; a home is excused
-- by its own, or when everybody who lives there is.
with valid as (
    select patient_id, home_id from excuse
    where from_at <= %(at)s and %(at)s < least(to_at, ended_at)
), wanted as (
    select id, home_id from patient where id = any(%(patients)s)
    union
    select id, home_id from patient where home_id = any(%(homes)s) and active
), excused as (
    select w.id, w.home_id, exists (select from valid v where v.patient_id = w.id or v.home_id = w.home_id) as holds
    from wanted w
)
select 'patient', id from excused where holds and id = any(%(patients)s)
union all
select 'home', h from unnest(%(homes)s) as h
where exists (select from valid v where v.home_id = h)
   or (select bool_and(e.holds) from excused e join patient p on p.id = e.id where e.home_id = h and p.active)

-- name: periods
-- From when to when patients were, are and will be excused, by their own excuses and their homes'.
select p.id, e.from_at, least(e.to_at, e.ended_at)
from patient p join excuse e on e.patient_id = p.id or e.home_id = p.home_id
where p.id = any(%(patients)s) and least(e.to_at, e.ended_at) > greatest(e.from_at, %(since)s)
order by p.id, e.from_at

-- name: history
-- What was said about a patient, with what was said about the home; or about a home. The newest first.
select e.id, e.patient_id, e.home_id, e.why, e.from_at, e.to_at, e.said_by, e.said_at, e.reason, e.ended_at, e.ended_by
from excuse e
where e.patient_id = %(patient)s or e.home_id = %(home)s
   or e.home_id = (select home_id from patient where id = %(patient)s)
order by e.said_at desc, e.id desc limit %(limit)s
