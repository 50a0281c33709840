-- name: concerned
-- Of these gateways: the teams in which an outage would be told, and whose line each of them uses.
select distinct h.team_id, g.operator
from gateway g join home h on h.id = g.home_id
where g.id = any (%(ids)s)

-- name: alone
-- Silent gateways of these teams that have an alert of their own, on which nobody was called yet.
select a.subject_id from alert a
where a.team_id = any (%(teams)s) and a.rule = %(rule)s and a.state = 'raised' and a.step = 0

-- name: silent
-- Gateways of these teams that are silent: whose line they use, whether they would tell of a fall or an SOS, and the outage
-- that tells of them.
select h.team_id, g.id, g.operator, coalesce(g.heard_at, g.state_since),
       exists (
           select from binding b
           join device d on d.id = b.device_id and d.profile = any (%(profiles)s)
           left join patient p on p.id = b.patient_id
           where b.valid_from <= %(now)s and %(now)s < b.valid_to and coalesce(b.home_id, p.home_id) = g.home_id),
       (select o.alert_id from outage_gateway o join alert a on a.id = o.alert_id
        where o.gateway_id = g.id and o.back_at is null and a.state in ('raised', 'acknowledged', 'cleared'))
from gateway g join home h on h.id = g.home_id
where h.team_id = any (%(teams)s) and g.state = 'silent' and g.enrolled
order by g.id

-- name: lines
-- How many gateways each line of these teams has.
select h.team_id, g.operator, count(*)
from gateway g join home h on h.id = g.home_id
where h.team_id = any (%(teams)s) and g.enrolled group by h.team_id, g.operator

-- name: standing
-- The open outages about these subjects.
select id, subject_id from alert
where subject_id = any (%(subjects)s) and rule = %(rule)s and state in ('raised', 'acknowledged', 'cleared')

-- name: leave
-- What another outage told of them is over with this one.
update outage_gateway set back_at = %(now)s where gateway_id = any (%(gateways)s) and back_at is null and alert_id <> %(alert)s

-- name: join
-- An outage tells of these from now on; one that was back and is silent again, again.
insert into outage_gateway (alert_id, gateway_id, heard_at, covers, joined_at)
select %(alert)s, g, h, c, %(now)s from unnest(%(gateways)s, %(heard)s::timestamptz[], %(covers)s::boolean[]) as u (g, h, c)
on conflict (alert_id, gateway_id) do update
set heard_at = excluded.heard_at, covers = excluded.covers, joined_at = excluded.joined_at, back_at = null

-- name: returned
-- Outages of which some gateway speaks again, or stands elsewhere now; a look without locks.
select distinct a.subject_id
from outage_gateway o join alert a on a.id = o.alert_id join gateway g on g.id = o.gateway_id
left join home h on h.id = g.home_id
where o.back_at is null and (g.state <> 'silent' or not g.enrolled or h.team_id is distinct from a.team_id)

-- name: back
-- Under the lock of their outages.
update outage_gateway o set back_at = %(now)s
from alert a, gateway g left join home h on h.id = g.home_id
where a.id = o.alert_id and g.id = o.gateway_id and a.subject_id = any (%(subjects)s)
  and o.back_at is null and (g.state <> 'silent' or not g.enrolled or h.team_id is distinct from a.team_id)
returning o.alert_id

-- name: members
-- Whose silence these outages tell of still.
select o.alert_id, g.id, g.operator, o.heard_at, o.covers
from outage_gateway o join gateway g on g.id = o.gateway_id
where o.alert_id = any (%(alerts)s) and o.back_at is null order by g.id

-- name: gateways
-- Of one alert about silence: its gateways, the longest silent first.
select g.name as gateway, g.home_id as home, o.heard_at, o.back_at, g.operator
from outage_gateway o join gateway g on g.id = o.gateway_id
where o.alert_id = %(alert)s
union all
select g.name, g.home_id, a.began_at, a.condition_ended_at, g.operator
from alert a join gateway g on g.id = a.gateway_id
where a.id = %(alert)s and a.rule = 'technical:gateway_silent'
order by heard_at, gateway

-- name: patients
-- Who lives in these homes: whether a fall or an SOS of theirs would be told there, and whether they live alone; where nobody
-- has said it, whoever is the only one of the home does so as far as anybody knows.
select p.id, p.name, p.phone, p.home_id as home,
       exists (
           select from binding b join device d on d.id = b.device_id and d.profile = any (%(profiles)s)
           where b.valid_from <= %(now)s and %(now)s < b.valid_to and (b.patient_id = p.id or b.home_id = p.home_id)) as has_alarm,
       coalesce(p.lives_alone,
                not exists (select from patient o where o.home_id = p.home_id and o.id <> p.id and o.active)) as lives_alone,
       p.lives_alone is not null as alone_is_said
from patient p
where p.home_id = any (%(homes)s) and p.active
