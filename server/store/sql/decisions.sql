-- name: limits_of_pathway
-- The newest word about each limit of a team's pathway.
select distinct on (kind) kind, red_low, yellow_low, yellow_high, red_high, set_by, set_at, reason, removed
from pathway_limit where team_id = %(team)s and pathway = %(pathway)s
order by kind, set_at desc, id desc

-- name: rules_set
-- The newest word about each rule, of a patient or of a team's pathway, and whose it is.
select distinct on (rule) rule, enabled, numbers, set_by, set_at, reason, removed
from rule_setting where patient_id = %(patient)s or (team_id = %(team)s and pathway = %(pathway)s)
order by rule, set_at desc, id desc

-- name: home_rules_set
-- The newest word about each rule of a home.
select distinct on (rule) rule, enabled, numbers, set_by, set_at, reason, removed
from rule_setting where home_id = %(home)s
order by rule, set_at desc, id desc

-- name: night
-- The hours of a home in which an opened front door is an alert.
select night_from, night_to from home where id = %(home)s

-- name: plans_set
-- The newest word about when each kind is measured, of a patient or of a team's pathway.
select distinct on (kind) kind, weekdays, times, before_min, after_min, set_by, set_at, reason, removed
from measuring_plan where patient_id = %(patient)s or (team_id = %(team)s and pathway = %(pathway)s)
order by kind, set_at desc, id desc

-- name: fact_withdrawn_because
-- Why it was taken back, in the transaction that does.
update care_fact set withdrawn_because = %(reason)s where id = %(id)s and patient_id = %(patient)s

-- name: excuse_ended_because
-- Why it ended early, in the transaction that does.
update excuse set ended_because = %(reason)s where id = %(id)s

-- name: hours
-- The hours of a stream, as columns.
select array_agg(extract(epoch from hour)::bigint * 1000), array_agg(mean),
       array_agg((extract(epoch from until) * 1000)::bigint), array_agg(mode = 1)
from my_hours(%(patient)s, %(kind)s::smallint, %(from_at)s, %(to_at)s)

-- name: changes
-- What was said and decided about a patient, the home where the patient lives now, or a team's pathway, before a place in
-- that order; the newest first.
select c.at, c.rank, c.id, c.by, c.reason, c.of_team, c.kind, c.what, c.content
from (
    select said_at as at, 1 as rank, id, said_by as by, reason, false as of_team, kind, type as what,
           jsonb_build_object('value', value, 'at', at, 'until', until) as content
    from care_fact where patient_id = %(patient)s
    union all
    select withdrawn_at, 2, id, withdrawn_by, withdrawn_because, false, kind, type,
           jsonb_build_object('value', value, 'at', at, 'until', until)
    from care_fact where patient_id = %(patient)s and withdrawn_at is not null
    union all
    select set_at, 3, kind, set_by, reason, false, kind, null,
           jsonb_build_object('removed', removed, 'red_low', red_low, 'yellow_low', yellow_low, 'yellow_high', yellow_high,
                              'red_high', red_high)
    from patient_limit where patient_id = %(patient)s
    union all
    select set_at, 4, id, set_by, reason, true, kind, null,
           jsonb_build_object('removed', removed, 'red_low', red_low, 'yellow_low', yellow_low, 'yellow_high', yellow_high,
                              'red_high', red_high)
    from pathway_limit where team_id = %(team)s and pathway = %(pathway)s
    union all
    select set_at, 5, id, set_by, reason, team_id is not null, null, rule,
           jsonb_build_object('removed', removed, 'enabled', enabled, 'numbers', numbers)
    from rule_setting where patient_id = %(patient)s or (team_id = %(team)s and pathway = %(pathway)s)
    union all
    select set_at, 6, id, set_by, reason, team_id is not null, kind, null,
           jsonb_build_object('removed', removed, 'weekdays', weekdays, 'times', times, 'before_min', before_min,
                              'after_min', after_min)
    from measuring_plan where patient_id = %(patient)s or (team_id = %(team)s and pathway = %(pathway)s)
    union all
    select said_at, 7, id, said_by, reason, false, null, why, jsonb_build_object('from_at', from_at, 'to_at', to_at)
    from excuse where patient_id = %(patient)s
    union all
    select ended_at, 8, id, ended_by, ended_because, false, null, why, jsonb_build_object('from_at', from_at, 'to_at', to_at)
    from excuse where patient_id = %(patient)s and ended_at is not null
    union all
    select set_at, 9, id, set_by, reason, false, null, rule,
           jsonb_build_object('removed', removed, 'enabled', enabled, 'numbers', numbers)
    from rule_setting where home_id = (select home_id from patient where id = %(patient)s)
) c
where %(before_at)s::timestamptz is null or (c.at, c.rank, c.id) < (%(before_at)s, %(before_rank)s, %(before_id)s)
order by c.at desc, c.rank desc, c.id desc
limit %(most)s
