-- name: hold
-- One import after the other.
select pg_advisory_xact_lock(hashtext('hjemvakt.import'))

-- name: teams
-- By name.
select name, id from team

-- name: patients
-- Who is here already, with what an import may change.
select p.reference, p.id, p.name, p.born_on, p.pathway, p.team_id, p.home_id, p.municipality, p.phone, p.lives_alone, p.protection,
       p.ended_why, p.virtual
from patient p where p.reference = any(%(references)s::text[])

-- name: put_municipality
-- By its number; a name that is given counts.
insert into municipality (number, name) values (%(number)s, %(name)s)
on conflict (number) do update set name = excluded.name where municipality.name <> excluded.name

-- name: municipalities
-- Which are known.
select number from municipality

-- name: put_municipality_team
-- The team looks after people there.
insert into municipality_team (municipality, team_id) values (%(number)s, %(team)s) on conflict do nothing

-- name: homes
-- By name, with the address in force.
select h.name, h.id, h.team_id, coalesce(
    (select a.address from home_address a where a.home_id = h.id and a.from_at <= %(now)s and a.to_at > %(now)s
     order by a.id desc limit 1), h.address)
from home h where h.name = any(%(names)s::text[])

-- name: add_home
-- A new one.
insert into home (name, address, team_id, bucket) values (%(name)s, %(address)s, %(team)s, %(bucket)s) returning id

-- name: say_address
-- From now on.
insert into home_address (home_id, address, from_at, set_at, reason) values (%(home)s, %(address)s, %(now)s, %(now)s, 'import')

-- name: add_patient
-- A new one.
insert into patient (reference, name, born_on, pathway, team_id, home_id, municipality, phone, lives_alone, protection)
values (%(reference)s, %(name)s, %(born_on)s, %(pathway)s, %(team)s, %(home)s, %(municipality)s, %(phone)s, %(lives_alone)s,
        %(protection)s)
returning id

-- name: set_patient
-- What the list says; where it says nothing, what there is stays.
update patient
set name = %(name)s, born_on = %(born_on)s, pathway = %(pathway)s, home_id = %(home)s, municipality = %(municipality)s,
    phone = %(phone)s, lives_alone = %(lives_alone)s, protection = %(protection)s
where id = %(patient)s

-- name: number_of
-- Whose it is.
select patient_id from national_number where lookup = %(lookup)s

-- name: lookup_of
-- Whether the patient has another one.
select lookup from national_number where patient_id = %(patient)s

-- name: staff
-- Who can log in, and where they work.
select s.login, s.name, s.active and s.password_hash <> '!', coalesce(string_agg(t.name || '=' || st.role, ', ' order by t.name), '')
from staff s left join staff_team st on st.staff_id = s.id left join team t on t.id = st.team_id
where not s.machine group by s.id order by s.login

-- name: end_staff
-- Nobody logs in with it any more, and what is open is closed; who did what stays.
with ended as (
    update staff set active = false, password_hash = '!' where login = %(login)s and active returning id
), gone as (
    delete from session using ended where session.staff_id = ended.id
), left_teams as (
    delete from staff_team using ended where staff_team.staff_id = ended.id
)
select count(*) from ended
