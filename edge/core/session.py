"""One connectable device: when to connect, the steps of a visit, and when to come back. Events in, commands out.

A visit is a fixed list of steps, each done by the shell and answered with DONE, MISSING or FAILED; then the device is
listened to: a stream for ever, a spot-check meter until it is quiet. A visit ends with Disconnect, answered by LEFT.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from devices.profiles import racp
from devices.profiles.base import Profile, Reach
from edge.core.schedule import back_off_s

QUIET_S: Final = 5.0  # a spot-check meter that said nothing more for so long is done
QUIET_AFTER_RECORDS_S: Final = 1.0
RECORDS_STALL_S: Final = 20.0  # between two records, or the last one and the answer
AGAIN_S: Final = {Reach.SPOT: 4.0, Reach.STREAM: 1.0}
AGAIN_CAP_S: Final = {Reach.SPOT: 30.0, Reach.STREAM: 60.0}


class State(Enum):
    """The value is the word in the status."""

    AWAY = "not heard"
    WANTED = "waiting for a connection"
    CONNECTING = "connecting"
    SETTING_UP = "setting up"
    FETCHING = "fetching records"
    LISTENING = "connected"
    LEAVING = "disconnecting"


class Event(Enum):
    """`SEEN`: it advertises. `ADMITTED`: the schedule gives it a place. `DONE`: the last command succeeded; `MISSING`:
    the device has no such characteristic. `HEARD`: a notification. `LEFT`: the link is down and cleaned up."""

    SEEN = auto()
    ADMITTED = auto()
    DONE = auto()
    MISSING = auto()
    FAILED = auto()
    HEARD = auto()
    DROPPED = auto()
    LEFT = auto()
    TICK = auto()


@dataclass(frozen=True, slots=True)
class Heard:
    """A measurement; `record` if it has a number in the device's memory."""

    record: int | None


@dataclass(frozen=True, slots=True)
class Answered:
    answer: racp.Answer


@dataclass(frozen=True, slots=True)
class Connect:
    pass


@dataclass(frozen=True, slots=True)
class Pause:
    seconds: float


@dataclass(frozen=True, slots=True)
class Subscribe:
    uuid: str


@dataclass(frozen=True, slots=True)
class Read:
    uuid: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Write to the record access control point."""

    request: bytes


@dataclass(frozen=True, slots=True)
class Remember:
    """Everything up to this record was heard: commit it, then note the number."""

    record: int


@dataclass(frozen=True, slots=True)
class Disconnect:
    pass


Command = Connect | Pause | Subscribe | Read | Ask | Remember | Disconnect


class Session:
    """`last_record`: the newest record that is safe in the outbox; None: none yet."""

    def __init__(self, profile: Profile, last_record: int | None = None) -> None:
        self.profile = profile
        self.state = State.AWAY
        self.wanted_since_s = 0.0
        self._last_record = last_record
        self._failures = 0
        self._not_before_s = 0.0
        self._due_s: float | None = None
        self._steps: deque[Command] = deque()
        self._step: Command = Connect()
        self._subscribed = 0
        self._newest: int | None = None
        self._asked_last = False
        self._said_something = False

    def due_s(self) -> float | None:
        """When a TICK is needed."""
        return self._due_s

    def is_busy(self) -> bool:
        return self.state not in (State.AWAY, State.WANTED)

    def on(self, event: Event | Heard | Answered, now_s: float, jitter: float = 0.0) -> list[Command]:
        match event:
            case Event.SEEN:
                self._seen(now_s)
            case Event.ADMITTED if self.state is State.WANTED:
                self._begin()
                return [Connect()]
            case Event.DONE | Event.MISSING:
                return list(self._stepped(event, now_s))
            case Heard(record):
                self._heard(record, now_s)
            case Answered(answer) if self.state is State.FETCHING:
                return list(self._answered(answer, now_s))
            case Event.FAILED | Event.DROPPED if self.is_busy() and self.state is not State.LEAVING:
                return self._leave(failed=True)
            case Event.LEFT if self.state is State.LEAVING:
                self._left(now_s, jitter)
            case Event.TICK if self._due_s is not None and now_s >= self._due_s:
                return self._leave(failed=self.state is State.FETCHING)
        return []

    def _seen(self, now_s: float) -> None:
        if self.state is State.AWAY and now_s >= self._not_before_s:
            self.state, self.wanted_since_s = State.WANTED, now_s

    def _begin(self) -> None:
        self.state = State.CONNECTING
        self._subscribed, self._newest, self._asked_last, self._said_something = 0, None, False, False
        self._steps = deque(self._visit())

    def _visit(self) -> Iterator[Command]:
        if self.profile.settle_s:
            yield Pause(self.profile.settle_s)
        for uuid in self.profile.subscribe:
            yield Subscribe(uuid)
        if self.profile.racp is not None:
            yield Subscribe(self.profile.racp)
            yield Ask(racp.report(None if self._last_record is None else (self._last_record + 1) & 0xFFFF))
        for uuid in self.profile.read:
            yield Read(uuid)

    def _stepped(self, event: Event, now_s: float) -> Iterator[Command]:
        if self.state not in (State.CONNECTING, State.SETTING_UP, State.FETCHING):
            return
        if self.state is State.CONNECTING:
            self.state = State.SETTING_UP
        if self.state is State.FETCHING:  # the request was taken; the records and the answer come by themselves
            return
        if isinstance(self._step, Subscribe):
            self._subscribed += event is Event.DONE
            if event is Event.MISSING and self._step.uuid == self.profile.racp:
                self._steps = deque(step for step in self._steps if not isinstance(step, Ask))
        yield from self._next_step(now_s)

    def _next_step(self, now_s: float) -> Iterator[Command]:
        if not self._steps:
            yield from self._listen(now_s)
            return
        self._step = step = self._steps.popleft()
        if isinstance(step, Ask):
            self.state, self._due_s = State.FETCHING, now_s + RECORDS_STALL_S
        yield step

    def _listen(self, now_s: float) -> list[Command]:
        if not self._subscribed:
            return self._leave(failed=True)  # not the device that the profile describes
        self.state = State.LISTENING
        if self.profile.reach is Reach.STREAM:
            self._failures, self._due_s = 0, None
        else:
            self._due_s = now_s + (QUIET_AFTER_RECORDS_S if self.profile.racp else QUIET_S)
        return []

    def _heard(self, record: int | None, now_s: float) -> None:
        self._said_something = True
        if record is not None:
            self._newest = record
        if self.state is State.FETCHING:
            self._due_s = now_s + RECORDS_STALL_S
        elif self.state is State.LISTENING and self.profile.reach is Reach.SPOT:
            self._due_s = now_s + QUIET_S

    def _answered(self, answer: racp.Answer, now_s: float) -> Iterator[Command]:
        if not isinstance(answer, racp.Finished) or answer.order is not racp.Order.REPORT:
            return
        if answer.result is racp.Result.SUCCESS and not self._asked_last:
            yield from self._fetched(now_s)
        elif answer.result is racp.Result.SUCCESS:
            yield from self._compare_last(now_s)
        elif answer.result is racp.Result.NO_RECORDS and self._last_record is not None and not self._asked_last:
            # Nothing newer, or its memory was emptied and counts from 1 again: the last record tells.
            self._asked_last, self._due_s = True, now_s + RECORDS_STALL_S
            yield Ask(racp.report_last())
        elif answer.result is racp.Result.NO_RECORDS:
            yield from self._end_fetch(now_s)
        else:
            yield from self._leave(failed=True)

    def _fetched(self, now_s: float) -> Iterator[Command]:
        if self._newest is not None:
            self._last_record = self._newest
            self._steps.appendleft(Remember(self._newest))
        yield from self._end_fetch(now_s)

    def _compare_last(self, now_s: float) -> Iterator[Command]:
        if self._newest is not None and self._last_record is not None and self._newest < self._last_record:
            self._last_record, self._asked_last = None, False
            self._due_s = now_s + RECORDS_STALL_S
            yield Ask(racp.report())
        else:
            yield from self._end_fetch(now_s)

    def _end_fetch(self, now_s: float) -> Iterator[Command]:
        self.state = State.SETTING_UP
        self._due_s = None
        yield from self._next_step(now_s)

    def _leave(self, *, failed: bool) -> list[Command]:
        nothing_came = self.profile.reach is Reach.SPOT and not self._said_something
        self._failures = self._failures + 1 if failed or nothing_came else 0
        self.state, self._due_s = State.LEAVING, None
        self._steps.clear()
        return [Disconnect()]

    def _left(self, now_s: float, jitter: float) -> None:
        reach = self.profile.reach
        self.state = State.AWAY
        self._not_before_s = now_s + back_off_s(
            max(self._failures - 1, 0), jitter, first_s=AGAIN_S[reach], cap_s=AGAIN_CAP_S[reach]
        )
