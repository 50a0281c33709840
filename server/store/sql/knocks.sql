-- name: knock
-- Null: go on, and this try counts. Else the seconds to wait.
select knock(%(key)s, %(most)s, %(within)s, %(now)s)

-- name: opened
-- Whoever got in starts afresh.
select knock_opened(%(key)s)
