-- name: settings
-- What a stream's limits follow from, and where it stood.
select u.patient, u.kind, p.pathway, l.patient_id is not null, l.red_low, l.yellow_low, l.yellow_high, l.red_high,
       s.patient_id is not null, s.last_at, s.level, s.since, s.pending_level, s.pending_since, s.pending_far_since
from unnest(%(patients)s, %(kinds)s) as u (patient, kind)
     join patient p on p.id = u.patient
     left join lateral (select * from patient_limit where patient_id = u.patient and kind = u.kind order by set_at desc limit 1) l
     on true
     left join stream_state s on s.patient_id = u.patient and s.kind = u.kind

-- name: move
-- Where streams stand after a batch. In order of key; '-infinity' is "no such time".
insert into stream_state (patient_id, kind, last_at, level, since, pending_level, pending_since, pending_far_since)
select p, k, la, l, nullif(s, '-infinity'), pl, nullif(ps, '-infinity'), nullif(pfs, '-infinity')
from unnest(%(patient)s, %(kind)s, %(last_ms)s, %(level)s, %(since_ms)s, %(pending_level)s, %(pending_since_ms)s,
            %(pending_far_since_ms)s) as u (p, k, la, l, s, pl, ps, pfs)
on conflict (patient_id, kind) do update
set last_at = excluded.last_at, level = excluded.level, since = excluded.since, pending_level = excluded.pending_level,
    pending_since = excluded.pending_since, pending_far_since = excluded.pending_far_since
