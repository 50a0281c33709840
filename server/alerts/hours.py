"""When a service answers: now, or from the morning list. Hours are those of the clocks in Norway."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from types import MappingProxyType
from typing import Final

from server.alerts.model import Priority
from server.clinical.here import HERE

EVERY_DAY: Final = frozenset(range(1, 8))
WEEK: Final = timedelta(days=8)  # the longest that hours can be closed, and a day
MIDNIGHT: Final = time(0, 0)
# What is bought for the night, or cannot wait for the morning: never quiet, whatever the hours are [proposal for the
# rules of the home and its doors].
AROUND_THE_CLOCK: Final = ("call:", "home:", "night:", "technical:")


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """Weekdays (1 is Monday) on which it begins, and from when to when; the same twice: the whole day. One that ends
    before it begins ends the next day."""

    weekdays: frozenset[int] = EVERY_DAY
    from_: time = MIDNIGHT
    to: time = MIDNIGHT

    def holds(self, at: datetime) -> bool:
        local = at.astimezone(HERE)
        clock, today = local.time(), local.isoweekday()
        if self.from_ < self.to:
            return today in self.weekdays and self.from_ <= clock < self.to
        if clock >= self.from_ and today in self.weekdays:
            return True
        return clock < self.to and (today - 2) % 7 + 1 in self.weekdays

    def begins_after(self, at: datetime) -> datetime | None:
        """None: it never does."""
        local = at.astimezone(HERE)
        for days in range(WEEK.days + 1):
            begins = datetime.combine(local.date() + timedelta(days=days), self.from_, HERE)
            # An hour that is skipped in spring: the clock then shows the one after it.
            begins = begins.astimezone(at.tzinfo)
            if begins > at and begins.astimezone(HERE).isoweekday() in self.weekdays:
                return begins
        return None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceHours:
    """When alerts of a colour ring. `response`: what was agreed to happen out of hours, as a sentence. No periods:
    everything waits for whoever looks, and what must not be forgotten comes back the next morning."""

    periods: tuple[Period, ...]
    response: str | None = None

    def are_now(self, at: datetime) -> bool:
        return any(period.holds(at) for period in self.periods)

    def open_at(self, at: datetime) -> datetime:
        """The next time after `at`."""
        return min(_begin(self.periods, at), default=_next_morning(at))


ALWAYS: Final = ServiceHours(periods=(Period(),))
MORNING: Final = time(8, 0)
# Where nobody agreed otherwise [proposal].
SHIPPED: Final[Mapping[Priority, ServiceHours]] = MappingProxyType(
    {
        Priority.RED: ALWAYS,
        Priority.YELLOW: ServiceHours(periods=(Period(from_=MORNING, to=time(22, 0)),)),
        Priority.GREY: ALWAYS,
    }
)


def hours_of(rule: str, agreed: ServiceHours) -> ServiceHours:
    return ALWAYS if rule.startswith(AROUND_THE_CLOCK) else agreed


def _begin(periods: Iterable[Period], at: datetime) -> list[datetime]:
    found = (period.begins_after(at) for period in periods)
    return [begins for begins in found if begins is not None]


def _next_morning(at: datetime) -> datetime:
    return Period(from_=MORNING, to=MORNING).begins_after(at) or at + timedelta(days=1)
