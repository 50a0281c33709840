-- name: epoch
-- A restore makes a new one: gateways then send again what the backup had not seen.
select epoch from installation

-- name: meet_lanes
-- An outbox that is new here stands at 0.
insert into watermark (gateway_id, outbox, lane, seq, moved_at)
select g, o, l, 0, %(at)s from unnest(%(gateways)s, %(outboxes)s::text[], %(lanes)s::text[]) as u (g, o, l) order by g, o, l
on conflict do nothing

-- name: hold_lanes
-- The marks of these lanes, held until commit, in order of key.
select w.gateway_id, w.outbox, w.lane, w.seq
from watermark w join unnest(%(gateways)s, %(outboxes)s::text[], %(lanes)s::text[]) as u (g, o, l)
     on w.gateway_id = u.g and w.outbox = u.o and w.lane = u.l
order by 1, 2, 3 for update of w

-- name: move_lanes
-- In the transaction that stored the rows; a mark never goes back.
update watermark w set seq = u.seq, moved_at = %(at)s
from unnest(%(gateways)s, %(outboxes)s::text[], %(lanes)s::text[], %(seqs)s) as u (g, o, l, seq)
where w.gateway_id = u.g and w.outbox = u.o and w.lane = u.l and w.seq < u.seq

-- name: marks
-- What of each lane of these outboxes is committed.
select w.gateway_id, w.outbox, w.lane, w.seq
from watermark w join unnest(%(gateways)s, %(outboxes)s::text[]) as u (g, o) on w.gateway_id = u.g and w.outbox = u.o

-- name: declare_lost
-- Rows that will never come; answers what was not known yet.
insert into lost_rows (gateway_id, outbox, lane, first_seq, last_seq, why, declared_at)
select g, o, l, f, t, w, %(at)s
from unnest(%(gateways)s, %(outboxes)s::text[], %(lanes)s::text[], %(firsts)s, %(lasts)s, %(whys)s::text[])
     as u (g, o, l, f, t, w) order by g, o, l, f
on conflict do nothing
returning gateway_id, outbox, lane, first_seq, last_seq, why

-- name: set_aside
-- A message, or a row of one, that could not be filed; whole, with the reason.
insert into set_aside (at, gateway, topic, reason, payload)
select %(at)s, g, t, r, p from unnest(%(gateways)s::text[], %(topics)s::text[], %(reasons)s::text[], %(payloads)s::bytea[]) as u (g, t, r, p)

-- name: prune_set_aside
-- The newest are kept.
delete from set_aside where id <= (select max(id) from set_aside) - %(keep)s

-- name: file_events
-- What devices say happened, each once, in order of key; answers the new ones.
insert into event (device_id, slot, type, occurred_at, received_at, clock, patient_id, home_id, gateway_id)
select d, s, t, o, r, c, nullif(p, 0), nullif(h, 0), g
from unnest(%(devices)s, %(slots)s, %(types)s::text[], %(occurred)s, %(received)s, %(clocks)s, %(patients)s, %(homes)s,
            %(gateways)s) as u (d, s, t, o, r, c, p, h, g)
order by d, t, o
on conflict do nothing
returning device_id, type, occurred_at

-- name: file_gaps
-- Live streams' silences, each once.
insert into stream_gap (device_id, slot, patient_id, from_at, to_at, why)
select d, s, nullif(p, 0), f, t, w
from unnest(%(devices)s, %(slots)s, %(patients)s, %(froms)s, %(tos)s, %(whys)s::text[]) as u (d, s, p, f, t, w)
order by d, s, f
on conflict do nothing
