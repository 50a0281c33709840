"""Which alerts the same readings lead to under other limits: engine and policy over what is stored.

Rows come in the batches in which they came, as late as they came. Nobody acknowledges here: an alert is taken to be
handled when it is over, so that each time something stands is one alert."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.limits import Level, Limit
from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind, Mode, Quality
from server.alerts import policy
from server.alerts.model import Action, Alert, Change, Priority
from server.clinical.limits import longest_gap_s
from server.detection import engine
from server.detection.findings import Direction, LimitFinding
from server.detection.levels import usable
from server.detection.panel import Panel
from server.detection.rows import Bools, Ints, Rows
from server.detection.state import StreamSetting

FLUSH_MS: Final = 100  # what came within it was filed in one transaction
MOST_AT_ONCE: Final = 15_000  # rows in a step: what fits into the cache
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
END: Final = datetime.max.replace(tzinfo=UTC)

Came = tuple[LimitFinding, int]  # and when it was found, in ms


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """Usable readings of one patient in order of batch, kind and time. `begins`: where each batch does, and the end."""

    rows: Rows
    came_ms: Ints
    is_late: Bools
    fresh_ms: Ints  # the last moment at which a row would not have been late
    begins: Ints
    alone: Bools  # by batch: it holds a spot reading from before what was known

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, kw_only=True, slots=True)
class Raised:
    """One alert from its raising until it was over (None: it stood at the end). `level` and `value` at its worst."""

    kind: Kind
    direction: Direction
    level: Level
    priority: Priority
    value: float | None
    limit: float | None
    began_at: datetime
    raised_at: datetime
    over_at: datetime | None
    late: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TriedLimit:
    """A kind's limit as it holds now, and as it is tried; None: it never alerts."""

    kind: Kind
    now: Limit | None
    then: Limit | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison:
    """`now`: what would have been raised with the limits that hold now, whatever held on the day; `then`: with the ones
    that are tried. Both over all readings of the kinds in `limits` from `from_at` to `to_at`. `thinned_until`: before
    it streams are means of hours, and nobody knows what they would have raised; None: all readings are as they came."""

    from_at: datetime
    to_at: datetime
    readings: int
    limits: tuple[TriedLimit, ...]
    now: tuple[Raised, ...]
    then: tuple[Raised, ...]
    thinned_until: datetime | None = None

    @property
    def gone(self) -> tuple[Raised, ...]:
        """Raised now, and not any more."""
        return _without(self.now, self.then)

    @property
    def new(self) -> tuple[Raised, ...]:
        """Not raised now, but then."""
        return _without(self.then, self.now)


def count(raised: Sequence[Raised]) -> Mapping[Priority, int]:
    found = Counter(each.priority for each in raised)
    return {priority: found[priority] for priority in (Priority.YELLOW, Priority.RED)}


def received(rows: Rows, received_ms: Ints) -> Received:
    """`rows`: of one patient, in any order."""
    given = np.flatnonzero(usable(rows.value, rows.quality))
    batch = received_ms[given] // FLUSH_MS
    order = given[np.lexsort((rows.span_s[given], rows.taken_ms[given], rows.kind[given], batch))]
    batch = received_ms[order] // FLUSH_MS
    older = _older(rows.kind[order], batch, rows.taken_ms[order])
    shown = (rows.mode[order] == Mode.SPOT) & (rows.quality[order] == Quality.GOOD)
    stays = ~older | shown  # nothing comes of the others
    order, batch, older = order[stays], batch[stays], older[stays]
    ours = taken(rows, order)
    begins = np.append(np.flatnonzero(np.diff(batch, prepend=-1)), len(order))
    latest_ms = np.maximum.reduceat(received_ms[order], begins[:-1]) if len(order) else np.zeros(0, np.int64)
    came_ms = np.repeat(latest_ms, np.diff(begins))
    end_ms = ours.taken_ms + np.rint(ours.span_s * 1000.0).astype(np.int64)
    fresh_ms = end_ms + _fresh_for_ms(ours)
    return Received(
        rows=ours,
        came_ms=came_ms,
        is_late=came_ms > fresh_ms,
        fresh_ms=fresh_ms,
        begins=begins,
        alone=np.logical_or.reduceat(older, begins[:-1]) if len(order) else np.zeros(0, np.bool_),
    )


def taken(rows: Rows, which: Ints | slice) -> Rows:
    return Rows(**{name: getattr(rows, name)[which] for name in Rows.__slots__})


def compare(
    readings: Received,
    now: Mapping[Kind, Limit | None],
    then: Mapping[Kind, Limit | None],
    from_at: datetime,
    to_at: datetime,
) -> Comparison:
    """Readings from before `from_at` only say where the streams stood then."""
    inside = readings.rows.taken_ms >= _ms(from_at)
    raised = [
        tuple(each for each in alerts(findings(readings, limits)) if each.raised_at >= from_at)
        for limits in (now, then)
    ]
    return Comparison(
        from_at=from_at,
        to_at=to_at,
        readings=int(inside.sum()),
        limits=tuple(TriedLimit(kind=kind, now=now[kind], then=then[kind]) for kind in sorted(then)),
        now=raised[0],
        then=raised[1],
    )


def findings(readings: Received, limits: Mapping[Kind, Limit | None]) -> Iterator[Came]:
    """What the engine finds, in its order. Every kind in the readings must have an entry in `limits`."""
    if len(readings):
        yield from _Replay(readings, limits).run()


def alerts(found: Iterator[Came]) -> list[Raised]:
    standing: dict[str, tuple[Alert, int]] = {}
    raised: list[Raised] = []
    for finding, came_ms in found:
        alert, place = standing.pop(finding.rule, (None, len(raised)))
        changes = policy.decide([] if alert is None else [alert], [finding], _instant(came_ms))
        for change in changes:
            alert = change.alert
            raised[place : place + 1] = [_raised(change, finding, raised[place] if place < len(raised) else None)]
        if alert is not None and alert.condition_ended_at is None:
            standing[finding.rule] = alert, place
    return raised


class _Replay:
    def __init__(self, readings: Received, limits: Mapping[Kind, Limit | None]) -> None:
        self._is = readings
        self._panel = Panel()
        patient = int(readings.rows.patient[0])
        self._panel.hydrate(
            StreamSetting(patient=patient, kind=KINDS[kind].number, limit=limit) for kind, limit in limits.items()
        )
        keys = readings.rows.taken_ms << 8 | readings.rows.kind
        self._keys, first, place = np.unique(keys, return_index=True, return_inverse=True)
        self._came_ms = readings.came_ms[first]
        self._is_late = np.zeros(len(first), np.bool_)
        self._is_late[place[readings.is_late]] = True

    def run(self) -> Iterator[Came]:
        """A batch that holds something from before stands alone; the others go together, as many as fit."""
        begin, batches = 0, len(self._is.alone)
        for alone in [*np.flatnonzero(self._is.alone).tolist(), batches]:
            while begin < alone:
                fits = np.searchsorted(self._is.begins, self._is.begins[begin] + MOST_AT_ONCE, side="right") - 1
                end = min(max(int(fits), begin + 1), alone)
                yield from self._judge(begin, end)
                begin = end
            if alone < batches:
                yield from self._judge(alone, alone + 1)
                begin = alone + 1

    def _judge(self, begin: int, end: int) -> Iterator[Came]:
        """Many batches are judged as one: nothing but a finding of a late row depends on what came with it. Where there
        is one, halves are tried."""
        first, last = int(self._is.begins[begin]), int(self._is.begins[end])
        rows, came_ms = taken(self._is.rows, slice(first, last)), self._is.came_ms[first:last]
        if end - begin == 1:
            found, delta = engine.step(self._panel, rows, int(came_ms[0]))
            self._panel.apply(delta)
            yield from ((finding, int(came_ms[0])) for finding in found)
            return
        found, delta = engine.step(self._panel, rows, np.minimum(came_ms, self._is.fresh_ms[first:last]))
        places = self._places(found)
        if self._is_late[places].any():
            middle = (begin + end) // 2
            yield from self._judge(begin, middle)
            yield from self._judge(middle, end)
            return
        self._panel.apply(delta)
        yield from zip(found, self._came_ms[places].tolist(), strict=True)

    def _places(self, found: Sequence[LimitFinding]) -> Ints:
        """The reading of each, among those that differ in kind or time."""
        keys = [_ms(each.at) << 8 | KINDS[each.kind].number for each in found]
        places: Ints = np.searchsorted(self._keys, np.array(keys, np.int64))
        return places


def _older(kind: NDArray[np.int16], batch: Ints, taken_ms: Ints) -> Bools:
    """Than the newest that its stream had heard in an earlier batch."""
    older = np.zeros(len(kind), np.bool_)
    for number in np.unique(kind):
        mine = np.flatnonzero(kind == number)
        newest = np.maximum.accumulate(taken_ms[mine])
        begins = np.searchsorted(batch[mine], batch[mine])
        older[mine] = (begins > 0) & (taken_ms[mine] < newest[np.maximum(begins - 1, 0)])
    return older


def _fresh_for_ms(rows: Rows) -> Ints:
    by_kind: Ints = np.zeros(max(KIND_BY_NUMBER) + 1, np.int64)
    for number, kind in KIND_BY_NUMBER.items():
        by_kind[number] = max(int(longest_gap_s(kind) * 1000), engine.LATE_MS)
    for_ms: Ints = by_kind[rows.kind]
    return for_ms


def _raised(change: Change, finding: LimitFinding, before: Raised | None) -> Raised:
    alert = change.alert
    if before is None or change.action is Action.WORSE:
        before = Raised(
            kind=finding.kind,
            direction=finding.direction,
            level=finding.level,
            priority=alert.priority,
            value=alert.evidence.value,
            limit=alert.evidence.limit,
            began_at=alert.began_at if before is None else before.began_at,
            raised_at=change.at if before is None else before.raised_at,
            over_at=None,
            late=alert.late,
        )
    return replace(before, over_at=alert.condition_ended_at, late=alert.late)


def _without(some: Sequence[Raised], others: Sequence[Raised]) -> tuple[Raised, ...]:
    """Those of some that meet none of the others: of the same side of the same kind, at the same time."""
    by_side: defaultdict[tuple[Kind, Direction], list[Raised]] = defaultdict(list)
    for each in sorted(others, key=lambda each: each.began_at):
        by_side[each.kind, each.direction].append(each)
    began = {side: [each.began_at for each in raised] for side, raised in by_side.items()}
    reach = {side: list(accumulate(map(_over_at, raised), max)) for side, raised in by_side.items()}
    alone = []
    for each in some:
        side = (each.kind, each.direction)
        before = bisect_right(began.get(side, []), _over_at(each))  # how many had begun when it was over
        if not before or reach[side][before - 1] < each.began_at:
            alone.append(each)
    return tuple(alone)


def _over_at(raised: Raised) -> datetime:
    return raised.over_at or END


def _ms(at: datetime) -> int:
    return (at - EPOCH) // timedelta(milliseconds=1)


def _instant(ms: int) -> datetime:
    return EPOCH + timedelta(milliseconds=ms)
