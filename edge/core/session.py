"""One connectable device: when to connect, the steps of a visit, and when to come back. Events in, commands out.

A visit is a list of steps, each done by the shell and answered; then the device is listened to: a stream until it is
silent for long, a spot-check meter until it is quiet. A visit ends with Disconnect, answered by LEFT.
"""

from collections import deque
from collections.abc import Iterator
from datetime import timedelta
from typing import Final

from devices.profiles.base import Profile, Reach, SetsClock
from edge.core.backfill import Backfill, Finished, Stored, Wait
from edge.core.schedule import back_off_s
from edge.core.session_words import (
    Answered,
    Ask,
    ClockShown,
    Command,
    Connect,
    Disconnect,
    Event,
    Happened,
    Heard,
    Pair,
    Pause,
    Read,
    ReadClock,
    Remember,
    SetClock,
    State,
    Subscribe,
    Write,
)

QUIET_S: Final = 5.0  # a spot-check meter that said nothing more for so long is done
QUIET_AFTER_RECORDS_S: Final = 1.0
SILENT_STREAM_S: Final = 900.0  # a link that says nothing for so long may be dead: made anew, to be sure
AGAIN_S: Final = {Reach.SPOT: 4.0, Reach.STREAM: 1.0}
AGAIN_CAP_S: Final = {Reach.SPOT: 30.0, Reach.STREAM: 60.0}
REAPPEARED_S: Final = 5.0  # a meter that was off the air for so long has measured again
CLOCK_WRONG: Final = timedelta(seconds=30)
CUT_SHORT: Final = 3  # visits in a row whose links ended at once: it has lost the key, and says it in this way
NEEDED_TRIES: Final = 3  # then the device is heard without what should be read first
URGENT_TRIES: Final = 3  # a meter that stays on the air after so many visits is always there
TELL_AFTER: Final = {Reach.SPOT: 3, Reach.STREAM: 5}  # failures in a row


class Session:
    """`last_record`: the newest record that is safe in the outbox; None: none yet."""

    def __init__(self, profile: Profile, last_record: int | None = None) -> None:
        self.profile = profile
        self.state = State.AWAY
        self.wanted_since_s = 0.0
        self.is_bonded: bool | None = None  # None: not known, or it needs no bond
        self._backfill = Backfill(last_record)
        self._bonds = profile.bonds
        self._failures = 0  # in a row, an empty visit to a meter among them
        self._faults = 0  # in a row, only what went wrong
        self._tries = 0  # since it came on the air
        self._refusals = 0
        self._cuts = 0
        self._is_wrong_profile = False
        self._hangs: set[str] = set()  # what the device never answered
        self._seen_s = self._not_before_s = 0.0
        self._due_s: float | None = None
        self._begin()
        self.state = State.AWAY

    def due_s(self) -> float | None:
        """When a TICK is needed."""
        return self._due_s

    def is_busy(self) -> bool:
        return self.state not in (State.AWAY, State.WANTED)

    def has_bond(self) -> None:
        """There is a key already: before it is admitted."""
        self._bonds = self.is_bonded = True

    def is_urgent(self) -> bool:
        """A meter that has just come on the air, and will soon be off it."""
        return self.profile.reach is Reach.SPOT and self._tries <= URGENT_TRIES

    def trouble(self) -> str | None:
        """For a technician: what is wrong with this device, and what to do."""
        if self._refusals > 1:
            return "does not let us pair: put it in pairing mode as its manual says, near the gateway"
        if self._is_wrong_profile:
            return f"has nothing that a {self.profile.name} has: is the profile right in the configuration?"
        if self._faults >= TELL_AFTER[self.profile.reach]:
            return f"is heard, but {self._faults} visits in a row failed: bring it nearer, or change its battery"
        return None

    def on(self, event: Happened, now_s: float, jitter: float = 0.0) -> list[Command]:
        match event:
            case Heard(record):
                return self._heard(record, now_s)
            case Event.SEEN:
                self._seen(now_s)
            case Event.ADMITTED if self.state is State.WANTED:
                self._begin()
                return [self._step]
            case Event.LEFT if self.state is State.LEAVING:
                self._left(now_s, jitter)
            case _ if self.is_busy() and self.state is not State.LEAVING:
                return list(self._visiting(event, now_s))
        return []

    def _visiting(self, event: Happened, now_s: float) -> Iterator[Command]:
        match event:
            case Event.DONE | Event.MISSING if self.state in (State.CONNECTING, State.SETTING_UP):
                yield from self._stepped(event is Event.DONE, now_s)
            case ClockShown() if isinstance(self._step, ReadClock):
                self._clock_shown(event)
                yield from self._stepped(True, now_s)
            case Answered(answer) if self.state is State.FETCHING:
                yield from self._fetching(self._backfill.answered(answer, now_s), now_s)
            case Event.TICK if self._due_s is not None and now_s >= self._due_s:
                yield from self._waited(now_s)
            case Event.REFUSED:
                yield self._refused()
            case Event.CUT | Event.DROPPED if self._bonds and self._progress == 0:
                yield self._cut()
            case Event.FAILED | Event.CUT | Event.DROPPED:
                yield from self._failed(now_s)
            case Event.NOT_KEPT if self.state is not State.LISTENING:
                yield self._leave(failed=True)
            case Event.YIELD:
                self._yielded = True
                yield self._leave(failed=False)

    def _seen(self, now_s: float) -> None:
        away_s, self._seen_s = now_s - self._seen_s, now_s
        if self.profile.reach is Reach.SPOT and away_s > REAPPEARED_S:
            self._not_before_s, self._tries = min(self._not_before_s, now_s), 0
        if self.state is State.AWAY and now_s >= self._not_before_s:
            self.state, self.wanted_since_s = State.WANTED, now_s

    def _begin(self) -> None:
        self.state = State.CONNECTING
        self._tries += 1
        self._step: Command = Connect()
        self._steps = deque(self._visit())
        self._subscribed = self._progress = 0
        self._said_something = self._yielded = False

    def _visit(self) -> Iterator[Command]:
        if self._bonds:
            yield Pair()
        if self.profile.settle_s:
            yield Pause(self.profile.settle_s)
        if self.profile.clock is not SetsClock.NO:
            yield ReadClock()
        for uuid in self.profile.read_first:
            yield Read(uuid, is_needed=True)
        for uuid in self.profile.subscribe:
            yield Subscribe(uuid)
        for uuid, value in self.profile.write:
            yield Write(uuid, value)
        if self.profile.racp is not None:
            yield Subscribe(self.profile.racp)
            yield Ask(self._backfill.first_request())
        for uuid in self.profile.read:
            if uuid not in self._hangs:
                yield Read(uuid)

    def _stepped(self, is_there: bool, now_s: float) -> Iterator[Command]:
        if self.state is State.CONNECTING:
            self.state = State.SETTING_UP
        else:
            self._progress += 1
            self._cuts = 0
        if isinstance(self._step, Pair):
            self.is_bonded = is_there
        if isinstance(self._step, Subscribe):
            self._subscribed += is_there
            if not is_there and self._step.uuid == self.profile.racp:
                self._steps = deque(step for step in self._steps if not isinstance(step, Ask))
        yield from self._next_step(now_s)

    def _next_step(self, now_s: float) -> Iterator[Command]:
        if not self._steps:
            yield from self._listen(now_s)
            return
        self._step = step = self._steps.popleft()
        if isinstance(step, Ask):
            self.state, self._due_s = State.FETCHING, self._backfill.asked(now_s)
        yield step

    def _clock_shown(self, clock: ClockShown) -> None:
        if self.profile.clock is not SetsClock.SETS or clock.ours is None:
            return
        if clock.shows is None or abs(clock.shows - clock.ours) > CLOCK_WRONG:
            self._steps.appendleft(SetClock())

    def _listen(self, now_s: float) -> Iterator[Command]:
        self._is_wrong_profile = not self._subscribed
        if self._is_wrong_profile:
            yield self._leave(failed=True, forget=not self._bonds)  # what BlueZ keeps of its services may be outdated
            return
        self.state = State.LISTENING
        self._refusals = self._faults = 0
        if self.profile.reach is Reach.STREAM:
            self._failures, self._due_s = 0, now_s + SILENT_STREAM_S
        else:
            self._due_s = now_s + (QUIET_AFTER_RECORDS_S if self.profile.racp else QUIET_S)

    def _heard(self, record: int | None, now_s: float) -> list[Command]:
        self._said_something = True
        if self.state is State.FETCHING:
            self._due_s = self._backfill.heard(record, now_s)
        elif self.state is State.LISTENING:
            self._due_s = now_s + (SILENT_STREAM_S if self.profile.reach is Reach.STREAM else QUIET_S)
            if record is not None and self._backfill.follows(record):
                return [Remember(record)]
        elif record is not None:
            self._backfill.heard(record, now_s)
        return []

    def _fetching(self, answer: Wait | Ask | Stored | Finished | None, now_s: float) -> Iterator[Command]:
        match answer:
            case Wait(until_s):
                self._due_s = until_s
            case Ask():
                self._due_s = self._backfill.asked(now_s)
                yield answer
            case Stored(record):
                self._steps.appendleft(Remember(record))
                yield from self._fetched(now_s)
            case Finished():
                yield from self._fetched(now_s)
            case None:
                yield self._leave(failed=True)

    def _fetched(self, now_s: float) -> Iterator[Command]:
        self.state, self._due_s = State.SETTING_UP, None
        yield from self._next_step(now_s)

    def _waited(self, now_s: float) -> Iterator[Command]:
        if self.state is State.FETCHING:
            yield from self._fetching(self._backfill.waited(), now_s)
        else:
            yield self._leave(failed=False)

    def _failed(self, now_s: float) -> Iterator[Command]:
        step = self._step
        if self.state is State.SETTING_UP and isinstance(step, Read) and not step.is_needed:
            self._hangs.add(step.uuid)
        if isinstance(step, Read) and step.is_needed and self._faults >= NEEDED_TRIES:
            yield from self._stepped(False, now_s)
            return
        is_done = self.profile.reach is Reach.SPOT and self._said_something and self.state is not State.FETCHING
        yield self._leave(failed=not is_done)  # many meters hang up as soon as they have said what they had

    def _cut(self) -> Command:
        self._cuts += 1
        if self._cuts >= CUT_SHORT:
            return self._refused()
        self._yielded = True  # once more at once: a meter may be on the air for seconds
        return self._leave(failed=True)

    def _refused(self) -> Command:
        """The bond is lost on one side, or there was none: the next visit pairs anew."""
        self._cuts = 0
        self._refusals += self._bonds
        forget, self._bonds, self.is_bonded = self._bonds, True, False
        self._yielded = self._refusals <= 1  # it may be on the air for seconds: once more at once
        return self._leave(failed=forget, forget=forget)

    def _leave(self, *, failed: bool, forget: bool = False) -> Command:
        nothing_came = self.profile.reach is Reach.SPOT and not self._said_something and not self._yielded
        self._failures = self._failures + 1 if failed or nothing_came else 0
        self._faults = self._faults + 1 if failed else 0
        self.state, self._due_s = State.LEAVING, None
        self._steps.clear()
        return Disconnect(forget)

    def _left(self, now_s: float, jitter: float) -> None:
        reach = self.profile.reach
        again_s = back_off_s(max(self._failures - 1, 0), jitter, first_s=AGAIN_S[reach], cap_s=AGAIN_CAP_S[reach])
        self.state, self._seen_s = State.AWAY, now_s
        self._not_before_s = now_s + (0 if self._yielded else again_s)
