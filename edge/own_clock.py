"""The machine's clocks, made one: `edge.core.own_time` says which to believe."""

import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from edge.core.own_time import OwnTime

TIME_ERROR: Final = 5  # adjtimex(2): the clock is not synchronised
TIMEX_BYTES: Final = 512  # struct timex has 208
ASK_AGAIN_S: Final = 1.0

_C: Final = ctypes.CDLL(None)

Jumped = Callable[[timedelta, datetime], None]


class SystemClock:
    """One thread only. What `on_jump` takes is called inside `now`, before anybody sees the new time."""

    def __init__(self) -> None:
        self._time = OwnTime(_wall(), _running())
        self._jumped: list[Jumped] = []
        self._synchronised, self._asked_s = False, -ASK_AGAIN_S

    @property
    def began_at(self) -> datetime:
        """When this run began, by the clock as it is now believed."""
        return self._time.began_at

    def learn(self, not_before: datetime) -> None:
        """Before anything is taken: the newest time in the outbox."""
        self._time.learn(not_before, _wall(), _running())

    def hear(self, server_at: datetime) -> None:
        self._time.hear(server_at, _running())

    def on_jump(self, jumped: Jumped) -> None:
        """`jumped(by, since)`: the clock was wrong by so much, and so is what was taken in this run. `since`: when that
        began, by the clock as it was."""
        self._jumped.append(jumped)

    def now(self) -> datetime:
        at, by = self._time.read(_wall(), self._is_synchronised(), _running())
        if by:
            for jumped in self._jumped:
                jumped(by, self._time.began_at - by)
        return at

    def is_set(self) -> bool:
        self.now()
        return self._time.is_set

    def is_wrong(self) -> bool:
        """The machine's own clock, that is; `now` may be right."""
        self.now()
        return self._time.contradicts(_wall())

    def monotonic_s(self) -> float:
        return time.monotonic()

    def _is_synchronised(self) -> bool:
        if time.monotonic() - self._asked_s >= ASK_AGAIN_S:
            self._asked_s = time.monotonic()
            answer = _C.adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
            self._synchronised = 0 <= answer < TIME_ERROR
        return self._synchronised


def _wall() -> datetime:
    return datetime.now(UTC)


def _running() -> timedelta:
    return timedelta(seconds=time.clock_gettime(time.CLOCK_BOOTTIME))
