-- name: patient
-- By the municipality's own reference.
select id from patient where reference = %(reference)s

-- name: is_known
-- Row-level security answers only for the caller's patients.
select exists (select from patient where id = %(patient)s)

-- name: readings
-- What detection heard of one patient, as columns.
with reading as (
    select kind, taken_at, span_s, value, sign, quality, mode, device_id, received_at
    from observation
    where patient_id = %(patient)s and kind = any (%(kinds)s) and taken_at >= %(from_at)s and taken_at <= %(to_at)s
      and value is not null
    limit %(most)s
)
select array_agg(kind), array_agg(taken_at), array_agg(span_s), array_agg(value), array_agg(sign), array_agg(quality),
       array_agg(mode), array_agg(device_id), array_agg(received_at)
from reading having count(*) > 0

-- name: my_readings
-- The same for the api: only of the caller's patients.
with reading as (
    select kind, taken_at, span_s, value, sign, quality, mode, device_id, received_at
    from my_observation
    where patient_id = %(patient)s and kind = any (%(kinds)s) and taken_at >= %(from_at)s and taken_at <= %(to_at)s
      and value is not null
    limit %(most)s
)
select array_agg(kind), array_agg(taken_at), array_agg(span_s), array_agg(value), array_agg(sign), array_agg(quality),
       array_agg(mode), array_agg(device_id), array_agg(received_at)
from reading having count(*) > 0
