-- name: remember
-- A look at a patient, or a change; the database adds why.
insert into access_log (at, staff_id, patient_id, deed, what)
values (%(now)s, my_staff_id(), %(patient)s, %(deed)s, %(what)s)

-- name: remember_roster
-- A board, or a screen that follows it. `shown` null: everybody in the team.
select remember_roster(%(team)s, %(shown)s, %(deed)s, %(now)s)

-- name: remember_reading
-- Who reads the log is in the log, of each team whose entries were shown.
insert into access_log (at, staff_id, team_id, deed, what)
select %(now)s, my_staff_id(), team, 'log', %(what)s from unnest((select my_audited_teams())::int[]) team order by team

-- name: entries
-- The newest before an entry. Row-level security leaves what the caller audits.
select entry.id, entry.at, entry.deed, entry.what, entry.role,
       entry.staff_id, staff.name as staff_name, staff.initials as staff_initials,
       entry.patient_id as patient, patient.name as patient_name,
       entry.team_id as team, team.name as team_name,
       cardinality(roster.patients) as shown, opened.reason
from access_log entry
left join staff on staff.id = entry.staff_id
left join patient on patient.id = entry.patient_id
left join team on team.id = entry.team_id
left join roster on roster.id = entry.roster_id
left join break_glass opened on opened.id = entry.break_glass_id
where (%(before)s::bigint is null or entry.id < %(before)s)
  and (%(patient)s::int is null or entry.patient_id = %(patient)s
       or entry.roster_id in (select id from roster where patients @> array[%(patient)s::int]))
  and (%(staff)s::int is null or entry.staff_id = %(staff)s)
  and (%(from_at)s::timestamptz is null or entry.at >= %(from_at)s)
  and (%(to_at)s::timestamptz is null or entry.at < %(to_at)s)
order by entry.id desc limit %(limit)s

-- name: audited_patient
-- For the head of the printed log.
select name, born_on from patient where id = %(patient)s and team_id = any ((select my_audited_teams())::int[])
