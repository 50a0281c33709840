-- name: find
-- Those that are trusted, the newest first.
select id, certificate, sealed_key, made_at from authority where ended_at is null order by id desc

-- name: keep
-- Unless there is one.
insert into authority (certificate, sealed_key, made_at)
select %(certificate)s, %(sealed_key)s, %(now)s where not exists (select from authority where ended_at is null)

-- name: beside
-- A second one: gateways are signed by it from soon on.
insert into authority (certificate, sealed_key, made_at)
select %(certificate)s, %(sealed_key)s, %(now)s where (select count(*) from authority where ended_at is null) = 1 returning id

-- name: told
-- Its certificate, as everybody may have it.
select authority_certificate()

-- name: needed
-- Who would be lost with this one.
select what, name, team_id as team, until_at, orders from authority_needed(%(id)s, %(now)s)

-- name: end
-- Nobody trusts it any more; its key is gone.
update authority set ended_at = %(now)s, sealed_key = null where id = %(id)s and ended_at is null
  and exists (select from authority newer where newer.id > %(id)s and newer.ended_at is null) returning id

-- name: broker_knows
-- Whether a broker has asked for its certificate since a time.
select exists (select from part_certificate where name = %(broker)s and certificate is not null and asked_at > %(since)s)

-- name: to_renew
-- Gateways online that do as they are told, have none of the newest authority, and were not told to ask for one.
select g.id, g.name from gateway g
where g.enrolled and g.state = 'online' and coalesce((g.status ->> 'orders')::boolean, false)
  and exists (select from certificate c where c.gateway_id = g.id and c.revoked_at is null and c.not_after > %(now)s)
  and not exists (select from certificate c where c.gateway_id = g.id and c.authority_id = %(newest)s and c.revoked_at is null)
  and not exists (select from gateway_command c where c.gateway_id = g.id and c.content::jsonb ->> 'command' = 'renew'
                  and c.made_at > %(since)s and c.until_at > %(now)s)
order by g.id limit %(most)s

-- name: born
-- A box, prepared: one code for each name, and the newest counts.
with before as (delete from birth where gateway = %(gateway)s)
insert into birth (code, gateway, made_at) values (%(code)s, %(gateway)s, %(now)s)
