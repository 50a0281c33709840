"""Our own clock was wrong by a known amount: what an item says by that clock moves, what others said stays."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from devices.vocabulary import ClockTrust, Event, Gap, Item, Observation

# ARRIVAL is our time; CORRECTED is the device's, brought into ours. CHECKED and DEVICE are the device's alone.
BY_OUR_CLOCK: Final = frozenset({ClockTrust.ARRIVAL, ClockTrust.CORRECTED})


def shifted(item: Item, by: timedelta, since: datetime) -> Item:
    """`since`: when this run began, by the clock as it was. A gap may begin before that, at a time that was right."""
    match item:
        case Observation(clock=clock, taken_at=at) if clock in BY_OUR_CLOCK:
            return replace(item, taken_at=_moved(at, by, since, clock))
        case Event(clock=clock, occurred_at=at) if clock in BY_OUR_CLOCK:
            return replace(item, occurred_at=_moved(at, by, since, clock))
        case Gap(from_at=begin, to_at=end) if end >= since:
            moved = end + by
            return replace(item, from_at=min(begin + by if begin >= since else begin, moved), to_at=moved)
    return item


def _moved(at: datetime, by: timedelta, since: datetime, clock: ClockTrust) -> datetime:
    """A corrected record may be older than this run, and is yet reckoned from its clock."""
    return at + by if clock is ClockTrust.CORRECTED or at >= since else at
