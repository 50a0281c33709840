-- name: raised_by_hour
-- How many alerts were raised (last) in each hour that ends at `now` or whole hours before it, by colour; 0 is the newest.
select floor(extract(epoch from %(now)s - raised_at) / 3600)::int as hours_ago, priority, count(*)
from alert
where team_id = %(team)s and raised_at > %(from_at)s and raised_at <= %(now)s
group by 1, 2

-- name: answers
-- Of those, by colour: how many were answered, how long it took in the middle and at most, how many were closed, and how many
-- of the closed were none of the patient's.
select priority, count(answered_s), percentile_cont(0.5) within group (order by answered_s), max(answered_s),
       count(outcome), count(outcome) filter (where outcome in ('measuring_error', 'technical', 'wrong_limit'))
from (
    select priority, outcome,
           extract(epoch from case when acknowledged_at > raised_at then acknowledged_at else handled_at end - raised_at)::float8 as answered_s
    from alert
    where team_id = %(team)s and raised_at > %(from_at)s and raised_at <= %(now)s
) raised
group by 1

-- name: wear_a_sensor
-- The team's patients of whom a continuous sensor has been heard since then.
select patient.id
from patient
join my_latest latest on latest.patient_id = patient.id and latest.kind = %(kind)s
where patient.team_id = %(team)s and patient.active and latest.taken_at >= %(from_at)s
order by patient.id

-- name: patients
-- Whom the team has now.
select id from patient where team_id = %(team)s and active order by id
