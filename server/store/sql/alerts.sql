-- name: meet_subjects
-- In order of identity, so that two writers that meet the same ones do not deadlock.
insert into subject (type, reference)
select t, r from unnest(%(types)s::text[], %(references)s::text[]) as u (t, r) order by t, r
on conflict do nothing

-- name: subjects
-- Which rows these subjects are.
select s.type, s.reference, s.id
from subject s join unnest(%(types)s::text[], %(references)s::text[]) as u (t, r) on s.type = u.t and s.reference = u.r

-- name: hold_subjects
-- Every writer of alerts locks subjects first, in order of id.
select id from subject where id = any(%(ids)s) order by id for no key update

-- name: open_alerts
-- What stands about these subjects.
select a.id, s.type, s.reference, a.patient_id, a.home_id, a.gateway_id, a.device_id, a.rule, a.priority, a.state,
       a.began_at, a.raised_at, a.last_at, a.late, a.count, a.condition_ended_at, a.owner_id, a.acknowledged_at,
       a.handled_at, a.handled_by, a.outcome, a.evidence, a.rev, a.step, a.next_at, a.on_way_at, a.there_at, a.contact_at,
       a.contact_needed, a.quiet, a.response, a.snoozed_until
from alert a join subject s on s.id = a.subject_id
where a.subject_id = any(%(ids)s) and a.state in ('raised', 'acknowledged', 'cleared')
order by a.id

-- name: lately_handled
-- What somebody closed last of each rule about these subjects.
select distinct on (a.subject_id, a.rule)
       a.id, s.type, s.reference, a.patient_id, a.home_id, a.gateway_id, a.device_id, a.rule, a.priority, a.state,
       a.began_at, a.raised_at, a.last_at, a.late, a.count, a.condition_ended_at, a.owner_id, a.acknowledged_at,
       a.handled_at, a.handled_by, a.outcome, a.evidence, a.rev, a.step, a.next_at, a.on_way_at, a.there_at, a.contact_at,
       a.contact_needed, a.quiet, a.response, a.snoozed_until
from alert a join subject s on s.id = a.subject_id
where a.subject_id = any(%(ids)s) and a.state = 'handled' and a.handled_at > %(since)s
order by a.subject_id, a.rule, a.handled_at desc, a.id desc

-- name: alerts
-- Alerts, open or not.
select a.id, s.type, s.reference, a.patient_id, a.home_id, a.gateway_id, a.device_id, a.rule, a.priority, a.state,
       a.began_at, a.raised_at, a.last_at, a.late, a.count, a.condition_ended_at, a.owner_id, a.acknowledged_at,
       a.handled_at, a.handled_by, a.outcome, a.evidence, a.rev, a.step, a.next_at, a.on_way_at, a.there_at, a.contact_at,
       a.contact_needed, a.quiet, a.response, a.snoozed_until
from alert a join subject s on s.id = a.subject_id
where a.id = any(%(ids)s) order by a.id

-- name: subject_of_alert
-- Whose lock a change of this alert needs.
select subject_id from alert where id = %(id)s

-- name: whose
-- An alert's team, and the pathway and municipality of its patient.
select a.team_id, p.pathway, p.municipality from alert a left join patient p on p.id = a.patient_id where a.id = %(id)s

-- name: patient
-- The same of an alert that is new.
select pathway, municipality from patient where id = %(id)s

-- name: team_of
-- Which team a patient, home, gateway or device belongs to; the first of them that is known.
select coalesce((select team_id from patient where id = %(patient)s),
                (select team_id from home where id = %(home)s),
                (select h.team_id from gateway g join home h on h.id = g.home_id where g.id = %(gateway)s),
                (select coalesce(p.team_id, h.team_id)
                 from binding b left join patient p on p.id = b.patient_id left join home h on h.id = b.home_id
                 where b.device_id = %(device)s and b.valid_from <= %(at)s and %(at)s < b.valid_to
                 order by b.slot limit 1))

-- name: raise
-- A new alert, with the links to show.
insert into alert (team_id, subject_id, patient_id, home_id, gateway_id, device_id, rule, priority, state, began_at, raised_at,
                   last_at, late, count, condition_ended_at, owner_id, acknowledged_at, handled_at, handled_by, outcome, evidence,
                   rev, step, next_at, on_way_at, there_at, contact_at, contact_needed, quiet, response, snoozed_until)
values (%(team)s, %(subject)s, %(patient)s, %(home)s, %(gateway)s, %(device)s, %(rule)s, %(priority)s, %(state)s, %(began_at)s,
        %(raised_at)s, %(last_at)s, %(late)s, %(count)s, %(condition_ended_at)s, %(owner)s, %(acknowledged_at)s,
        %(handled_at)s, %(handled_by)s, %(outcome)s, %(evidence)s, %(rev)s, %(step)s, %(next_at)s, %(on_way_at)s, %(there_at)s,
        %(contact_at)s, %(contact_needed)s, %(quiet)s, %(response)s, %(snoozed_until)s)
returning id, team_id

-- name: change
-- An alert as it stands after a change; nothing happens when somebody else changed it since.
update alert
set priority = %(priority)s, state = %(state)s, raised_at = %(raised_at)s, last_at = %(last_at)s, late = %(late)s,
    count = %(count)s, condition_ended_at = %(condition_ended_at)s, owner_id = %(owner)s,
    acknowledged_at = %(acknowledged_at)s, handled_at = %(handled_at)s, handled_by = %(handled_by)s,
    outcome = %(outcome)s, evidence = %(evidence)s, rev = %(rev)s, step = %(step)s, next_at = %(next_at)s,
    on_way_at = %(on_way_at)s, there_at = %(there_at)s, contact_at = %(contact_at)s,
    contact_needed = %(contact_needed)s, quiet = %(quiet)s, response = %(response)s, snoozed_until = %(snoozed_until)s
where id = %(id)s and rev = %(rev)s - 1
returning id, team_id

-- name: remember
-- One line of an alert's history.
insert into alert_history (alert_id, rev, at, action, staff_id, detail)
values (%(alert)s, %(rev)s, %(at)s, %(action)s, %(staff)s, %(detail)s)

-- name: hold_teams
-- The counters, locked last and in order of id. Not "for update": a transaction that has inserted an alert holds the
-- team's key already (its foreign key), and two of those would wait for each other.
select id, head from team where id = any(%(ids)s) order by id for no key update

-- name: log
-- What the screens of a team are told, in order.
insert into team_log (team_id, seq, at, type, alert_id, body)
select t, s, %(at)s, y, nullif(a, 0), b::jsonb
from unnest(%(teams)s, %(seqs)s, %(types)s::text[], %(alerts)s, %(bodies)s::text[]) as u (t, s, y, a, b)

-- name: move_heads
-- Under the lock of hold_teams.
update team set head = u.head from unnest(%(ids)s, %(heads)s) as u (id, head) where team.id = u.id
