"""How long a home is usually silent at each hour of the day, while somebody is at home and not in bed.

After Cuddihy 2007: each home teaches its own. The longest of all days is left out: it may be the very fall that the
rule is there for, or a sensor that was off [proposal]."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from server.clinical.here import HERE
from server.detection.home_rules import InactiveRule

DAYS_KEPT: Final = 28
HOURS: Final = 24
NOTHING: Final = (0,) * HOURS
HOUR: Final = timedelta(hours=1)
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """For each hour on the wall, how many minutes of silence it has seen at most in what ended on this day."""

    day: date
    minutes: tuple[int, ...] = NOTHING


def with_silence(lines: tuple[Line, ...], day: date, since: datetime, until: datetime) -> tuple[Line, ...]:
    """A silence that ended on this day."""
    known = {line.day: line.minutes for line in lines}
    minutes = list(known.get(day, NOTHING))
    for hour, _, end in hours(since, until):
        minutes[hour] = max(minutes[hour], (end - since) // MINUTE)
    known[day] = tuple(minutes)
    return tuple(Line(day=each, minutes=known[each]) for each in sorted(known))


def hours(since: datetime, until: datetime) -> Iterator[tuple[int, datetime, datetime]]:
    """The hour on the wall, with the part of it that lies between."""
    begin = since
    turn = since.replace(minute=0, second=0, microsecond=0)
    while begin < until:
        turn += HOUR
        end = min(turn, until)
        yield begin.astimezone(HERE).hour, begin, end
        begin = end


def limits_min(days: Sequence[Line], rule: InactiveRule) -> tuple[float, ...] | None:
    """For each hour, the silence that is too long; None: too few days are known."""
    if len(days) < rule.learn_days:
        return None
    return tuple(_limit_min(days, hour, rule) for hour in range(HOURS))


def _limit_min(days: Sequence[Line], hour: int, rule: InactiveRule) -> float:
    around = (hour - 1, hour, (hour + 1) % HOURS)  # who gets up ten minutes later than ever is not missing
    longest = sorted(max(day.minutes[each] for each in around) for day in days)
    return min(max(longest[-2] + rule.margin_min, rule.floor_min), rule.ceiling_min)
