"""Who may connect next: spot-check devices ahead of everything, then who has waited longest."""

from collections.abc import Iterable
from dataclasses import dataclass

from devices.profiles.base import Reach


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A device on the air that wants a connection since `since_s`."""

    device: str
    reach: Reach
    since_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """`connections`: what the adapter can hold. One is kept for spot-check meters: they are on the air for seconds."""

    connections: int = 7
    kept_for_spot: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Busy:
    """A device that has a place; `is_connecting`: it has no link yet."""

    device: str
    reach: Reach
    is_connecting: bool


def next_up(wishes: Iterable[Wish], busy: Iterable[Busy], places: Places) -> str | None:
    """One connection is set up at a time, but a meter never waits for a stream's attempt. None: nobody now."""
    taken = tuple(busy)
    for wish in sorted(wishes, key=lambda wish: (wish.reach is not Reach.SPOT, wish.since_s)):
        is_spot = wish.reach is Reach.SPOT
        free = places.connections - len(taken) - (0 if is_spot else places.kept_for_spot)
        rivals = (other for other in taken if other.is_connecting and (not is_spot or other.reach is Reach.SPOT))
        if free > 0 and not any(rivals):
            return wish.device
    return None


def back_off_s(failures: int, jitter: float, *, first_s: float, cap_s: float) -> float:
    """Doubling, and spread over its upper half by `jitter` (0 to 1), so that many do not come at once."""
    full_s = min(first_s * 2.0 ** min(failures, 16), cap_s)
    return full_s * (0.5 + jitter / 2)
