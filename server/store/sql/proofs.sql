-- name: unasked
-- Gateways that are there and were not asked on this day.
select g.id, g.name, g.home_id from gateway g
where g.enrolled and g.state = 'online' and g.home_id is not null
  and not exists (select from alarm_proof p where p.gateway_id = g.id and p.day = %(day)s and p.until_at is null)
order by g.id

-- name: asked
-- It is asked now; once a day.
insert into alarm_proof (gateway_id, home_id, day, command, asked_at)
values (%(gateway)s, %(home)s, %(day)s, %(command)s, %(now)s)
on conflict (gateway_id, day) where until_at is null do nothing

-- name: tried
-- Somebody asks for it now; the number of the trial.
insert into alarm_proof (gateway_id, home_id, day, command, asked_at, until_at)
values (%(gateway)s, %(home)s, %(day)s, %(command)s, %(now)s, %(until)s) returning id

-- name: arrived
-- The newest question that has no answer yet, first one of somebody who waits; a second answer to it is nothing new.
update alarm_proof p set made_at = %(made)s, received_at = %(received)s, stored_at = %(now)s, raised_at = clock_timestamp()
where p.id = (select id from alarm_proof where gateway_id = %(gateway)s and stored_at is null and asked_at > %(since)s
                and (until_at is null or until_at > %(now)s)
              order by until_at is null, asked_at desc limit 1)
returning p.id, (select team_id from home where home.id = p.home_id), p.until_at is null

-- name: can_prove
-- Whether this gateway has ever answered, or says that it has carried out what was asked.
select exists (select from alarm_proof where gateway_id = %(gateway)s and stored_at is not null)
    or exists (select from alarm_proof p join gateway_command c on c.id = p.command
               where p.gateway_id = %(gateway)s and c.done_at is not null)

-- name: unanswered
-- The newest trial of this gateway, if it has not come.
select id, asked_at from (
    select id, asked_at, stored_at from alarm_proof where gateway_id = %(gateway)s and until_at is null
    order by day desc limit 1) newest
where stored_at is null

-- name: forget
-- It went away before it could answer: it is asked again when it is back.
delete from alarm_proof where id = %(id)s

-- name: see
-- A screen has it. After `sessions.identify`: row-level security drops what is not the caller's.
update alarm_proof set seen_at = %(now)s
where id = %(id)s and seen_at is null and stored_at > %(since)s

-- name: newest
-- The newest trial of each gateway.
select distinct on (gateway.name) gateway.name as gateway, p.home_id as home, p.day, p.asked_at, p.made_at, p.stored_at, p.seen_at
from alarm_proof p join gateway on gateway.id = p.gateway_id
where gateway.name = any(%(names)s::text[]) and p.until_at is null order by gateway.name, p.day desc

-- name: of_days
-- Trials of the homes of these teams, day by day.
select gateway.name as gateway, p.home_id as home, p.day, p.asked_at, p.made_at, p.stored_at, p.seen_at
from alarm_proof p join gateway on gateway.id = p.gateway_id join home on home.id = p.home_id
where home.team_id = any (%(teams)s) and p.day between %(first)s and %(last)s and p.until_at is null
order by p.day desc, gateway.name

-- name: prune
-- Those of long ago.
delete from alarm_proof where day < %(before)s
