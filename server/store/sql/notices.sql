-- name: call
-- Each of these people on all of their ways, the next one if no receipt came by then; a number in a chain by SMS.
insert into notice (purpose, alert_id, rev, step, staff_id, way_id, phone, way, lane, made_at, due_at, next_at)
select 'alert', c.alert, c.rev, c.step, c.staff, w.way_id, c.phone, coalesce(w.way, 'sms'), coalesce(w.lane, 'sms'), %(now)s,
       %(now)s + coalesce(w.turn, 0) * %(wait)s, %(now)s + coalesce(w.turn, 0) * %(wait)s
from unnest(%(alerts)s::bigint[], %(revs)s::int[], %(steps)s::smallint[], %(staff)s::int[], %(phones)s::text[])
     as c (alert, rev, step, staff, phone)
left join notice_ways(%(staff)s::int[]) w on w.staff_id = c.staff
where w.way_id is not null or c.phone is not null
order by c.alert, c.step, c.staff, w.turn, w.way_id
on conflict do nothing

-- name: settle
-- Calls that are answered: seen by whom they called after they were made, or nobody needs them any more.
with answered as (
    select n.id,
           exists (select from alert_seen s where s.alert_id = n.alert_id and s.staff_id = n.staff_id and s.seen_at >= n.made_at) as seen
    from notice n join alert a on a.id = n.alert_id
    where n.state in ('waiting', 'sent', 'delivered')
      and (a.state in ('handled', 'ended')
           or exists (select from alert_seen s
                      where s.alert_id = n.alert_id and s.staff_id = n.staff_id and s.seen_at >= n.made_at)
           or exists (select from alert_history h
                      where h.alert_id = n.alert_id and h.rev > n.rev and h.action = any(%(answers)s)))
)
update notice set state = case when answered.seen then 'seen' else 'over' end, ended_at = %(now)s
from answered where answered.id = notice.id and notice.state in ('waiting', 'sent', 'delivered')
