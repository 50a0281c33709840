"""Rows to columns and back, and the rules between columns that a type alone cannot say.

The checks run on every batch that the server takes in, so they look at whole columns and build no objects.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from operator import attrgetter, le
from typing import Final, TypeVar, cast

from devices.errors import WireError
from devices.vocabulary import KINDS, ClockTrust, Event, Gap, Item, Kind, Mode, Observation, Quality, Sign
from devices.wire.messages import MAX_ROWS, Body, EventColumns, GapColumns, ObservationColumns

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MAX_DEVICES: Final = 256  # in one batch: an index is one byte
CLOCK: Final = int(ClockTrust.ARRIVAL)  # an empty clock column: the least trust; every other default is 0, 1 or null
_NO_READING: Final = int(Quality.NO_READING)

T = TypeVar("T")
Section = ObservationColumns | EventColumns | GapColumns

_EMPTY: Final = (ObservationColumns(), EventColumns(), GapColumns())
_NEEDED: Final = {
    ObservationColumns: ("device", "kind", "value", "taken_at"),
    EventColumns: ("device", "type", "occurred_at"),
    GapColumns: ("device", "from_at", "to_at", "why"),
}
_OPTIONAL: Final = {
    ObservationColumns: ("slot", "low", "high", "n", "span_s", "quality", "sign", "clock", "mode", "record"),
    EventColumns: ("slot", "clock"),
    GapColumns: ("slot",),
}
_NEEDED_OF: Final = {section: attrgetter(*names) for section, names in _NEEDED.items()}
# attrgetter of one name answers the column itself, of several a tuple: `seq` goes along to make it several.
_OPTIONAL_OF: Final = {section: attrgetter("seq", *names) for section, names in _OPTIONAL.items()}


def check_body(body: Body) -> None:
    """Every rule that needs no header."""
    sections = [section for section in (body.observations, body.events, body.gaps) if section not in _EMPTY]
    rows = sum([len(section.seq) for section in sections])
    if rows > MAX_ROWS:
        raise WireError(f"{rows} rows: a batch has at most {MAX_ROWS}")
    for section in sections:
        _check_lengths(section)
        if section.seq != sorted(section.seq):
            raise WireError("seq does not ascend")
        _check_index("device", section.device, len(body.devices))
    if len(set().union(*[section.seq for section in sections])) != rows:
        raise WireError("the same seq stands twice")
    if body.observations.seq:
        _check_observations(body.observations)
    if body.gaps.seq:
        _check_gaps(body.gaps)


def check_places(body: Body, first: int, last: int) -> None:
    for section in (body.observations, body.events, body.gaps):
        if section.seq and not first <= section.seq[0] <= section.seq[-1] <= last:
            raise WireError(f"seq {section.seq[0]}..{section.seq[-1]} is outside the header's {first}..{last}")


def _check_lengths(section: Section) -> None:
    rows = len(section.seq)
    kind = type(section)
    needed = [len(column) for column in _NEEDED_OF[kind](section)]
    optional = [len(column) or rows for column in _OPTIONAL_OF[kind](section)]
    if needed.count(rows) == len(needed) and optional.count(rows) == len(optional):
        return
    lengths = dict(zip((*_NEEDED[kind], "seq", *_OPTIONAL[kind]), needed + optional, strict=True))
    wrong = ", ".join(f"{name} {length}" for name, length in lengths.items() if length != rows)
    raise WireError(f"{kind.__name__}: {rows} rows, but {wrong}")


def _check_index(what: str, index: list[int], size: int) -> None:
    if index and max(index) >= size:
        raise WireError(f"{what} {max(index)} is not in a list of {size}")


def _check_observations(columns: ObservationColumns) -> None:
    _check_index("kind", columns.kind, len(columns.kinds))
    if not _all_plain(columns):
        _check_values(columns)
        _check_spread(columns)
    if columns.sign and any(sign for sign, value in zip(columns.sign, columns.value, strict=True) if value is None):
        raise WireError("a reading without a value has a sign")


def _all_plain(columns: ObservationColumns) -> bool:
    """Every number there and within what all the kinds of this batch allow: the usual case, answered without a loop."""
    if _NO_READING in columns.quality:
        return False
    value = cast(list[float], columns.value)
    low, high = cast(tuple[list[float], list[float]], (columns.low or value, columns.high or value))
    facts = [KINDS[kind] for kind in columns.kinds]
    try:
        return (
            min(low) >= max([fact.lowest for fact in facts])
            and max(high) <= min([fact.highest for fact in facts])
            and (low is value or all(map(le, low, value)))
            and (high is value or all(map(le, value, high)))
        )
    except TypeError:  # a null cannot be compared, and looking for one first costs a fifth of the whole check
        return False


def _check_values(columns: ObservationColumns) -> None:
    facts = [KINDS[kind] for kind in columns.kinds]
    for kind, value, quality in zip(columns.kind, columns.value, columns.quality or repeat(0), strict=False):
        if (value is None) != (quality == _NO_READING):
            raise WireError(
                f"{columns.kinds[kind]} {value} with quality {quality}: no value if and only if {_NO_READING}"
            )
        if value is not None and not facts[kind].lowest <= value <= facts[kind].highest:
            raise WireError(f"{columns.kinds[kind]} {value} is outside {facts[kind].lowest}..{facts[kind].highest}")


def _check_spread(columns: ObservationColumns) -> None:
    """A low of 5 under a median of 70 is as impossible as a median of 5."""
    facts = [KINDS[kind] for kind in columns.kinds]
    low, high = columns.low or repeat(None), columns.high or repeat(None)
    for kind, value, least, most in zip(columns.kind, columns.value, low, high, strict=False):
        if least is not None and (value is None or not facts[kind].lowest <= least <= value):
            raise WireError(f"{columns.kinds[kind]}: low {least} of a value {value}")
        if most is not None and (value is None or not value <= most <= facts[kind].highest):
            raise WireError(f"{columns.kinds[kind]}: high {most} of a value {value}")


def _check_gaps(columns: GapColumns) -> None:
    for start, end in zip(columns.from_at, columns.to_at, strict=True):
        if end < start:
            raise WireError(f"a gap from {start} ends before that, at {end}")


def pack(items: Sequence[tuple[int, Item]]) -> Body:
    """(seq, item) in ascending order of seq. WireError: one of them breaks the contract; pack one alone to find it."""
    places: dict[str, int] = {}
    for _, item in items:
        places.setdefault(item.device, len(places))
    if len(places) > MAX_DEVICES:
        raise WireError(f"{len(places)} devices: a batch has at most {MAX_DEVICES}")
    body = Body(
        devices=list(places),
        observations=_observation_columns([(s, i) for s, i in items if isinstance(i, Observation)], places),
        events=_event_columns([(s, i) for s, i in items if isinstance(i, Event)], places),
        gaps=_gap_columns([(s, i) for s, i in items if isinstance(i, Gap)], places),
    )
    check_body(body)
    return body


def _or_nothing(column: list[T], default: T) -> list[T]:
    """An optional column is left out when every row has the default."""
    return [] if all(each == default for each in column) else column


def _observation_columns(rows: list[tuple[int, Observation]], places: dict[str, int]) -> ObservationColumns:
    kinds: dict[Kind, int] = {}
    for _, row in rows:
        kinds.setdefault(row.kind, len(kinds))
    return ObservationColumns(
        seq=[seq for seq, _ in rows],
        device=[places[row.device] for _, row in rows],
        kinds=list(kinds),
        kind=[kinds[row.kind] for _, row in rows],
        value=[row.value for _, row in rows],
        taken_at=[to_millis(row.taken_at) for _, row in rows],
        slot=_or_nothing([row.slot for _, row in rows], 0),
        low=_or_nothing([row.low for _, row in rows], None),
        high=_or_nothing([row.high for _, row in rows], None),
        n=_or_nothing([row.n for _, row in rows], 1),
        span_s=_or_nothing([row.span_s for _, row in rows], 0.0),
        quality=_or_nothing([int(row.quality) for _, row in rows], 0),
        sign=_or_nothing([int(row.sign) for _, row in rows], 0),
        clock=_or_nothing([int(row.clock) for _, row in rows], CLOCK),
        mode=_or_nothing([int(row.mode) for _, row in rows], 0),
        record=_or_nothing([row.record for _, row in rows], None),
    )


def _event_columns(rows: list[tuple[int, Event]], places: dict[str, int]) -> EventColumns:
    return EventColumns(
        seq=[seq for seq, _ in rows],
        device=[places[row.device] for _, row in rows],
        type=[row.type for _, row in rows],
        occurred_at=[to_millis(row.occurred_at) for _, row in rows],
        slot=_or_nothing([row.slot for _, row in rows], 0),
        clock=_or_nothing([int(row.clock) for _, row in rows], CLOCK),
    )


def _gap_columns(rows: list[tuple[int, Gap]], places: dict[str, int]) -> GapColumns:
    return GapColumns(
        seq=[seq for seq, _ in rows],
        device=[places[row.device] for _, row in rows],
        from_at=[to_millis(row.from_at) for _, row in rows],
        to_at=[to_millis(row.to_at) for _, row in rows],
        why=[row.why for _, row in rows],
        slot=_or_nothing([row.slot for _, row in rows], 0),
    )


def unpack(body: Body) -> list[tuple[int, Item]]:
    """The rows in order of seq, of a body that was checked."""
    rows: chain[tuple[int, Item]] = chain(_observations(body), _events(body), _gaps(body))
    return sorted(rows, key=lambda row: row[0])


def _observations(body: Body) -> Iterator[tuple[int, Observation]]:
    c = body.observations
    for i, seq in enumerate(c.seq):
        value = c.value[i]
        yield (
            seq,
            Observation(
                device=body.devices[c.device[i]],
                slot=_at(c.slot, i, 0),
                kind=c.kinds[c.kind[i]],
                taken_at=from_millis(c.taken_at[i]),
                value=value,
                low=_at(c.low, i, None),
                high=_at(c.high, i, None),
                n=_at(c.n, i, 1),
                span_s=_at(c.span_s, i, 0.0),
                quality=Quality(_at(c.quality, i, 0)),
                sign=Sign(_at(c.sign, i, 0)),
                clock=ClockTrust(_at(c.clock, i, CLOCK)),
                mode=Mode(_at(c.mode, i, 0)),
                record=_at(c.record, i, None),
            ),
        )


def _events(body: Body) -> Iterator[tuple[int, Event]]:
    c = body.events
    for i, seq in enumerate(c.seq):
        yield (
            seq,
            Event(
                device=body.devices[c.device[i]],
                slot=_at(c.slot, i, 0),
                type=c.type[i],
                occurred_at=from_millis(c.occurred_at[i]),
                clock=ClockTrust(_at(c.clock, i, CLOCK)),
            ),
        )


def _gaps(body: Body) -> Iterator[tuple[int, Gap]]:
    c = body.gaps
    for i, seq in enumerate(c.seq):
        yield (
            seq,
            Gap(
                device=body.devices[c.device[i]],
                slot=_at(c.slot, i, 0),
                from_at=from_millis(c.from_at[i]),
                to_at=from_millis(c.to_at[i]),
                why=c.why[i],
            ),
        )


def _at(column: list[T], row: int, default: T) -> T:
    return column[row] if column else default


def to_millis(instant: datetime) -> int:
    """Whole milliseconds since 1970, rounded down. A naive datetime raises TypeError."""
    return (instant - EPOCH) // timedelta(milliseconds=1)


def from_millis(millis: int) -> datetime:
    return EPOCH + timedelta(milliseconds=millis)
