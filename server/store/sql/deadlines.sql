-- name: set
-- A sign of life: due again so much later. A newer one counts even if it promises the next one sooner.
insert into deadline (type, subject_id, part, due_at, every_s, detail, state)
select %(type)s, s, p, d, e, j, 'waiting'
from unnest(%(subjects)s, %(parts)s::text[], %(dues)s::timestamptz[], %(everies)s, %(details)s::jsonb[]) as u (s, p, d, e, j)
order by s, p
on conflict (type, subject_id, part) do update
set due_at = excluded.due_at, every_s = excluded.every_s, detail = excluded.detail, state = 'waiting'
where deadline.state <> 'waiting'
   or deadline.due_at - make_interval(secs => deadline.every_s) < excluded.due_at - make_interval(secs => excluded.every_s)

-- name: cancel
-- Nothing is awaited any more.
with gone as (
    select id from deadline d join unnest(%(subjects)s, %(parts)s::text[]) as u (s, p) on d.subject_id = u.s and d.part = u.p
    where d.type = %(type)s order by d.subject_id, d.part for update of d
)
delete from deadline d using gone where d.id = gone.id

-- name: expect
-- A first sign of life is awaited from now on; one that is awaited already, or was, stays as it is.
insert into deadline (type, subject_id, due_at, every_s)
select %(type)s, s, now() + make_interval(secs => %(within_s)s), %(within_s)s from unnest(%(subjects)s) as s order by s
on conflict (type, subject_id, part) do nothing

-- name: due
-- What has passed, the oldest first; a look without locks.
select d.id, d.type, d.subject_id, s.type, s.reference, d.part, d.detail
from deadline d join subject s on s.id = d.subject_id
where d.state = 'waiting' and d.due_at <= %(now)s and d.type = any(%(types)s)
order by d.due_at limit %(limit)s

-- name: expire
-- Under their subjects' locks: those that are still due.
with mine as (
    select id from deadline where id = any(%(ids)s) and state = 'waiting' and due_at <= %(now)s
    order by type, subject_id, part for no key update
)
update deadline d set state = 'expired' from mine where d.id = mine.id
returning d.id, d.due_at, d.every_s

-- name: move
-- Nobody could hear: everything that was awaited of homes gets its whole time again. People were awaited all the same.
with waiting as (
    select id from deadline
    where (state = 'waiting' and type not in ('snooze', 'escalation')) or type in ('measurement', 'sensor')
    order by type, subject_id, part for no key update
)
update deadline d set due_at = greatest(d.due_at, %(now)s + make_interval(secs => d.every_s))
from waiting where d.id = waiting.id
