-- name: ask
-- A part wants a certificate for this key; asked again, it is the same question.
insert into part_certificate (name, key, csr, hosts, asked_at) values (%(name)s, %(key)s, %(csr)s, %(hosts)s, %(now)s)
on conflict (name, key) do nothing

-- name: answer
-- What became of it.
select certificate, fault from part_certificate where name = %(name)s and key = %(key)s

-- name: unsigned
-- Parts that wait.
select name, key, csr, hosts from part_certificate
where certificate is null and (next_at is null or next_at <= %(now)s) order by asked_at, name limit %(most)s

-- name: signed
-- Here it is.
update part_certificate set certificate = %(pem)s, fault = '', next_at = null where name = %(name)s and key = %(key)s

-- name: fault
-- Why it could not be signed; it is tried again.
update part_certificate set fault = %(fault)s, next_at = %(next_at)s where name = %(name)s and key = %(key)s

-- name: forget
-- Whoever asked has had it for long, or is gone.
delete from part_certificate where asked_at < %(before)s

-- name: list
-- What brokers must not let in.
select pem, of, made_at from revocation_list

-- name: keep_list
-- The newest counts.
insert into revocation_list (pem, of, made_at) values (%(pem)s, %(of)s, %(now)s)
on conflict (one) do update set pem = excluded.pem, of = excluded.of, made_at = excluded.made_at
