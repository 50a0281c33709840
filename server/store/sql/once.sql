-- name: begin
-- Whether this is new; waits while the same one is under way.
insert into done_once (staff_id, key, at, request) values (my_staff_id(), %(key)s, %(now)s, %(request)s)
on conflict do nothing
returning true

-- name: done
-- What was asked with this key, and what was answered.
select request, answer from done_once where staff_id = my_staff_id() and key = %(key)s

-- name: found
-- The same, unless it is old.
select request, answer from done_once where staff_id = my_staff_id() and key = %(key)s and at >= %(since)s

-- name: answered
-- Kept with the change itself.
update done_once set answer = %(answer)s where staff_id = my_staff_id() and key = %(key)s

-- name: forget_old
-- A few of one's own at every change, so that the table stays small.
delete from done_once
where staff_id = my_staff_id() and key in (select key from done_once where staff_id = my_staff_id() and at < %(before)s limit 100)
