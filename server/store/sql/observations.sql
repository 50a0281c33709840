-- name: make_days
-- The partitions that these instants need (nothing to do on TimescaleDB).
select observation_days(%(instants)s)

-- name: copy_readings
-- Patients' readings in order of key, all of them new: one that is there already fails the whole.
copy observation (patient_id, kind, taken_at, span_s, device_id, slot, value, low, high, n, quality, sign, clock, mode, received_at)
from stdin (format binary)

-- name: file_readings
-- Patients' readings in order of key, those that are new. Answers their keys as columns.
with filed as (
    insert into observation (patient_id, kind, taken_at, span_s, device_id, slot, value, low, high, n, quality, sign, clock,
                             mode, received_at)
    select patient_id, kind, taken_at, span_s, device_id, slot, nullif(value, 'NaN'), nullif(low, 'NaN'), nullif(high, 'NaN'),
           n, quality, sign, clock, mode, received_at
    from unnest(%(patient_id)s, %(kind)s, %(taken_at)s, %(span_s)s, %(device_id)s, %(slot)s, %(value)s, %(low)s, %(high)s,
                %(n)s, %(quality)s, %(sign)s, %(clock)s, %(mode)s, %(received_at)s)
         as u (patient_id, kind, taken_at, span_s, device_id, slot, value, low, high, n, quality, sign, clock, mode, received_at)
    on conflict do nothing
    returning patient_id, kind, taken_at, span_s, device_id, slot
)
select array_agg(patient_id), array_agg(kind), array_agg(taken_at), array_agg(span_s), array_agg(device_id), array_agg(slot)
from filed having count(*) > 0

-- name: file_device_readings
-- Readings that are nobody's: not bound then, bound to a home, the device's own battery, a demonstration.
insert into device_observation (device_id, slot, kind, taken_at, span_s, home_id, value, low, high, n, quality, sign, clock,
                                mode, received_at)
select device_id, slot, kind, taken_at, span_s, nullif(home_id, 0), nullif(value, 'NaN'), nullif(low, 'NaN'),
       nullif(high, 'NaN'), n, quality, sign, clock, mode, received_at
from unnest(%(device_id)s, %(slot)s, %(kind)s, %(taken_at)s, %(span_s)s, %(home_id)s, %(value)s, %(low)s, %(high)s, %(n)s,
            %(quality)s, %(sign)s, %(clock)s, %(mode)s, %(received_at)s)
     as u (device_id, slot, kind, taken_at, span_s, home_id, value, low, high, n, quality, sign, clock, mode, received_at)
on conflict do nothing

-- name: move_latest
-- The board's values: only a newer reading replaces one.
insert into latest (patient_id, kind, taken_at, span_s, value, quality, sign, mode, clock, device_id, received_at, batch)
select patient_id, kind, taken_at, span_s, nullif(value, 'NaN'), quality, sign, mode, clock, device_id, received_at, %(batch)s
from unnest(%(patient_id)s, %(kind)s, %(taken_at)s, %(span_s)s, %(value)s, %(quality)s, %(sign)s, %(mode)s, %(clock)s,
            %(device_id)s, %(received_at)s)
     as u (patient_id, kind, taken_at, span_s, value, quality, sign, mode, clock, device_id, received_at)
on conflict (patient_id, kind) do update
set taken_at = excluded.taken_at, span_s = excluded.span_s, value = excluded.value, quality = excluded.quality, sign = excluded.sign,
    mode = excluded.mode, clock = excluded.clock, device_id = excluded.device_id, received_at = excluded.received_at,
    batch = excluded.batch
where latest.taken_at < excluded.taken_at

-- name: next_batch
-- The number that the listeners are told.
select nextval('ingest_batch')

-- name: begin_batch
-- The same, the instant before which a reading is late (its hour was counted already), and that before which it may be thinned.
select nextval('ingest_batch'), sealed, thinned from observation_begin()

-- name: among_thinned
-- The places, from 1 on, of readings that stand in their thinned hours.
select observation_among_thinned(%(device_id)s, %(slot)s, %(kind)s, %(taken_at)s, %(span_s)s)
