-- name: pathways
-- What of these patients settings follow from.
select id, team_id, pathway from patient where id = any(%(patients)s)

-- name: own_limits
-- The newest word about each of a patient's limits.
select distinct on (patient_id, kind) patient_id, kind, red_low, yellow_low, yellow_high, red_high, set_by, set_at, reason, removed
from patient_limit where patient_id = any(%(patients)s)
order by patient_id, kind, set_at desc

-- name: team_limits
-- The newest word about each limit of a team's pathways.
select distinct on (team_id, pathway, kind) team_id, pathway, kind, red_low, yellow_low, yellow_high, red_high, set_by, set_at,
       reason, removed
from pathway_limit where team_id = any(%(teams)s)
order by team_id, pathway, kind, set_at desc, id desc

-- name: own_rules
-- The newest word about each rule of a patient.
select distinct on (patient_id, rule) patient_id, rule, enabled, numbers, removed
from rule_setting where patient_id = any(%(patients)s)
order by patient_id, rule, set_at desc, id desc

-- name: team_rules
-- The newest word about each rule of a team's pathways.
select distinct on (team_id, pathway, rule) team_id, pathway, rule, enabled, numbers, removed
from rule_setting where team_id = any(%(teams)s)
order by team_id, pathway, rule, set_at desc, id desc

-- name: home_rules
-- The newest word about each rule of a home.
select distinct on (home_id, rule) home_id, rule, enabled, numbers, removed
from rule_setting where home_id = any(%(homes)s)
order by home_id, rule, set_at desc, id desc

-- name: nights
-- The hours of each of these homes in which an opened front door is an alert.
select id, night_from, night_to from home where id = any(%(homes)s)

-- name: own_plans
-- The newest word about when a patient measures each kind.
select distinct on (patient_id, kind) patient_id, kind, weekdays, times, before_min, after_min, removed
from measuring_plan where patient_id = any(%(patients)s)
order by patient_id, kind, set_at desc, id desc

-- name: team_plans
-- The newest word about when patients of a team's pathways measure each kind.
select distinct on (team_id, pathway, kind) team_id, pathway, kind, weekdays, times, before_min, after_min, removed
from measuring_plan where team_id = any(%(teams)s)
order by team_id, pathway, kind, set_at desc, id desc

-- name: set_limit
-- A patient's own limit. Like every setting it comes after what was set before, whatever the clocks of servers say.
insert into patient_limit (patient_id, kind, red_low, yellow_low, yellow_high, red_high, removed, set_by, set_at, reason)
select p.id, %(kind)s, %(red_low)s, %(yellow_low)s, %(yellow_high)s, %(red_high)s, %(removed)s, %(by)s,
       greatest(%(now)s, (select max(set_at) + interval '1 microsecond' from patient_limit
                          where patient_id = p.id and kind = %(kind)s)), %(reason)s
from patient p where p.id = %(patient)s

-- name: set_pathway_limit
-- A limit of a pathway in a team that the caller may see.
insert into pathway_limit (team_id, pathway, kind, red_low, yellow_low, yellow_high, red_high, removed, set_by, set_at, reason)
select t.id, %(pathway)s, %(kind)s, %(red_low)s, %(yellow_low)s, %(yellow_high)s, %(red_high)s, %(removed)s, %(by)s,
       greatest(%(now)s, (select max(set_at) from pathway_limit where team_id = t.id and pathway = %(pathway)s and kind = %(kind)s)),
       %(reason)s
from team t where t.id = %(team)s

-- name: set_rule
-- For a patient, a pathway in a team, or a home, which the caller may see.
insert into rule_setting (rule, team_id, pathway, patient_id, home_id, enabled, numbers, removed, set_by, set_at, reason)
select %(rule)s, t.id, case when t.id is not null then %(pathway)s::text end, p.id, h.id, %(enabled)s, %(numbers)s::jsonb, %(removed)s,
       %(by)s, greatest(%(now)s, (
           select max(set_at) from rule_setting
           where rule = %(rule)s and (patient_id = p.id or home_id = h.id or (team_id = t.id and pathway = %(pathway)s)))),
       %(reason)s
from (select) one
left join team t on t.id = %(team)s
left join patient p on p.id = %(patient)s
left join home h on h.id = %(home)s
where num_nonnulls(t.id, p.id, h.id) = 1

-- name: set_plan
-- For a patient, or a pathway in a team, which the caller may see.
insert into measuring_plan (team_id, pathway, patient_id, kind, weekdays, times, before_min, after_min, removed, set_by, set_at, reason)
select t.id, case when t.id is not null then %(pathway)s::text end, p.id, %(kind)s, %(weekdays)s::smallint[], %(times)s::time[],
       %(before_min)s, %(after_min)s, %(removed)s, %(by)s, greatest(%(now)s, (
           select max(set_at) from measuring_plan
           where kind = %(kind)s and (patient_id = p.id or (team_id = t.id and pathway = %(pathway)s)))),
       %(reason)s
from (select) one
left join team t on t.id = %(team)s
left join patient p on p.id = %(patient)s
where num_nonnulls(t.id, p.id) = 1
