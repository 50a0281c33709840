"""What the gateway does at home when the server does not hear it.

A matter is a call for help, or a reading beyond its red limit. The server must have it within seconds. While it has
not, because the line is down or because the receipt does not come, the alarm is given at home: at once, then every
minute, for ten minutes, or until the server has it, a person has acknowledged it, or the reading is inside again.

A missed dose is no matter: the dispenser itself calls, and nobody can come who does not know of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, TypeVar

from devices.limits import Level
from devices.vocabulary import CALLS_FOR_HELP, Event, EventType, Item, Kind, Mode, Observation, Quality
from devices.wire.messages import Lane

DOWN_S: Final = 10.0  # the line is down for longer than this: alone. A new connection takes less
CALL_ARRIVES_S: Final = 10.0  # an alarm that has no receipt by then has not arrived [proposal]
READING_ARRIVES_S: Final = 30.0  # readings wait for company, and behind a backlog [proposal]

# IEC 60601-1-8 wants an alarm heard again until somebody is there; how often and how long is a proposal of ours.
RING_AGAIN_S: Final = 60.0
RING_FOR_S: Final = 600.0

# Masimo / AAMI, SpO2 alarm threshold and delay: 15 s take 60 % of the false alarms away. The same numbers as
# server.clinical.limits.PERSISTENCE, which a test compares.
RED_S: Final = 15.0
ENDS_S: Final = 15.0
LONGEST_GAP_S: Final = 60.0
# A glucose sensor speaks every five minutes: two readings in a row, one between them may be lost [proposal].
LONGEST_GAP_OF_KIND_S: Final = MappingProxyType({Kind.GLUCOSE_ISF: 660.0})

FRESH: Final = timedelta(minutes=15)  # an older reading comes from a memory; nobody is in danger now because of it
FORGOTTEN_S: Final = 12 * 3600.0  # a stream that says nothing any more
MOST: Final = 256  # matters and streams; when there are more, the oldest goes
MOST_AWAITED: Final = 16  # presses of one button that are under way; the newest takes the last place

RED: Final = frozenset({Level.RED_LOW, Level.RED_HIGH})
USELESS: Final = frozenset({Quality.NO_READING, Quality.DEMONSTRATION})

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cause:
    """What a matter is about: one user's one kind of reading, or one kind of call."""

    device: str
    slot: int
    what: EventType | Kind


@dataclass(frozen=True, kw_only=True, slots=True)
class Ring:
    """Give the alarm at home. `since`: when it happened. `is_first`: of this episode."""

    cause: Cause
    since: datetime
    is_first: bool


@dataclass(slots=True)
class _Awaited:
    """A press, or the reading that made it certain. `place`: its row in the outbox."""

    since: datetime
    due_s: float
    place: tuple[Lane, int] | None = None


@dataclass(slots=True)
class _Matter:
    """`awaited`: what the server does not have; none: it knows, or a person does. `is_told`: LOCAL_ALARM was made."""

    awaited: list[_Awaited]
    heard_s: float
    is_told: bool = False
    ring_s: float | None = None
    ring_until_s: float | None = None

    def rings_at(self, now_s: float) -> bool:
        return self.ring_until_s is not None and now_s <= self.ring_until_s


@dataclass(slots=True)
class _Stream:
    """One that has been outside and not yet inside again for long enough."""

    heard_s: float
    side: Level | None = None
    side_s: float = 0.0
    inside_s: float | None = None


class Alone:
    def __init__(self) -> None:
        self._matters: dict[Cause, _Matter] = {}
        self._streams: dict[Cause, _Stream] = {}

    def heard(self, item: Item, level: Level, now: datetime, now_s: float) -> None:
        match item:
            case Event() if item.type in CALLS_FOR_HELP:
                self._call(item, now_s)
            case Observation() if item.quality not in USELESS and abs(now - item.taken_at) <= FRESH:
                self._reading(item, level, now_s)

    def kept(self, rows: Iterable[tuple[Lane, int, Item]]) -> None:
        for lane, seq, item in rows:
            cause = _cause(item)
            matter = None if cause is None else self._matters.get(cause)
            if matter is not None and matter.awaited:
                _place(matter.awaited, (lane, seq), item)

    def arrived(self, lane: Lane, mark: int) -> None:
        for cause, matter in list(self._matters.items()):
            before = len(matter.awaited)
            matter.awaited = [each for each in matter.awaited if not _is_in(each.place, lane, mark)]
            if before and not matter.awaited:
                self._known(cause, matter)

    def renumbered(self) -> None:
        for matter in self._matters.values():
            for awaited in matter.awaited:
                awaited.place = None

    def jumped(self, by: timedelta) -> None:
        """Our clock was wrong; what waits to be kept is put right, too."""
        for matter in self._matters.values():
            for awaited in matter.awaited:
                awaited.since += by

    def acknowledged(self, device: str | None, what: EventType | Kind | None) -> None:
        """A person has it. None: whatever it is about."""
        for cause, matter in list(self._matters.items()):
            if device in (None, cause.device) and what in (None, cause.what):
                self._known(cause, matter)

    def due(self, is_alone: bool, now_s: float) -> list[Ring]:
        self._tidy(now_s)
        return [
            Ring(cause=cause, since=matter.awaited[0].since, is_first=not matter.is_told)
            for cause, matter in self._matters.items()
            if self._rings(matter, is_alone, now_s)
        ]

    def rang(self, ring: Ring, now: datetime) -> Event | None:
        """The alarm was given. What the server shall know of it: once for each episode."""
        matter = self._matters.get(ring.cause)
        if not ring.is_first or (matter is not None and matter.is_told):
            return None
        if matter is not None:
            matter.is_told = True
        return Event(
            device=ring.cause.device, slot=ring.cause.slot, type=EventType.LOCAL_ALARM, occurred_at=max(now, ring.since)
        )

    def is_open(self) -> bool:
        """An alarm was given here, and nobody knows of it yet."""
        return any(matter.awaited and matter.ring_s is not None for matter in self._matters.values())

    def _call(self, event: Event, now_s: float) -> None:
        """Each press must arrive. While one rings, the next only makes it ring for longer; after that it rings anew."""
        cause = Cause(device=event.device, slot=event.slot, what=event.type)
        press = _Awaited(since=event.occurred_at, due_s=now_s + CALL_ARRIVES_S)
        before = self._matters.get(cause)
        matter = _Matter(awaited=[press], heard_s=now_s)
        if before is not None:
            matter.awaited = [*before.awaited[: MOST_AWAITED - 1], press]
            if before.rings_at(now_s):
                matter.is_told, matter.ring_s, matter.ring_until_s = before.is_told, before.ring_s, now_s + RING_FOR_S
        _put(self._matters, cause, matter)

    def _reading(self, reading: Observation, level: Level, now_s: float) -> None:
        if level not in RED and not self._streams:
            return  # nearly always, a thousand times a second
        cause = Cause(device=reading.device, slot=reading.slot, what=reading.kind)
        stream = self._streams.get(cause)
        if stream is None:
            if level not in RED:
                return
            stream = _Stream(heard_s=now_s)
            _put(self._streams, cause, stream)
        if now_s - stream.heard_s > LONGEST_GAP_OF_KIND_S.get(reading.kind, LONGEST_GAP_S):
            stream.side = stream.inside_s = None
        stream.heard_s = now_s
        is_sure = reading.quality is Quality.GOOD
        if level in RED:
            self._red(cause, stream, reading, level, is_sure, now_s)
        elif level is Level.INSIDE and is_sure:
            self._inside(cause, stream, reading, now_s)
        elif is_sure:
            stream.side = stream.inside_s = None

    def _red(
        self, cause: Cause, stream: _Stream, reading: Observation, level: Level, is_sure: bool, now_s: float
    ) -> None:
        """A doubtful reading supports what a good one began; alone it begins nothing."""
        stream.inside_s = None
        if stream.side is not level:
            if not is_sure:
                return
            stream.side, stream.side_s = level, now_s
        matter = self._matters.get(cause)
        if matter is not None:
            matter.heard_s = now_s
        elif reading.mode is Mode.SPOT or now_s - stream.side_s >= RED_S:
            red = _Awaited(since=reading.taken_at, due_s=now_s + READING_ARRIVES_S)
            _put(self._matters, cause, _Matter(awaited=[red], heard_s=now_s))

    def _inside(self, cause: Cause, stream: _Stream, reading: Observation, now_s: float) -> None:
        stream.side = None
        if stream.inside_s is None:
            stream.inside_s = now_s
        if reading.mode is Mode.SPOT or now_s - stream.inside_s >= ENDS_S:
            del self._streams[cause]
            self._matters.pop(cause, None)

    def _known(self, cause: Cause, matter: _Matter) -> None:
        """A reading's episode goes on until it is inside; a call for help is over when somebody knows of it."""
        matter.awaited = []
        if isinstance(cause.what, EventType):
            del self._matters[cause]

    def _rings(self, matter: _Matter, is_alone: bool, now_s: float) -> bool:
        if not matter.awaited or not (is_alone or now_s >= matter.awaited[0].due_s):
            return False
        if matter.ring_until_s is None:
            matter.ring_until_s = now_s + RING_FOR_S
        is_time = matter.ring_s is None or now_s >= matter.ring_s + RING_AGAIN_S
        if now_s > matter.ring_until_s or not is_time:
            return False
        matter.ring_s = now_s
        return True

    def _tidy(self, now_s: float) -> None:
        oldest_s = now_s - FORGOTTEN_S
        self._matters = {cause: each for cause, each in self._matters.items() if each.heard_s >= oldest_s}
        self._streams = {cause: each for cause, each in self._streams.items() if each.heard_s >= oldest_s}


def _put(table: dict[Cause, T], cause: Cause, entry: T) -> None:
    """Its order is that of the last entries, so the first is the oldest."""
    table.pop(cause, None)
    if len(table) >= MOST:
        del table[next(iter(table))]
    table[cause] = entry


def _cause(item: Item) -> Cause | None:
    match item:
        case Event():
            return Cause(device=item.device, slot=item.slot, what=item.type)
        case Observation():
            return Cause(device=item.device, slot=item.slot, what=item.kind)
    return None


def _place(awaited: list[_Awaited], place: tuple[Lane, int], item: Item) -> None:
    """Calls are kept in the order in which they were heard; a reading may be part of an interval that is kept later."""
    if isinstance(item, Observation):
        last = item.taken_at + timedelta(seconds=item.span_s)
        for each in awaited:
            if each.place is None and last >= each.since:
                each.place = place
    else:
        next((each for each in awaited if each.place is None), awaited[-1]).place = place


def _is_in(place: tuple[Lane, int] | None, lane: Lane, mark: int) -> bool:
    return place is not None and place[0] is lane and place[1] <= mark
