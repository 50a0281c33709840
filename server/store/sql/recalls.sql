-- name: waiting
-- What must be fetched, the longest waiting first. A protected address stands in no list.
select r.id, r.team_id, d.address, d.profile, d.label, g.name, r.home_id,
       case when home_is_protected(r.home_id) or p.protection is not null then null
            else coalesce((select a.address from home_address a where a.home_id = r.home_id and a.from_at <= %(now)s
                           and a.to_at > %(now)s order by a.id desc limit 1), h.address) end,
       r.why, r.since
from recall r
left join device d on d.id = r.device_id
left join gateway g on g.id = r.gateway_id
left join patient p on p.id = r.patient_id
left join home h on h.id = coalesce(r.home_id, p.home_id)
where r.team_id = any (%(teams)s) and r.fetched_at is null
order by r.since, r.id limit %(most)s

-- name: begun
-- How much of a team's equipment must be fetched since then.
select count(*) from recall where team_id = %(team)s and since = %(since)s and fetched_at is null

-- name: fetched
-- Once.
update recall set fetched_at = %(now)s, fetched_by = %(by)s
where id = %(id)s and team_id = any (%(teams)s) and fetched_at is null
returning id
