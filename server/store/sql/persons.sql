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
select exists (select from staff_team where staff_id = %(staff)s and team_id = %(team)s)

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

-- name: addresses
-- What was ever said about where a home is, the newest first.
select id, address, doubt, from_at, nullif(to_at, 'infinity'), set_by, set_at, reason from home_address
where home_id = %(home)s order by id desc limit %(most)s

-- name: first_address
-- As the enrolment list said it.
select address from home where id = %(home)s

-- name: set_address
-- Of those that hold at a time the newest counts.
insert into home_address (home_id, address, doubt, from_at, to_at, set_by, set_at, reason)
values (%(home)s, %(address)s, %(doubt)s, %(from_at)s, coalesce(%(to_at)s::timestamptz, 'infinity'), %(by)s, %(now)s, %(reason)s)
returning id

-- name: access
-- How one gets in, the newest first.
select id, key_box, way_in, sealed, set_by, set_at, reason from home_access
where home_id = %(home)s order by id desc limit 1

-- name: set_access
-- A new version.
insert into home_access (home_id, key_box, way_in, sealed, set_by, set_at, reason)
values (%(home)s, %(key_box)s, %(way_in)s, %(sealed)s, %(by)s, %(now)s, %(reason)s)
returning id

-- name: recalls
-- What must be fetched, the longest waiting first. A protected address stands in no list.
select r.id, r.team_id, d.address, d.profile, d.label, g.name, r.home_id,
       case when home_is_protected(r.home_id) or p.protection is not null then null
            else coalesce((select a.address from home_address a where a.home_id = r.home_id and a.from_at <= %(now)s
                           and a.to_at > %(now)s order by a.id desc limit 1), h.address) end,
       r.why, r.since, r.fetched_at, r.fetched_by
from recall r
left join device d on d.id = r.device_id
left join gateway g on g.id = r.gateway_id
left join patient p on p.id = r.patient_id
left join home h on h.id = coalesce(r.home_id, p.home_id)
where r.team_id = any (%(teams)s) and r.fetched_at is null
order by r.since, r.id limit %(most)s

-- name: fetched
-- Once.
update recall set fetched_at = %(now)s, fetched_by = %(by)s
where id = %(id)s and team_id = any (%(teams)s) and fetched_at is null
returning id

-- name: end
-- Everything that is expected ends; the subjects of which alerts may stand. Null: it was over already.
select patient_end(%(patient)s, %(why)s, %(ended)s, %(by)s, %(now)s, %(reason)s)

-- name: hand_over
-- To another team; the subjects of which alerts may stand.
select patient_hand_over(%(patient)s, %(team)s, %(by)s, %(now)s, %(reason)s)

-- name: merge
-- Two that were one. Null: one of them was merged already.
select patient_merge(%(kept)s, %(gone)s, %(by)s, %(now)s, %(reason)s)

-- name: teams
-- Every team of the installation.
select id, name from team_names()

-- name: team_of
-- Whose patient it is.
select team_id from patient where id = %(patient)s

-- name: subjects_of
-- What alerts about a patient, or about a home where nobody else lives, are about; in order of id.
select distinct a.subject_id from alert a join patient p on p.id = %(patient)s
where a.state in ('raised', 'acknowledged', 'cleared')
  and (a.patient_id = p.id or (a.patient_id is null and a.home_id = p.home_id and not exists (
          select from patient o where o.home_id = p.home_id and o.active and o.id <> p.id)))
order by 1
