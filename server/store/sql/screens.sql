-- name: after
-- A team's events that follow a cursor, in order.
select seq, type, alert_id, body from team_log
where team_id = %(team)s and seq > %(after)s
order by seq limit %(limit)s

-- name: see
-- A screen has shown these alerts: each screen counts once, and row-level security drops what is not the caller's.
insert into alert_seen (alert_id, screen, staff_id, seen_at)
select alert.id, %(screen)s, my_staff_id(), %(now)s from alert
where alert.id = any (%(alerts)s)
on conflict do nothing
returning alert_id, (select team_id from alert where alert.id = alert_id)

-- name: tell_seen
-- Every api process tells its screens.
select pg_notify('hjemvakt_seen', %(payload)s)

-- name: seen_on
-- On how many screens these alerts have been.
select alert_id, count(*) from alert_seen where alert_id = any (%(alerts)s) group by alert_id
