-- name: who
-- A patient by the municipality's reference, with those who were found to be the same person.
with one as (select coalesce(merged_into, id) as id from patient where reference = %(reference)s)
select array_agg(p.id order by p.id), array_remove(array_agg(distinct p.home_id), null), max(p.name) filter (where p.id = one.id)
from one join patient p on p.id = one.id or p.merged_into = one.id having count(*) > 0

-- name: staff
-- Who exports.
select id from staff where login = %(login)s and active and not machine

-- name: columns
-- Of every table that holds rows of its own; a partition's rows are its table's.
select c.relname, array_agg(a.attname::text order by a.attnum), array_agg(format_type(a.atttypid, null) order by a.attnum)
from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition group by c.relname order by 1

-- name: staff_columns
-- Where the number of a member of staff stands.
select c.conrelid::regclass::text, a.attname::text
from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
where c.contype = 'f' and c.confrelid = 'staff'::regclass and cardinality(c.conkey) = 1

-- name: names
-- Of these members of staff.
select id, name from staff where id = any(%(staff)s) order by id

-- name: exported
-- That it was done, by whom and why, is a look like any other.
insert into access_log (at, staff_id, patient_id, deed, what)
select %(now)s, %(staff)s, patient, 'look', %(what)s from unnest(%(patients)s::int[]) as patient
