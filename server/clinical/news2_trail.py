"""NEWS2 over days: what the score was after every quarter of an hour in which something was measured or seen."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import groupby
from types import MappingProxyType
from typing import Final

from devices.vocabulary import Kind
from server.clinical.news2 import Consciousness, Observed, Reading, Scale2Choice, Score, Seen, score

EVERY: Final = timedelta(minutes=15)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
FIELD: Final[Mapping[Kind, str]] = MappingProxyType(
    {
        Kind.RESPIRATORY_RATE: "breaths_per_min",
        Kind.SPO2: "spo2_percent",
        Kind.SYSTOLIC: "systolic_mmhg",
        Kind.PULSE_RATE: "pulse_per_min",
        Kind.HEART_RATE: "pulse_per_min",
        Kind.BODY_TEMPERATURE: "temperature_cel",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Measured:
    """A good reading of a kind in FIELD; `reading.at` is its end."""

    kind: Kind
    reading: Reading


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    observed: Observed
    score: Score


NOTHING: Final = Point(observed=Observed(), score=score(Observed()))


def trail(
    measured: Iterable[Measured],
    *,
    on_oxygen: Iterable[Seen[bool]],
    consciousness: Iterable[Seen[Consciousness]],
    scale_2: Callable[[datetime], Scale2Choice | None],
    since: datetime,
) -> list[Point]:
    """In order of time, from `since` on; what was before it is only remembered. Of two readings of one kind in the same
    quarter the later one counts. `scale_2`: who had prescribed it, as of an instant."""
    given: list[tuple[datetime, str, object]] = [
        *((each.reading.at, FIELD[each.kind], each.reading) for each in measured),
        *((each.at, "on_oxygen", each) for each in on_oxygen),
        *((each.at, "consciousness", each) for each in consciousness),
    ]
    given.sort(key=lambda each: each[0])
    observed, found = Observed(), []
    for _, quarter in groupby(given, key=lambda each: (each[0] - EPOCH) // EVERY):
        newer = list(quarter)
        observed = replace(observed, **{name: value for _, name, value in newer})  # type: ignore[arg-type]
        if newer[-1][0] >= since:
            found.append(Point(observed=observed, score=_score(observed, scale_2)))
    return found


def worst_of_each(points: Sequence[Point], every: timedelta) -> list[Point]:
    """One of each period: the highest total; where none could be computed, the last."""
    return list(_worst(points, every))


def _worst(points: Sequence[Point], every: timedelta) -> Iterator[Point]:
    for _, together in groupby(points, key=lambda each: (_at(each) - EPOCH) // every):
        yield max(together, key=lambda each: (-1 if each.score.total is None else each.score.total, _at(each)))


def _score(observed: Observed, scale_2: Callable[[datetime], Scale2Choice | None]) -> Score:
    spo2 = observed.spo2_percent
    return score(observed, None if spo2 is None else scale_2(spo2.at))


def _at(point: Point) -> datetime:
    assert point.score.at is not None, "a point is there because something was measured or seen"
    return point.score.at
