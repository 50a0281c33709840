-- name: of_patients
-- What was said about them and not taken back, of each type the newest, so many at most.
select id, patient_id, type, kind, at, until, value, said_by
from (
    select *, row_number() over (partition by patient_id, type order by at desc, id desc) as place
    from care_fact where patient_id = any(%(patients)s) and type = any(%(types)s::text[]) and withdrawn_at is null
) f
where place <= %(most)s
order by patient_id, at, id

-- name: say
-- About a patient whom the caller may see; no row: there is none.
insert into care_fact (patient_id, type, kind, at, until, value, said_by, said_at, reason)
select id, %(type)s, %(kind)s, %(at)s, %(until)s, %(value)s::jsonb, %(by)s, %(now)s, %(reason)s from patient where id = %(patient)s
returning id

-- name: withdraw
-- Once.
update care_fact set withdrawn_at = %(now)s, withdrawn_by = %(by)s where id = %(id)s and withdrawn_at is null returning patient_id, type

-- name: history
-- All that was ever said about a patient, the newest first; of each type so many at most.
select f.id, f.type, f.kind, f.at, f.until, f.value, f.said_by, s.name, f.said_at, f.reason, f.withdrawn_at, f.withdrawn_by, w.name
from (
    select *, row_number() over (partition by type order by said_at desc, id desc) as place
    from care_fact where patient_id = %(patient)s and (%(type)s::text is null or type = %(type)s)
) f
left join staff s on s.id = f.said_by
left join staff w on w.id = f.withdrawn_by
where f.place <= %(most)s
order by f.said_at desc, f.id desc

-- name: turned
-- Of whom a fact that was said ahead of its time began, or one ended, after `since` and not after `until`.
select patient_id from care_fact where at > said_at and at > %(since)s and at <= %(until)s and withdrawn_at is null
union
select patient_id from care_fact where until > %(since)s and until <= %(until)s and withdrawn_at is null
