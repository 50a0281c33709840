"""What an open screen gets next, decided without a socket, a clock or a database: live.py carries it out.

Events are applied by seq per team, so that replay and live delivery may overlap: nothing is lost, nothing comes twice.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from server.api.live_schemas import Heartbeat, Pong, Reset, ResetReason, Resumed, SeenOn

QUEUE_LIMIT: Final = 256
REPLAY_LIMIT: Final = 2000
VALUES_PER_MESSAGE: Final = 100

ReadingKey = tuple[int, int]
"""patient, number of the kind"""


@dataclass(frozen=True, kw_only=True, slots=True)
class LoggedEvent:
    """A row of the team's log, as the text that every screen of the team gets."""

    team: int
    seq: int
    text: str


class ScreenFullError(Exception):
    """The screen takes its events more slowly than they come. It is closed, and resumes at its cursor."""


class LogGapError(Exception):
    """A team's log jumped over a seq: a broken promise. The screen is closed, and its resume finds the truth."""


def why_reset(
    *, epoch: str, heads: Mapping[int, int], claimed_epoch: str | None, claimed: Mapping[int, int]
) -> ResetReason | None:
    """Why a screen with these cursors cannot resume; None when it can."""
    if claimed_epoch != epoch:
        return "unknown_epoch"
    if claimed.keys() != heads.keys():
        return "teams_changed"
    if any(not 0 <= claimed[team] <= head for team, head in heads.items()):
        return "unknown_cursor"
    if sum(head - claimed[team] for team, head in heads.items()) > REPLAY_LIMIT:
        return "too_far_behind"
    return None


class Screen:
    """One socket's outgoing side. Answers and events wait in order in a bounded queue; of everything else only the
    newest waits, for it may be dropped for a newer one."""

    def __init__(self, *, name: str = "", queue_limit: int = QUEUE_LIMIT) -> None:
        self.name = name
        self.cursors: dict[int, int] = {}
        self._queue_limit = queue_limit
        self._events: deque[str] = deque()
        self._seen_on: dict[int, int] = {}
        self._readings: dict[ReadingKey, str] = {}
        self._heartbeat_at: datetime | None = None
        self._pong_at: datetime | None = None

    @property
    def is_waiting_for_hello(self) -> bool:
        return not self.cursors

    @property
    def room(self) -> int:
        return self._queue_limit - len(self._events)

    def resume(self, epoch: str, cursors: Mapping[int, int]) -> None:
        self._forget()
        self.cursors = dict(cursors)
        self._events.append(Resumed(type="resumed", epoch=epoch, cursors=self.cursors).model_dump_json())

    def reset(self, epoch: str, reason: ResetReason) -> None:
        self._forget()
        self.cursors = {}
        self._events.append(Reset(type="reset", epoch=epoch, reason=reason).model_dump_json())

    def _forget(self) -> None:
        self._events.clear()
        self._seen_on.clear()
        self._readings.clear()

    def log(self, event: LoggedEvent) -> None:
        at = self.cursors.get(event.team)
        if at is None or event.seq <= at:
            return
        if event.seq != at + 1:
            raise LogGapError(f"team {event.team}: {event.seq} came after {at}")
        if self.room <= 0:
            raise ScreenFullError
        self._events.append(event.text)
        self.cursors[event.team] = event.seq

    def readings(self, values: Mapping[ReadingKey, str]) -> None:
        self._readings.update(values)

    def seen_on(self, counts: Mapping[int, int]) -> None:
        self._seen_on.update(counts)

    def heartbeat(self, at: datetime) -> None:
        self._heartbeat_at = at

    def pong(self, at: datetime) -> None:
        self._pong_at = at

    def next(self) -> str | None:
        """The next message to send, the most urgent first; None when there is nothing."""
        if self._events:
            return self._events.popleft()
        if self._pong_at is not None:
            at, self._pong_at = self._pong_at, None
            return Pong(type="pong", at=at).model_dump_json()
        if self._heartbeat_at is not None:
            # Made only now, when every event up to these cursors has been sent: a heartbeat never runs ahead of them.
            at, self._heartbeat_at = self._heartbeat_at, None
            return Heartbeat(type="heartbeat", at=at, cursors=self.cursors).model_dump_json()
        if self._seen_on:
            alert, count = self._seen_on.popitem()
            return SeenOn(type="seen_on", alert=alert, seen_on=count).model_dump_json()
        if self._readings:
            return self._next_readings()
        return None

    def take(self, characters: int) -> list[str]:
        """The next messages, until they are so long together."""
        taken: list[str] = []
        while characters > 0 and (text := self.next()) is not None:
            taken.append(text)
            characters -= len(text)
        return taken

    def _next_readings(self) -> str:
        keys = list(self._readings)[:VALUES_PER_MESSAGE]
        values = ",".join(self._readings.pop(key) for key in keys)
        return f'{{"type":"readings","values":[{values}]}}'


class Feed:
    """One team's events and newest values, and the screens that follow them. It stands at `head`."""

    def __init__(self, *, team: int, head: int) -> None:
        self.team = team
        self.head = head
        self.batch = -1
        """the newest batch that the values are from; -1: not read yet"""
        self.screens: set[Screen] = set()
        self.values: dict[ReadingKey, str] = {}

    def join(self, screen: Screen) -> bool:
        """False while the screen is behind: it reads the log up to `head` first, and then asks again.

        A screen that is ahead has read rows that the feed has yet to read, and will ignore them."""
        if screen.cursors[self.team] < self.head:
            return False
        self.screens.add(screen)
        screen.readings(self.values)
        return True

    def leave(self, screen: Screen) -> None:
        self.screens.discard(screen)

    def log(self, events: Iterable[LoggedEvent]) -> set[Screen]:
        """Hand the events to every screen; those that cannot take them leave, and are returned to be closed."""
        fallen: set[Screen] = set()
        for event in events:
            if event.seq <= self.head:
                continue
            for screen in self.screens - fallen:
                try:
                    screen.log(event)
                except (ScreenFullError, LogGapError):
                    fallen.add(screen)
            self.head = event.seq
        self.screens -= fallen
        return fallen

    def replace_values(self, values: Mapping[ReadingKey, str]) -> None:
        """All values of the team's patients: those that are gone from it are forgotten."""
        changed = {key: text for key, text in values.items() if self.values.get(key) != text}
        self.values = dict(values)
        self._spread(changed)

    def update_values(self, values: Mapping[ReadingKey, str]) -> None:
        self.values.update(values)
        self._spread(values)

    def seen_on(self, counts: Mapping[int, int]) -> None:
        for screen in self.screens:
            screen.seen_on(counts)

    def _spread(self, values: Mapping[ReadingKey, str]) -> None:
        if values:
            for screen in self.screens:
                screen.readings(values)
