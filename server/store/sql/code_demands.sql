-- name: decided
-- What was decided about codes, the newest first: that counts.
select roles, set_by, set_at, reason from code_demand order by id desc limit %(most)s

-- name: decide
-- From now on, by whom and why.
insert into code_demand (roles, set_by, set_at, reason) values (%(roles)s, %(by)s, %(now)s, %(reason)s)
