-- name: mine
-- One's own ways, with what became of the last message on each; row-level security leaves only one's own.
select w.id, w.way, w.address, w.lane, w.language, w.enabled, w.added_at, w.confirmed_at, w.broken_since, w.broken_why,
       last.state as last_state, coalesce(last.ended_at, last.sent_at, last.made_at) as last_at, last.fault as last_fault
from staff_way w
left join lateral (
    select n.state, n.ended_at, n.sent_at, n.made_at, n.fault from notice n where n.way_id = w.id order by n.id desc limit 1) last on true
where w.removed_at is null and w.staff_id = my_staff_id()
order by array_position(array['push', 'sms', 'email'], w.way), w.id

-- name: add
-- The same address again is the same way; a browser that subscribes anew mends it.
insert into staff_way (staff_id, way, address, keys, lane, language, added_at, confirmed_at)
values (my_staff_id(), %(way)s, %(address)s, %(keys)s, %(lane)s, %(language)s, %(now)s, %(confirmed_at)s)
on conflict (staff_id, way, address) where removed_at is null do update
set keys = excluded.keys, language = excluded.language, enabled = true, broken_since = null, broken_why = '',
    confirmed_at = coalesce(staff_way.confirmed_at, excluded.confirmed_at)
returning id, confirmed_at is not null

-- name: set_code
-- The newest code counts.
update staff_way set code_hash = %(hash)s, code_until = %(until)s, code_tries = 0 where id = %(id)s and removed_at is null

-- name: try_code
-- Each try is counted before it is looked at.
update staff_way set code_tries = code_tries + 1
where id = %(id)s and removed_at is null and code_hash is not null and code_until > %(now)s and code_tries < %(most)s
returning code_hash

-- name: confirm
-- Its owner has what was sent there.
update staff_way set confirmed_at = %(now)s, code_hash = null, code_until = null, broken_since = null, broken_why = ''
where id = %(id)s and removed_at is null

-- name: change
-- Null: as it is.
update staff_way set enabled = coalesce(%(enabled)s, enabled), language = coalesce(%(language)s, language)
where id = %(id)s and removed_at is null
returning id

-- name: remove
-- Its rows stay, for they say who was called on it.
update staff_way set removed_at = %(now)s where id = %(id)s and removed_at is null returning id

-- name: tell
-- About the way itself.
insert into notice (purpose, staff_id, way_id, way, lane, made_at, due_at, next_at, code)
select %(purpose)s, w.staff_id, w.id, w.way, w.lane, %(now)s, %(now)s, %(now)s, %(code)s from staff_way w where w.id = %(id)s

-- name: told_since
-- How many messages one's own wishes have caused.
select count(*) from notice where staff_id = my_staff_id() and purpose in ('test', 'code') and made_at > %(since)s

-- name: counts
-- Calls about alerts of the caller's teams, by way and what became of them.
select team_id, way, state, count(*) from my_notices where made_at > %(since)s group by team_id, way, state
order by team_id, way, state

-- name: dead_letter
-- What was given up, newest first.
select id, team_id, alert_id, staff, way, state, tries, made_at, ended_at, fault from my_notices
where state in ('failed', 'dead') and ended_at > %(since)s
order by ended_at desc, id desc limit %(most)s
