-- name: hold_device
-- Until commit nobody files readings of it and nobody else changes its bindings.
select id from device where address = %(device)s for no key update

-- name: now
-- By the clock of the database.
select now()

-- name: hold_device_id
-- The same for a piece of a re-filing.
select id from device where id = %(device)s for no key update

-- name: patient
-- By the municipality's reference.
select coalesce(merged_into, id) from patient where reference = %(patient)s

-- name: home
-- By its name.
select id from home where name = %(home)s

-- name: bindings
-- What touches the period, for the trace.
select coalesce(jsonb_agg(jsonb_build_object('patient', patient_id, 'home', home_id, 'place', place, 'from', valid_from, 'to', valid_to)
                          order by valid_from), '[]')
from binding
where device_id = %(device_id)s and slot = %(slot)s and valid_from <= %(to)s::timestamptz and valid_to >= %(from)s

-- name: spanning
-- The binding that begins before the period and ends after it.
select patient_id, home_id, place, valid_to::text from binding
where device_id = %(device_id)s and slot = %(slot)s and valid_from < %(from)s and valid_to > %(to)s::timestamptz

-- name: drop_inside
-- Bindings that lie in the period; the trace keeps them.
delete from binding
where device_id = %(device_id)s and slot = %(slot)s and valid_from >= %(from)s and valid_to <= %(to)s::timestamptz

-- name: end_before
-- What began before the period ends with its beginning.
update binding set valid_to = %(from)s
where device_id = %(device_id)s and slot = %(slot)s and valid_from < %(from)s and valid_to > %(from)s

-- name: begin_after
-- What goes on after the period begins with its end.
update binding set valid_from = %(to)s::timestamptz
where device_id = %(device_id)s and slot = %(slot)s and valid_from < %(to)s::timestamptz and valid_to > %(to)s::timestamptz

-- name: go_on_after
-- The second part of a binding that was cut in two.
insert into binding (device_id, slot, patient_id, home_id, place, valid_from, valid_to)
values (%(device_id)s, %(slot)s, %(patient_id)s, %(home_id)s, %(place)s, %(to)s::timestamptz, %(valid_to)s::timestamptz)

-- name: bind
-- Whose it was in the period.
insert into binding (device_id, slot, patient_id, home_id, place, valid_from, valid_to)
values (%(device_id)s, %(slot)s, %(patient_id)s, %(home_id)s, %(place)s, %(from)s, %(to)s::timestamptz)

-- name: trace
-- Who changed what, when and why.
insert into rebinding (device_id, slot, from_at, to_at, changed_by, changed_at, reason, before, after)
values (%(device_id)s, %(slot)s, %(from)s, %(to)s::timestamptz, %(by)s, %(now)s, %(reason)s, %(before)s, %(after)s)
returning id

-- name: open
-- Re-filings that have not come to their end; in the order in which the bindings changed.
select id from rebinding where done_at is null and (%(only)s::int is null or id = %(only)s) order by id

-- name: hold
-- One of them, unless somebody else is at it.
select device_id, slot, from_at, least(to_at, %(newest)s), next_at
from rebinding where id = %(id)s and done_at is null for update skip locked

-- name: patients
-- Whose the slot's readings can be, now and before: the key of readings begins with the patient.
select coalesce(array_agg(distinct patient), '{}') from (
    select patient_id as patient from binding where device_id = %(device)s and patient_id is not null
    union
    select (was ->> 'patient')::int from rebinding, jsonb_array_elements(before) was
    where device_id = %(device)s and was ->> 'patient' is not null
) known

-- name: oldest
-- From where on there is anything of this slot.
select least(
    (select min(taken_at) from observation
     where patient_id = any(%(patients)s) and device_id = %(device)s and slot = %(slot)s and taken_at >= %(from)s),
    (select min(taken_at) from device_observation where device_id = %(device)s and slot = %(slot)s and taken_at >= %(from)s),
    (select min(occurred_at) from event where device_id = %(device)s and slot = %(slot)s and occurred_at >= %(from)s),
    (select min(from_at) from stream_gap where device_id = %(device)s and slot = %(slot)s and from_at >= %(from)s))

-- name: make_days
-- Days on which the slot has measured for nobody may have no partition yet.
select observation_days(coalesce(array_agg(distinct date_trunc('day', taken_at, 'UTC')), '{}'))
from device_observation
where device_id = %(device)s and slot = %(slot)s and taken_at >= %(from)s and taken_at < %(to)s

-- name: move_readings
-- Patients' readings that are not of the one who was bound then, and those kept apart that are somebody's. A battery (6)
-- and a demonstration (3) are nobody's, whoever is bound.
with wrong as (
    delete from observation o
    where o.patient_id = any(%(patients)s) and o.device_id = %(device)s and o.slot = %(slot)s
      and o.taken_at >= %(from)s and o.taken_at < %(to)s
      and not exists (select from binding b where b.device_id = %(device)s and b.slot = %(slot)s and b.patient_id = o.patient_id
                      and b.valid_from <= o.taken_at and o.taken_at < b.valid_to)
    returning o.*
), apart as (
    delete from device_observation d
    where d.device_id = %(device)s and d.slot = %(slot)s and d.taken_at >= %(from)s and d.taken_at < %(to)s
      and d.kind <> %(battery)s and d.quality <> %(demonstration)s
      and exists (select from binding b where b.device_id = %(device)s and b.slot = %(slot)s and b.patient_id is not null
                  and b.valid_from <= d.taken_at and d.taken_at < b.valid_to)
    returning d.*
), found as (
    select patient_id as from_patient, 0 as from_home, kind, taken_at, span_s, device_id, slot, value, low, high, n, quality,
           sign, clock, mode, received_at
    from wrong
    union all
    select 0, coalesce(home_id, 0), kind, taken_at, span_s, device_id, slot, value, low, high, n, quality, sign, clock, mode,
           received_at
    from apart
), aimed as (
    select found.*, coalesce(b.patient_id, 0) as to_patient, coalesce(b.home_id, 0) as to_home
    from found left join binding b on b.device_id = found.device_id and b.slot = found.slot
         and b.valid_from <= found.taken_at and found.taken_at < b.valid_to
), filed as (
    insert into observation (patient_id, kind, taken_at, span_s, device_id, slot, value, low, high, n, quality, sign, clock,
                             mode, received_at)
    select to_patient, kind, taken_at, span_s, device_id, slot, value, low, high, n, quality, sign, clock, mode, received_at
    from aimed where to_patient <> 0 order by 1, 2, 3, 4
    on conflict do nothing
), set_apart as (
    insert into device_observation (device_id, slot, kind, taken_at, span_s, home_id, value, low, high, n, quality, sign,
                                    clock, mode, received_at)
    select device_id, slot, kind, taken_at, span_s, nullif(to_home, 0), value, low, high, n, quality, sign, clock, mode,
           received_at
    from aimed where to_patient = 0
    on conflict do nothing
)
select 'reading', from_patient, from_home, to_patient, to_home, kind::text, count(*), min(taken_at), max(taken_at)
from aimed group by 2, 3, 4, 5, 6

-- name: move_homes
-- What stays apart, and is another home's or no home's.
with wrong as (
    select d.ctid as place, coalesce(d.home_id, 0) as from_home, coalesce(b.home_id, 0) as to_home, d.kind, d.taken_at
    from device_observation d
    left join binding b on b.device_id = d.device_id and b.slot = d.slot
         and b.valid_from <= d.taken_at and d.taken_at < b.valid_to
    where d.device_id = %(device)s and d.slot = %(slot)s and d.taken_at >= %(from)s and d.taken_at < %(to)s
      and coalesce(d.home_id, 0) <> coalesce(b.home_id, 0)
), moved as (
    update device_observation d set home_id = nullif(to_home, 0) from wrong where d.ctid = wrong.place
)
select 'reading', 0, from_home, 0, to_home, kind::text, count(*), min(taken_at), max(taken_at) from wrong group by 3, 5, 6

-- name: move_events
-- The key of an event has nobody in it: it only changes whose it is.
with wrong as (
    select e.id, coalesce(e.patient_id, 0) as from_patient, coalesce(e.home_id, 0) as from_home,
           coalesce(b.patient_id, 0) as to_patient, coalesce(b.home_id, 0) as to_home, e.type, e.occurred_at
    from event e
    left join binding b on b.device_id = e.device_id and b.slot = e.slot
         and b.valid_from <= e.occurred_at and e.occurred_at < b.valid_to
    where e.device_id = %(device)s and e.slot = %(slot)s and e.occurred_at >= %(from)s and e.occurred_at < %(to)s
      and (coalesce(e.patient_id, 0), coalesce(e.home_id, 0)) <> (coalesce(b.patient_id, 0), coalesce(b.home_id, 0))
), moved as (
    update event e set patient_id = nullif(to_patient, 0), home_id = nullif(to_home, 0) from wrong where e.id = wrong.id
)
select 'event', from_patient, from_home, to_patient, to_home, type, count(*), min(occurred_at), max(occurred_at)
from wrong group by 2, 3, 4, 5, 6

-- name: move_gaps
-- The silences of live streams.
with wrong as (
    select g.from_at, coalesce(g.patient_id, 0) as from_patient, coalesce(b.patient_id, 0) as to_patient
    from stream_gap g
    left join binding b on b.device_id = g.device_id and b.slot = g.slot
         and b.valid_from <= g.from_at and g.from_at < b.valid_to
    where g.device_id = %(device)s and g.slot = %(slot)s and g.from_at >= %(from)s and g.from_at < %(to)s
      and coalesce(g.patient_id, 0) <> coalesce(b.patient_id, 0)
), moved as (
    update stream_gap g set patient_id = nullif(to_patient, 0) from wrong
    where g.device_id = %(device)s and g.slot = %(slot)s and g.from_at = wrong.from_at
)
select 'gap', from_patient, 0, to_patient, 0, '', count(*), min(from_at), max(from_at) from wrong group by 2, 4

-- name: hold_latest
-- Before they are read: whoever files a newer reading waits, or is seen.
select l.patient_id, l.kind, l.taken_at
from latest l join unnest(%(patients)s, %(kinds)s) as u (patient, kind) on l.patient_id = u.patient and l.kind = u.kind
order by l.patient_id, l.kind for update of l

-- name: renew_latest
-- The newest that is there now, and is not from before `since`; none is left where nothing is.
with newest as (
    select u.patient, u.kind, o.*
    from (select distinct p, k from unnest(%(patients)s, %(kinds)s) as given (p, k)) as u (patient, kind)
    left join lateral (
        select taken_at, span_s, value, quality, sign, mode, clock, device_id, received_at from observation
        where patient_id = u.patient and kind = u.kind and taken_at >= %(since)s::timestamptz
        order by taken_at desc, span_s desc, device_id desc, slot desc limit 1
    ) o on true
), gone as (
    delete from latest l using newest
    where newest.taken_at is null and l.patient_id = newest.patient and l.kind = newest.kind
)
insert into latest (patient_id, kind, taken_at, span_s, value, quality, sign, mode, clock, device_id, received_at, batch)
select patient, kind, taken_at, span_s, value, quality, sign, mode, clock, device_id, received_at, %(batch)s
from newest where taken_at is not null order by patient, kind
on conflict (patient_id, kind) do update
set taken_at = excluded.taken_at, span_s = excluded.span_s, value = excluded.value, quality = excluded.quality, sign = excluded.sign,
    mode = excluded.mode, clock = excluded.clock, device_id = excluded.device_id, received_at = excluded.received_at,
    batch = excluded.batch
where (latest.taken_at, latest.device_id, latest.span_s) is distinct from (excluded.taken_at, excluded.device_id, excluded.span_s)

-- name: count
-- What moved, added up over the pieces.
insert into refiling (rebinding_id, what, from_patient_id, from_home_id, to_patient_id, to_home_id, rows, first_at, last_at)
values (%(id)s, %(what)s, %(from_patient)s, %(from_home)s, %(to_patient)s, %(to_home)s, %(rows)s, %(first)s, %(last)s)
on conflict (rebinding_id, what, from_patient_id, from_home_id, to_patient_id, to_home_id) do update
set rows = refiling.rows + excluded.rows, first_at = least(refiling.first_at, excluded.first_at),
    last_at = greatest(refiling.last_at, excluded.last_at)

-- name: come_to
-- How far it has come.
update rebinding set next_at = %(next)s where id = %(id)s

-- name: done
-- All of it is where it belongs.
update rebinding set done_at = %(now)s where id = %(id)s

-- name: alerts_about
-- Alerts of those who were thought to be meant, about what turned out to be somebody else's; each is told once.
select a.id, a.subject_id from alert a
where (a.patient_id = nullif(%(from_patient)s, 0) or a.home_id = nullif(%(from_home)s, 0) and a.patient_id is null)
  and a.began_at <= %(last)s and a.last_at >= %(first)s
  and (a.device_id = %(device)s or string_to_array(a.rule, ':') && %(words)s::text[])
  and not exists (select from alert_history h where h.alert_id = a.id and h.action = 'refiled' and h.detail ->> 'note' = %(note)s)
order by a.subject_id, a.id

-- name: told
-- What has moved so far.
select what, from_patient_id, from_home_id, to_patient_id, to_home_id, rows, first_at, last_at
from refiling where rebinding_id = %(id)s order by what, from_patient_id, from_home_id, to_patient_id, to_home_id
