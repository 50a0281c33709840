-- name: find
-- Whose login it is, for administrators.
select member_find(%(login)s)

-- name: set
-- Null: done; else why not.
select member_set(%(team)s, %(staff)s, %(role)s, %(answers)s, %(now)s, %(reason)s)

-- name: changes
-- Who was given which role in a team and who left, the newest first.
select staff_id as staff, role, set_by as by, set_at as at, reason from member_change
where team_id = %(team)s order by id desc limit %(most)s
