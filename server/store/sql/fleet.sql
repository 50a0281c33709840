-- name: gateways
-- All that whoever looks after these teams' gateways must see at a glance.
select g.id, g.name, g.home_id as home, coalesce(h.team_id, g.depot_team_id) as team, g.label, g.state, g.state_since, g.heard_at,
       g.status, r.rollout_id as rollout, r.state as target_state, r.why as target_why,
       (select rollout.program from rollout where rollout.id = r.rollout_id) as target_program,
       (select rollout.heartbeat_s from rollout where rollout.id = r.rollout_id) as target_heartbeat_s
from gateway g left join home h on h.id = g.home_id
     left join lateral (select * from rollout_gateway where gateway_id = g.id order by rollout_id desc limit 1) r on true
where coalesce(h.team_id, g.depot_team_id) = any (%(teams)s) and (%(name)s::text is null or g.name = %(name)s)
order by g.name

-- name: commands
-- What was said to a gateway, the newest first, and what became of it.
select s.command, s.what, s.at, s.staff_id as staff, s.until_at, s.detail, e.part as state, e.at as answered_at,
       coalesce(e.detail, '') as why, d.at as handed_in_at
from gateway_log s
     left join lateral (select part, at, detail from gateway_log where command = s.command and part in ('done', 'refused', 'expired')
                        order by id limit 1) e on true
     left join gateway_diagnosis d on d.command = s.command
where s.part = 'said' and s.gateway_id = %(gateway)s order by s.id desc limit %(most)s

-- name: diagnosis
-- What a gateway handed in, as it came.
select at, content from gateway_diagnosis where command = %(command)s and gateway_id = %(gateway)s

-- name: rollouts
-- The newest first.
select id, team_ids as teams, program, heartbeat_s, rings, made_at, made_by, state, ring, ring_at, changed_at, changed_by, why
from rollout where (%(id)s::bigint is null or id = %(id)s) order by id desc limit %(most)s

-- name: members
-- Of these rollouts.
select r.rollout_id as rollout, g.name as gateway, r.ring, r.state, r.asked_at, r.changed_at, r.why
from rollout_gateway r join gateway g on g.id = r.gateway_id where r.rollout_id = any (%(ids)s) order by r.ring, g.name

-- name: under_way
-- A rollout of one of these teams that is not over.
select id from rollout where state in ('running', 'stopped') and team_ids && %(teams)s::int[] limit 1

-- name: make
-- Somebody begins it.
insert into rollout (team_ids, program, heartbeat_s, rings, made_at, made_by, ring_at, changed_at, changed_by)
values (%(teams)s, %(program)s, %(heartbeat_s)s, %(rings)s, %(now)s, my_staff_id(), %(now)s, %(now)s, my_staff_id()) returning id

-- name: join
-- These gateways, each in its ring.
insert into rollout_gateway (rollout_id, gateway_id, ring, changed_at)
select %(id)s, u.g, u.r, %(now)s from unnest(%(gateways)s, %(rings)s) as u (g, r)

-- name: decide
-- Somebody ends it, stops it or lets it go on.
select rollout_decide(%(id)s, %(state)s, %(why)s, %(now)s)

-- name: running
-- Those that the clock looks after.
select id, ring, program, heartbeat_s, made_by from rollout where state = 'running' order by id limit %(most)s

-- name: standing
-- How each gateway of a rollout is, with what it said of it last.
select g.id, g.name, r.ring, r.state, coalesce(r.asked_at, r.changed_at) as asked_at, r.changed_at, g.state = 'online' as is_online,
       g.heard_at, g.status, c.refused, c.answer, c.done_at is not null as is_carried_out
from rollout_gateway r join gateway g on g.id = r.gateway_id left join gateway_command c on c.id = r.command
where r.rollout_id = %(id)s order by r.ring, g.id

-- name: hold
-- Nobody else changes it meanwhile.
select state from rollout where id = %(id)s for no key update

-- name: step
-- A gateway goes on.
update rollout_gateway set state = %(to)s, why = %(why)s, changed_at = %(now)s where rollout_id = %(id)s and gateway_id = %(gateway)s

-- name: asked
-- A gateway was asked.
update rollout_gateway set state = 'asked', asked_at = %(now)s, changed_at = %(now)s, command = %(command)s, why = ''
where rollout_id = %(id)s and gateway_id = %(gateway)s

-- name: set_heartbeat
-- From its next configuration on.
update gateway set heartbeat_s = %(heartbeat_s)s where id = %(gateway)s and heartbeat_s is distinct from %(heartbeat_s)s

-- name: go_on
-- The next ring, or its end.
update rollout set ring = %(ring)s, ring_at = case when ring = %(ring)s then ring_at else %(now)s end, state = %(state)s, why = %(why)s,
       changed_at = %(now)s, changed_by = null
where id = %(id)s and (ring <> %(ring)s or state <> %(state)s)
