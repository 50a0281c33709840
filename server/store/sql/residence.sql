-- name: addresses
-- What was ever said about where a home is, the newest first.
select id, address, doubt, from_at, nullif(to_at, 'infinity'), set_by, set_at, reason from home_address
where home_id = %(home)s order by id desc limit %(most)s

-- name: first_address
-- As the enrolment list said it.
select address from home where id = %(home)s

-- name: set_address
-- Of those that hold at a time the newest counts.
insert into home_address (home_id, address, doubt, from_at, to_at, set_by, set_at, reason)
values (%(home)s, %(address)s, %(doubt)s, %(from_at)s, coalesce(%(to_at)s::timestamptz, 'infinity'), %(by)s, %(now)s, %(reason)s)
returning id

-- name: access
-- How one gets in, the newest first.
select id, key_box, way_in, sealed, set_by, set_at, reason from home_access
where home_id = %(home)s order by id desc limit 1

-- name: set_access
-- A new version.
insert into home_access (home_id, key_box, way_in, sealed, set_by, set_at, reason)
values (%(home)s, %(key_box)s, %(way_in)s, %(sealed)s, %(by)s, %(now)s, %(reason)s)
returning id
