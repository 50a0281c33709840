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

-- name: waiting
-- Those that a technician decides about, and those that were let in and are not signed yet.
select id, code, key, model, version, asked_at, heard_at, state, gateway, fault, born, doubtful
from my_enrolments order by asked_at, id limit %(most)s

-- name: accept
-- It stands in this home from now on.
select enrolment_accept(%(id)s, %(home)s, %(name)s, %(now)s)

-- name: refuse
-- It comes to nothing.
select enrolment_refuse(%(id)s, %(why)s, %(now)s)

-- name: revoke
-- None of its certificates is good any more.
select gateway_revoke(%(name)s, %(why)s, %(now)s)

-- name: unsigned
-- Let in, or renewing, and without a certificate.
select e.id, e.csr, e.gateway, h.name as home, e.renews from enrolment e left join home h on h.id = e.home_id
where e.state = 'accepted' and (e.next_at is null or e.next_at <= %(now)s) order by e.next_at nulls first, e.id limit %(most)s

-- name: issued
-- Unless it was revoked or asked for with another request meanwhile.
update enrolment set state = 'issued', fault = '', next_at = null where id = %(id)s and state = 'accepted' and csr = %(csr)s
returning true

-- name: put_certificate
-- Of a gateway that is ours by now.
insert into certificate (serial, gateway_id, enrolment_id, certificate, key, not_before, not_after)
select %(serial)s, g.id, %(id)s, %(pem)s, %(key)s, %(not_before)s, %(not_after)s from gateway g where g.name = %(name)s

-- name: fault
-- Why it could not be signed; it is tried again.
update enrolment set fault = %(fault)s, next_at = %(next_at)s where id = %(id)s and state = 'accepted'

-- name: used
-- It was shown to the broker for the first time: the gateway has it, and those before it are over.
with seen as (
    update certificate set used_at = %(now)s where serial = %(serial)s and used_at is null and revoked_at is null
    returning gateway_id, enrolment_id
)
update certificate c set revoked_at = %(now)s, why = 'renewed' from seen
where c.gateway_id = seen.gateway_id and c.enrolment_id < seen.enrolment_id and c.revoked_at is null
returning c.serial

-- name: unused
-- Whether nobody has shown it to the broker yet.
select true from certificate where serial = %(serial)s and used_at is null

-- name: in_force
-- What the broker lets in.
select c.serial, g.name as gateway, g.bucket, c.not_after from certificate c join gateway g on g.id = c.gateway_id
where c.revoked_at is null and c.not_after > %(now)s order by g.name, c.enrolment_id

-- name: revoked
-- What the broker must not let in although it is not over.
select c.serial, g.name as gateway, c.revoked_at, c.why from certificate c join gateway g on g.id = c.gateway_id
where c.revoked_at is not null and c.not_after > %(now)s order by c.revoked_at, c.serial
