-- name: find
-- The one that there is.
select certificate, sealed_key from authority

-- name: keep
-- The first one stays.
insert into authority (certificate, sealed_key, made_at) values (%(certificate)s, %(sealed_key)s, %(now)s)
on conflict (one) do nothing

-- name: told
-- Its certificate, as everybody may have it.
select authority_certificate()

-- name: born
-- A box, prepared: one code for each name, and the newest counts.
with before as (delete from birth where gateway = %(gateway)s)
insert into birth (code, gateway, made_at) values (%(code)s, %(gateway)s, %(now)s)
