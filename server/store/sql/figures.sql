-- name: installation
-- Counts and ages of the whole installation; the function knows what may be told.
select figure, which, value from installation_figures(%(now)s) where value is not null
union all select figure, which, value from monitor_figures()

-- name: lanes
-- What each lane of the monitor has done since it started, as it says itself.
select lane.name, lane.told from role_life, jsonb_each(detail) as lane (name, told)
where role = 'monitor' and lane.told ? 'turned_away' order by 1
