"""New readings in, findings and moved states out. Pure: the panel changes only when the delta is applied."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np

from devices.limits import Level
from devices.vocabulary import KIND_BY_NUMBER, Mode, Quality, Sign
from server.detection.batch import Batch, batch_of
from server.detection.findings import Crossing, Direction, Evidence, LimitFinding
from server.detection.late import LATE_S, has_been, settle
from server.detection.panel import NEVER, Delta, Panel, Streams, edge
from server.detection.rows import Ints, Rows, Stream, stream_of
from server.detection.still import still_outside
from server.detection.thresholds import Crossings, Readings, cross

LATE_MS: Final = int(LATE_S * 1000)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def step(panel: Panel, rows: Rows, now_ms: int | Ints) -> tuple[list[LimitFinding], Delta]:
    """`rows`: those that the insert said were new, in order of arrival, every stream of them hydrated. `now_ms`: when
    they came, one moment for all or one for each.

    The findings come in the order of the rows that made them certain; those of a backlog come last."""
    came_ms: Ints = np.broadcast_to(np.asarray(now_ms, np.int64), len(rows))
    batch = batch_of(panel, rows)
    older = batch.older()
    heard = batch.keep(~older)
    moved = heard.streams.copy()
    moved["last_ms"] = heard.newest_ms()
    busy = heard.busy()
    seen: list[_Seen] = []
    if busy.any():
        judged = heard.keep(busy[heard.stream])
        readings = judged.readings(rows)
        crossings, moved[busy] = cross(readings, judged.streams)
        seen += _crossed(judged, crossings)
        seen += _still(judged, readings, crossings, came_ms)
    seen.sort(key=lambda each: each.row)
    found = _findings(panel, rows, seen, came_ms)
    moved["end_ms"] = heard.newest_end_ms()
    if any(finding.late for finding in found):
        found = settle(found, _freshness(moved, int(came_ms.max())))
    past = _findings(panel, rows, list(_out_of_order(batch.keep(older), rows)), came_ms)
    return found + has_been([replace(each, late=True) for each in past]), Delta(streams=moved)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Seen:
    """What becomes a finding: the row that made it certain, and what it says about its stream."""

    row: int
    key: int
    crossing: Crossing
    level: int
    direction: Direction
    since_ms: int


def _crossed(judged: Batch, crossings: Crossings) -> Iterator[_Seen]:
    columns = zip(
        judged.row[crossings.reading].tolist(),
        judged.streams["key"][crossings.stream].tolist(),
        crossings.before.tolist(),
        crossings.level.tolist(),
        crossings.since_ms.tolist(),
        strict=True,
    )
    for row, key, before, level, since_ms in columns:
        yield _Seen(
            row=row,
            key=key,
            crossing=_crossing(before, level),
            level=level,
            direction=_direction(level or before),
            since_ms=since_ms,
        )


def _still(judged: Batch, readings: Readings, crossings: Crossings, came_ms: Ints) -> Iterator[_Seen]:
    fresh_from_ms = came_ms[judged.row] - _fresh_for_ms(judged.streams)[judged.stream]
    which, levels, since = still_outside(readings, crossings, judged.streams, fresh_from_ms)
    rows = judged.row[which].tolist()
    keys = judged.streams["key"][judged.stream[which]].tolist()
    for row, key, level, since_ms in zip(rows, keys, levels.tolist(), since.tolist(), strict=True):
        direction = _direction(level)
        yield _Seen(row=row, key=key, crossing=Crossing.STILL, level=level, direction=direction, since_ms=since_ms)


def _out_of_order(older: Batch, rows: Rows) -> Iterator[_Seen]:
    """A spot reading older than what its stream has seen moves nothing; a red one is still shown, as having been."""
    certain = (rows.mode[older.row] == Mode.SPOT) & (rows.quality[older.row] == Quality.GOOD)
    for place in np.flatnonzero(certain & ((older.low == 2) | (older.high == 2))).tolist():
        level = int(older.high[place]) - int(older.low[place])
        yield _Seen(
            row=int(older.row[place]),
            key=int(older.streams["key"][older.stream[place]]),
            crossing=Crossing.HAS_BEEN,
            level=level,
            direction=_direction(level),
            since_ms=int(older.taken_ms[place]),
        )


def _crossing(before: int, level: int) -> Crossing:
    if level == 0:
        return Crossing.ENDED
    if before == 0:
        return Crossing.BEGAN
    return Crossing.WORSE if abs(level) > abs(before) else Crossing.EASED


def _direction(level: int) -> Direction:
    return "low" if level < 0 else "high"


def _findings(panel: Panel, rows: Rows, seen: Sequence[_Seen], came_ms: Ints) -> list[LimitFinding]:
    if not seen:
        return []
    streams = panel.look_up(np.array([each.key for each in seen], np.int64))
    fresh_for_ms = _fresh_for_ms(streams).tolist()
    limits = streams["limit"].tolist()
    return [
        _finding(
            rows,
            each,
            limit=edge(limits[place], each.level, each.direction),
            basis=panel.basis(each.key),
            fresh_from_ms=int(came_ms[each.row]) - fresh_for_ms[place],
        )
        for place, each in enumerate(seen)
    ]


def _finding(rows: Rows, seen: _Seen, *, limit: float | None, basis: str, fresh_from_ms: int) -> LimitFinding:
    patient, kind_number = stream_of(seen.key)
    kind = KIND_BY_NUMBER[kind_number]
    at_ms, span_s = int(rows.taken_ms[seen.row]), float(rows.span_s[seen.row])
    since = _instant(at_ms if seen.since_ms == NEVER else seen.since_ms)
    level = Level(seen.level)
    evidence = Evidence(
        kind=kind,
        value=float(rows.value[seen.row]),
        sign=Sign(int(rows.sign[seen.row])),
        limit=limit,
        level=level,
        direction=seen.direction,
        since=since,
        reference=basis,
        low=_number(rows.low[seen.row]),
        high=_number(rows.high[seen.row]),
        span_s=span_s or None,
    )
    return LimitFinding(
        patient=patient,
        kind=kind,
        crossing=seen.crossing,
        direction=seen.direction,
        level=level,
        began=since,
        at=_instant(at_ms),
        late=at_ms + span_s * 1000 < fresh_from_ms,
        evidence=evidence,
    )


def _freshness(moved: Streams, now_ms: int) -> dict[Stream, bool]:
    fresh = moved["end_ms"] >= _fresh_from_ms(moved, now_ms)
    return {stream_of(key): is_fresh for key, is_fresh in zip(moved["key"].tolist(), fresh.tolist(), strict=True)}


def _fresh_from_ms(streams: Streams, now_ms: int) -> Ints:
    """What came after says how it is now. Of a stream that speaks every few minutes there is nothing newer to have."""
    return now_ms - _fresh_for_ms(streams)


def _fresh_for_ms(streams: Streams) -> Ints:
    fresh_for_ms: Ints = np.maximum(streams["longest_gap_ms"], LATE_MS)
    return fresh_for_ms


def _number(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def _instant(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
