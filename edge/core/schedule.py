"""Who may connect next, and through which adapter: spot-check devices first, then who has waited longest.

An adapter sets up one connection at a time. A meter is on the air for seconds: it takes the turn from a stream, and
from another meter that has not answered for some seconds, and the place when there is none. A meter that is always on
the air is in no hurry. Streams that are more than the places take turns.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from devices.profiles.base import Reach

TURN_OF_METER_S: Final = 3.0  # an attempt may keep another meter waiting for so long
TURN_OF_STREAM_S: Final = 120.0  # a stream may keep another one waiting for so long, when there are too many


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """A device that wants a connection since `since_s`. `heard_by`: adapters, the one that hears it best first.
    `is_urgent`: a meter that has just come on the air."""

    device: str
    reach: Reach
    is_urgent: bool
    since_s: float
    heard_by: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Places:
    """`connections`: what the adapter can hold. One is kept for spot-check meters: they are on the air for seconds."""

    connections: int = 7
    kept_for_spot: int = 1


class Phase(Enum):
    CONNECTING = auto()  # it has no link yet
    WORKING = auto()
    STREAMING = auto()  # nothing more to do than to listen
    GIVING_WAY = auto()  # told to, and not gone yet


@dataclass(frozen=True, kw_only=True, slots=True)
class Busy:
    """A device that has a place since `since_s`."""

    device: str
    reach: Reach
    is_urgent: bool
    adapter: str
    phase: Phase
    since_s: float


@dataclass(frozen=True, slots=True)
class Go:
    device: str
    adapter: str


@dataclass(frozen=True, slots=True)
class GiveWay:
    device: str


def next_up(
    wishes: Iterable[Wish], busy: Iterable[Busy], places: Mapping[str, Places], now_s: float
) -> Go | GiveWay | None:
    """`places` by adapter that is alive. None: nobody now."""
    taken = tuple(busy)
    for wish in sorted(wishes, key=lambda wish: (not wish.is_urgent, wish.since_s)):
        for adapter in wish.heard_by:
            if adapter not in places:
                continue
            there = tuple(other for other in taken if other.adapter == adapter)
            chosen = _try(wish, adapter, there, places[adapter], now_s)
            if chosen is not None:
                return chosen
            if not _is_full(wish, there, places[adapter]):
                break  # it only has to wait for its turn where it is heard best
    return None


def _try(wish: Wish, adapter: str, there: tuple[Busy, ...], places: Places, now_s: float) -> Go | GiveWay | None:
    if any(other.phase is Phase.GIVING_WAY for other in there):
        return None
    rivals = [other for other in there if other.phase is Phase.CONNECTING]
    if not _is_full(wish, there, places):
        return Go(wish.device, adapter) if not rivals else _first_to_yield(wish, rivals, now_s)
    return _place_of_a_stream(wish, there, now_s)


def _place_of_a_stream(wish: Wish, there: tuple[Busy, ...], now_s: float) -> GiveWay | None:
    streaming = [other for other in there if other.phase is Phase.STREAMING and other.reach is Reach.STREAM]
    if not streaming:
        return None
    longest = min(streaming, key=lambda other: other.since_s)
    is_its_turn = now_s - wish.since_s > TURN_OF_STREAM_S and now_s - longest.since_s > TURN_OF_STREAM_S
    return GiveWay(longest.device) if wish.is_urgent or is_its_turn else None


def _is_full(wish: Wish, there: tuple[Busy, ...], places: Places) -> bool:
    kept = 0 if wish.reach is Reach.SPOT else places.kept_for_spot
    return len(there) >= places.connections - kept


def _first_to_yield(wish: Wish, rivals: list[Busy], now_s: float) -> GiveWay | None:
    if not wish.is_urgent:
        return None
    for rival in rivals:
        if not rival.is_urgent or now_s - rival.since_s > TURN_OF_METER_S:
            return GiveWay(rival.device)
    return None


def back_off_s(failures: int, jitter: float, *, first_s: float, cap_s: float) -> float:
    """Doubling, and spread over its upper half by `jitter` (0 to 1), so that many do not come at once."""
    full_s = min(first_s * 2.0 ** min(failures, 16), cap_s)
    return full_s * (0.5 + jitter / 2)
