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

-- name: cover
-- Calls on a way on which the same was sent after they were made.
update notice set state = 'over', ended_at = %(now)s
from notice later
where notice.state = 'waiting' and notice.purpose = 'alert' and later.purpose = 'alert' and later.id <> notice.id
  and later.alert_id = notice.alert_id and later.sent_at >= notice.made_at
  and (later.way_id = notice.way_id or later.phone = notice.phone)

-- name: lanes
-- Who has something to carry now.
select distinct lane from notice where state = 'waiting' and next_at <= %(now)s

-- name: claim
-- Messages to send: until %(until)s nobody else takes them, then whoever works takes them again. Of several calls about
-- one alert on one way the oldest goes first, and then it covers the others.
with due as (
    select n.id from notice n
    where n.state = 'waiting' and n.lane = %(lane)s and n.next_at <= %(now)s
      and not exists (
        select from notice e
        where e.state = 'waiting' and e.alert_id = n.alert_id and e.id < n.id and (e.tries > 0 or e.next_at <= %(now)s)
          and (e.way_id = n.way_id or e.phone = n.phone))
    order by n.next_at, n.id limit %(most)s
    for update skip locked
)
update notice n set tries = n.tries + 1, next_at = %(until)s
from due, notice same left join staff_way w on w.id = same.way_id left join alert a on a.id = same.alert_id
where n.id = due.id and same.id = n.id
returning n.id, n.purpose, n.alert_id, a.priority, n.staff_id, n.way_id, n.way, n.lane, coalesce(w.address, n.phone) as address,
          w.keys, coalesce(w.language, 'nb') as language, n.code, n.tries,
          (w.id is not null and (w.removed_at is not null or not w.enabled or (w.broken_since is not null and n.purpose <> 'test')))
          as closed

-- name: sent
-- A provider has it. What was noted meanwhile by whoever took it again stays.
update notice set state = 'sent', sent_at = %(now)s, provider_id = %(provider_id)s, fault = '', code = null,
       ended_at = case when purpose = 'alert' then ended_at else %(now)s end
where id = %(id)s and state = 'waiting'

-- name: put_off
-- It failed, and is tried again.
update notice set next_at = %(next_at)s, fault = %(fault)s where id = %(id)s and state = 'waiting' and tries = %(tries)s

-- name: give_up
-- It failed for good: the dead letter.
update notice set state = %(state)s, ended_at = %(now)s, fault = %(fault)s, code = null
where id = %(id)s and state = 'waiting'

-- name: withdraw
-- Its way was taken away, turned off or found broken before it was sent.
update notice set state = 'over', ended_at = %(now)s, code = null where id = %(id)s and state = 'waiting'

-- name: hurry
-- A way did not work: the person's next one is tried at once.
update notice set next_at = %(now)s, due_at = %(now)s
where state = 'waiting' and tries = 0 and next_at > %(now)s and staff_id = %(staff)s
  and (alert_id, rev, step) = (select n.alert_id, n.rev, n.step from notice n where n.id = %(id)s)
  and due_at = (
    select min(o.due_at) from notice o
    where o.state = 'waiting' and o.tries = 0 and o.next_at > %(now)s and o.staff_id = %(staff)s
      and (o.alert_id, o.rev, o.step) = (select n.alert_id, n.rev, n.step from notice n where n.id = %(id)s))

-- name: break_way
-- Nobody is called on it again until its owner mends it.
update staff_way set broken_since = %(now)s, broken_why = %(why)s where id = %(way)s and broken_since is null

-- name: tell_owner
-- On their other ways, once.
insert into notice (purpose, staff_id, way_id, way, lane, made_at, due_at, next_at)
select 'broken', w.staff_id, w.way_id, w.way, w.lane, %(now)s, %(now)s, %(now)s
from notice_ways(array[%(staff)s]::int[]) w where w.way <> 'push'

-- name: teams_of
-- Whose technical list it belongs on: the alert's team, or all of the person's.
select alert.team_id from notice join alert on alert.id = notice.alert_id where notice.id = %(id)s
union
select staff_team.team_id from notice join staff_team on staff_team.staff_id = notice.staff_id
where notice.id = %(id)s and notice.alert_id is null

-- name: lost
-- What was given up lately by team, and how much of it nothing has reached on the same way since.
select alert.team_id, count(*)
from notice n join alert on alert.id = n.alert_id left join staff_way w on w.id = n.way_id
where n.state in ('failed', 'dead') and n.ended_at > %(since)s and w.removed_at is null
  and not exists (
    select from notice l where l.sent_at > n.ended_at and (l.way_id = n.way_id or (n.phone is not null and l.phone = n.phone)))
group by alert.team_id

-- name: standing
-- Teams that have been told that calls do not reach their people.
select team_id from alert where rule = %(rule)s and state in ('raised', 'acknowledged', 'cleared')

-- name: offer
-- What this installation has from now on; answers with the key that browsers know.
insert into way_offer (way, public_key, own_hosts, offered) values (%(way)s, %(public_key)s, %(own_hosts)s, true)
on conflict (way) do update set offered = true, own_hosts = excluded.own_hosts
returning public_key

-- name: withdraw_offers
-- Ways that are not configured any more.
update way_offer set offered = false where offered and way <> all (%(ways)s)

-- name: offers
-- What screens can offer.
select way, public_key, own_hosts from way_offer where offered
