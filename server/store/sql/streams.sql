-- name: states
-- Where streams stood.
select s.patient_id, s.kind, s.last_at, s.end_at, s.level, s.since, s.pending_level, s.pending_since, s.pending_far_since
from unnest(%(patients)s, %(kinds)s) as u (patient, kind)
     join stream_state s on s.patient_id = u.patient and s.kind = u.kind

-- name: move
-- Where streams stand after a batch, if they stood where it found them; answers how many did. '-infinity': no such time.
with given as (
    select p, k, before, la, ea, l, nullif(s, '-infinity') as s, pl, nullif(ps, '-infinity') as ps, nullif(pfs, '-infinity') as pfs
    from unnest(%(patient)s, %(kind)s, %(before)s, %(last_ms)s, %(end_ms)s, %(level)s, %(since_ms)s, %(pending_level)s,
                %(pending_since_ms)s, %(pending_far_since_ms)s) as u (p, k, before, la, ea, l, s, pl, ps, pfs)
), moved as (
    update stream_state
    set last_at = la, end_at = ea, level = l, since = s, pending_level = pl, pending_since = ps, pending_far_since = pfs
    from given where patient_id = p and kind = k and last_at = before
    returning 1
), made as (
    insert into stream_state (patient_id, kind, last_at, end_at, level, since, pending_level, pending_since, pending_far_since)
    select p, k, la, ea, l, s, pl, ps, pfs from given where before = '-infinity'
    on conflict do nothing
    returning 1
)
select (select count(*) from moved) + (select count(*) from made)
