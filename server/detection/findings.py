"""What detection saw, with its evidence. Times are aware UTC; a finding never says what to do about it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Literal

from devices.limits import Level
from devices.vocabulary import Kind, Sign

Direction = Literal["low", "high"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """Why: the rule, the numbers, the window and the reference. The same shape as the API's.

    `low`, `high`: the extremes in an interval of `span_s`, of which `value` is the median; None: a single reading.
    Of a slow rule: `rules` are those that found it, `numbers` what they compared, by name, over `readings` from
    `from_at` to `since`."""

    kind: Kind | None = None
    value: float | None = None
    sign: Sign = Sign.EXACT
    limit: float | None = None
    level: Level | None = None
    direction: Direction | None = None
    event: str | None = None
    place: str | None = None
    cause: str | None = None
    since: datetime | None = None
    reference: str = ""
    low: float | None = None
    high: float | None = None
    span_s: float | None = None
    rules: tuple[str, ...] = ()
    numbers: Mapping[str, float] = field(default_factory=dict)
    from_at: datetime | None = None
    readings: int | None = None


class Crossing(StrEnum):
    BEGAN = "began"  # was inside, is outside
    WORSE = "worse"  # was yellow, is red
    STILL = "still"  # another spot reading outside, or a continuous stream that stays outside
    EASED = "eased"  # was red, is yellow: not over
    ENDED = "ended"  # readings inside the limits ended it
    HAS_BEEN = "has_been"  # was outside while nobody could know, and is already over


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitFinding:
    """A stream crossed a limit for certain: persistence and hysteresis are behind it.

    `level` is the level now; at ENDED it is INSIDE, at HAS_BEEN the worst there was. `began` is the first reading of
    that level, `at` the reading that made it certain. `late`: it was so then, and the newest reading is too old to say
    that it is so now."""

    patient: int
    kind: Kind
    crossing: Crossing
    direction: Direction
    level: Level
    began: datetime
    at: datetime
    late: bool
    evidence: Evidence

    @property
    def rule(self) -> str:
        return f"limit:{self.kind}:{self.direction}"
