-- name: person
-- Who it is; row-level security answers only for the caller's, and the old reference finds who it became.
select p.id, p.reference, p.name, p.born_on, p.pathway, p.team_id, p.home_id, p.municipality, m.name, p.phone, p.lives_alone,
       p.coordinator_id, p.protection, p.virtual, p.active, p.ended_at, p.ended_why, p.merged_into,
       array(select g.reference from patient g where g.merged_into = p.id order by g.id),
       exists (select from national_number n where n.patient_id = p.id)
from patient p left join municipality m on m.number = p.municipality
where p.id = %(patient)s

-- name: find
-- By the municipality's reference, also one of a duplicate that was merged.
select coalesce(merged_into, id) from patient where reference = %(reference)s

-- name: find_number
-- By the keyed digest of a national identity number.
select patient_id from national_number where lookup = %(lookup)s

-- name: set_details
-- What staff may change of who it is.
update patient
set name = %(name)s, phone = %(phone)s, municipality = %(municipality)s, lives_alone = %(lives_alone)s,
    coordinator_id = %(coordinator)s, protection = %(protection)s
where id = %(patient)s

-- name: change
-- Who changed what, when and why.
insert into patient_change (patient_id, what, at, changed_by, reason, detail)
values (%(patient)s, %(what)s, %(now)s, %(by)s, %(reason)s, %(detail)s)

-- name: changes
-- The newest first.
select c.id, c.what, c.at, c.changed_by, c.reason, c.detail from patient_change c
where c.patient_id = %(patient)s order by c.id desc limit %(most)s

-- name: of_team
-- Whether somebody works in a team.
select exists (select from staff_team t join staff s on s.id = t.staff_id and not s.machine
               where t.staff_id = %(staff)s and t.team_id = %(team)s)

-- name: municipalities
-- All of them, with the teams that look after people there.
select m.number, m.name, array(select team_id from municipality_team t where t.municipality = m.number order by 1)
from municipality m order by m.number

-- name: municipality
-- Whether it is known.
select number from municipality where number = %(number)s

-- name: number
-- As it is sealed.
select sealed, lookup from national_number where patient_id = %(patient)s

-- name: set_number
-- One for each patient, and one patient for each.
insert into national_number (patient_id, sealed, lookup, set_by, set_at)
values (%(patient)s, %(sealed)s, %(lookup)s, %(by)s, %(now)s)
on conflict (patient_id) do update
set sealed = excluded.sealed, lookup = excluded.lookup, set_by = excluded.set_by, set_at = excluded.set_at

-- name: drop_number
-- It was somebody else's.
delete from national_number where patient_id = %(patient)s

-- name: record
-- The newest version counts.
select id, content, set_by, set_at, reason from patient_record
where patient_id = %(patient)s and type = %(type)s order by id desc limit %(most)s

-- name: set_record
-- A new version; no row: there is no such patient.
insert into patient_record (patient_id, type, content, set_by, set_at, reason)
select id, %(type)s, %(content)s::jsonb, %(by)s, %(now)s, %(reason)s from patient where id = %(patient)s
returning id

-- name: teams
-- Every team of the installation.
select id, name from team_names()
