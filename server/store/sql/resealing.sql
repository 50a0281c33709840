-- name: numbers
-- National identity numbers, sealed for their own digest.
select patient_id as id, lookup as whose, sealed from national_number order by patient_id for update

-- name: set_numbers
-- Sealed anew, with the digest of the new key.
update national_number set sealed = %(sealed)s, lookup = %(lookup)s where patient_id = %(id)s

-- name: homes
-- How one gets in, what held before as well.
select id, home_id as whose, sealed from home_access where sealed is not null order by id for update

-- name: set_homes
-- Sealed anew.
update home_access set sealed = %(sealed)s where id = %(id)s

-- name: sensors
-- Keys of sensors that encrypt.
select k.device_id as id, d.address as whose, k.sealed from device_key k join device d on d.id = k.device_id
order by k.device_id for update of k

-- name: set_sensors
-- Sealed anew.
update device_key set sealed = %(sealed)s where device_id = %(id)s

-- name: codes
-- Secrets of codes beside passwords.
select staff_id as id, staff_id as whose, sealed from second_factor order by staff_id for update

-- name: set_codes
-- Sealed anew.
update second_factor set sealed = %(sealed)s where staff_id = %(id)s

-- name: authority
-- Keys of our own authorities, as far as they stand.
select id, id as whose, sealed_key as sealed from authority where sealed_key is not null order by id for update

-- name: set_authority
-- Sealed anew.
update authority set sealed_key = %(sealed)s where id = %(id)s
