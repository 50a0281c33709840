"""Limits of one kind, and on which side of them a value lies: one rule for gateway and server."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import IntEnum
from functools import lru_cache
from math import isfinite

from devices.vocabulary import Sign


class Level(IntEnum):
    RED_LOW = -2
    YELLOW_LOW = -1
    INSIDE = 0
    YELLOW_HIGH = 1
    RED_HIGH = 2


@lru_cache(maxsize=4096)  # a meter has few values, and decimal arithmetic is slow
def shown(value: float, decimals: int) -> float:
    """The number as the screen shows it, rounded half up in decimal: 38.05 is 38.1, though its double is less."""
    return float(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP))


@dataclass(frozen=True, kw_only=True, slots=True)
class Limit:
    """The last values inside each band, in the kind's unit; None: no such limit.

    Outside is strictly below a low limit or strictly above a high one. A rule that says "at least 131 is red" therefore
    has the neighbouring shown number as its limit: red_high=130."""

    red_low: float | None = None
    yellow_low: float | None = None
    yellow_high: float | None = None
    red_high: float | None = None

    def __post_init__(self) -> None:
        given = [each for each in (self.red_low, self.yellow_low, self.yellow_high, self.red_high) if each is not None]
        if not all(map(isfinite, given)):
            raise ValueError(f"{self} is not finite")
        if given != sorted(given):
            raise ValueError(f"{self} does not ascend")

    def level_of(self, value: float, sign: Sign = Sign.EXACT, *, decimals: int) -> Level:
        """`decimals`: as many as the kind shows, for what the screen calls 3.9 must not alert as 3.88.

        A censored value is beyond what its device can measure, hence beyond the outermost limit of its side: LO is red
        at once as soon as there is any low limit; HI is as red as the high limits go."""
        if sign is not Sign.EXACT:
            return self._level_beyond(sign)
        number = shown(value, decimals)
        if self.red_low is not None and number < self.red_low:
            return Level.RED_LOW
        if self.red_high is not None and number > self.red_high:
            return Level.RED_HIGH
        if self.yellow_low is not None and number < self.yellow_low:
            return Level.YELLOW_LOW
        if self.yellow_high is not None and number > self.yellow_high:
            return Level.YELLOW_HIGH
        return Level.INSIDE

    def _level_beyond(self, sign: Sign) -> Level:
        if sign is Sign.BELOW:
            no_limit = self.red_low is None and self.yellow_low is None
            return Level.INSIDE if no_limit else Level.RED_LOW
        if self.red_high is not None:
            return Level.RED_HIGH
        return Level.INSIDE if self.yellow_high is None else Level.YELLOW_HIGH
