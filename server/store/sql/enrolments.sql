-- name: hold
-- Whoever changes an enrolment or a certificate does so alone.
select pg_advisory_xact_lock(hashtext('hjemvakt.enrolment'))

-- name: ask
-- Somebody wants to be let in.
select enrolment_ask(%(code)s, %(key)s, %(csr)s, %(model)s, %(version)s, %(ticket)s, %(now)s, %(lasts)s, %(most)s)

-- name: renew
-- A gateway of ours wants its next certificate.
select renewal_ask(%(serial)s, %(key)s, %(csr)s, %(ticket)s, %(now)s)

-- name: standing
-- What became of it.
select state, why, gateway, bucket, certificate, revoked from enrolment_standing(%(ticket)s)

-- name: hand_in
-- How a gateway is, which was asked for it.
select diagnosis_hand_in(%(serial)s, %(gateway)s, %(command)s, %(content)s, %(now)s)

-- name: waiting
-- Those that a technician decides about, and those that were let in and are not signed yet.
select id, code, key, model, version, asked_at, heard_at, state, gateway, fault, born, doubtful
from my_enrolments order by asked_at, id limit %(most)s

-- name: accept
-- It stands in this home from now on, or at this team's depot.
select enrolment_accept(%(id)s, %(home)s, %(team)s, %(name)s, %(now)s)

-- name: refuse
-- It comes to nothing.
select enrolment_refuse(%(id)s, %(why)s, %(now)s)

-- name: revoke
-- None of its certificates is good any more.
select gateway_revoke(%(name)s, %(why)s, %(now)s)

-- name: unsigned
-- Let in, or renewing, and without a certificate.
select e.id, e.csr, e.gateway, h.name as home, e.team_id as depot_team, e.renews from enrolment e left join home h on h.id = e.home_id
where e.state = 'accepted' and (e.next_at is null or e.next_at <= %(now)s) order by e.next_at nulls first, e.id limit %(most)s

-- name: issued
-- Unless it was revoked or asked for with another request meanwhile.
update enrolment set state = 'issued', fault = '', next_at = null where id = %(id)s and state = 'accepted' and csr = %(csr)s
returning true

-- name: put_depot_gateway
-- It stands in no home yet. One that was let in before keeps its bucket, for its outbox may.
insert into gateway (name, bucket, enrolled, depot_team_id) values (%(name)s, abs(hashtext(%(name)s)::bigint) %% 64, true, %(team)s)
on conflict (name) do update set home_id = null, enrolled = true, depot_team_id = excluded.depot_team_id

-- name: put_certificate
-- Of a gateway that is ours by now.
insert into certificate (serial, gateway_id, enrolment_id, certificate, key, not_before, not_after, authority_id)
select %(serial)s, g.id, %(id)s, %(pem)s, %(key)s, %(not_before)s, %(not_after)s, %(by)s from gateway g where g.name = %(name)s

-- name: fault
-- Why it could not be signed; it is tried again.
update enrolment set fault = %(fault)s, next_at = %(next_at)s where id = %(id)s and state = 'accepted'

-- name: shown
-- Whether a gateway is connected by one that has not been used before.
select true from certificate c join gateway g on g.id = c.gateway_id
where c.used_at is null and c.revoked_at is null and g.status ->> 'certificate' = c.serial limit 1

-- name: used
-- The gateway has it, and those before it are over.
with seen as (
    update certificate c set used_at = %(now)s from gateway g
    where g.id = c.gateway_id and c.used_at is null and c.revoked_at is null and g.status ->> 'certificate' = c.serial
    returning c.gateway_id, c.enrolment_id
)
update certificate c set revoked_at = %(now)s, why = 'renewed' from seen
where c.gateway_id = seen.gateway_id and c.enrolment_id < seen.enrolment_id and c.revoked_at is null
returning c.serial

-- name: in_force
-- What the broker lets in.
select c.serial, c.key, g.name as gateway, g.bucket, c.not_after from certificate c join gateway g on g.id = c.gateway_id
where c.revoked_at is null and c.not_after > %(now)s
  and not exists (select from authority a where a.id = c.authority_id and a.ended_at is not null) order by g.name, c.enrolment_id

-- name: revoked
-- What the broker must not let in although it is not over.
select c.serial, g.name as gateway, c.revoked_at, c.why from certificate c join gateway g on g.id = c.gateway_id
where c.revoked_at is not null and c.not_after > %(now)s order by c.revoked_at, c.serial

-- name: standing_of
-- One certificate, as the guard of a broker asks when it does not know it.
select c.serial, c.key, g.name as gateway, g.bucket, c.not_after from certificate c join gateway g on g.id = c.gateway_id
where c.serial = %(serial)s and c.revoked_at is null and c.not_after > %(now)s
  and not exists (select from authority a where a.id = c.authority_id and a.ended_at is not null)

-- name: outsiders
-- Gateways that had a certificate and have none that is in force.
select g.name from gateway g where exists (select from certificate c where c.gateway_id = g.id)
and not exists (select from certificate c where c.gateway_id = g.id and c.revoked_at is null and c.not_after > %(now)s
  and not exists (select from authority a where a.id = c.authority_id and a.ended_at is not null))
order by g.name
