"""Our own clock: what time it is, when the machine's own may stand in 1970 or hours back after a power cut.

Three things know the time: the wall clock of the machine, the server's receipt, and what the outbox saw last. Small
errors are walked off, so that time never goes back and never leaves a hole; a large one is a jump, and is told, for the
readings taken before it carry the error.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

NOT_BEFORE: Final = datetime(2026, 1, 1, tzinfo=UTC)  # this software is younger than that: an earlier clock is unset
AGREES: Final = timedelta(minutes=2)  # more than a receipt is ever under way; a larger error is a jump
WALKED_OFF: Final = 0.1  # of the time that passes
TOLD_FOR: Final = timedelta(hours=1)  # then a newer receipt counts, even one that took longer
STILL: Final = timedelta()


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """The server's time, and how long we ran then."""

    at: datetime
    running: timedelta

    def now(self, running: timedelta) -> datetime:
        return self.at + (running - self.running)


class OwnTime:
    """`running` is how long the machine runs: a clock that only goes forward, and also while it sleeps."""

    def __init__(self, wall: datetime, running: timedelta) -> None:
        self.is_set = False
        self._known = NOT_BEFORE
        self._told: _Told | None = None
        self._begin(wall, running)

    def _begin(self, wall: datetime, running: timedelta) -> None:
        self._at = self.began_at = max(wall, self._known)
        self._running = running

    def learn(self, known: datetime, wall: datetime, running: timedelta) -> None:
        """Before anything is taken: it is later than this."""
        self._known = max(known, NOT_BEFORE)
        self._begin(wall, running)

    def hear(self, server_at: datetime, running: timedelta) -> None:
        """A receipt was under way for a while, so of several the one that says the latest time is the nearest."""
        if server_at < NOT_BEFORE:
            return
        told = self._told
        if told is None or server_at >= told.now(running) or running - told.running > TOLD_FOR:
            self._told = _Told(at=server_at, running=running)

    def read(self, wall: datetime, is_synchronised: bool, running: timedelta) -> tuple[datetime, timedelta]:
        """The time, and by how much it jumped since the last one: readings taken in this run are wrong by that."""
        passed = max(running - self._running, STILL)
        guess = self._at + passed
        error = self._truth(wall, is_synchronised, running, guess) - guess
        self._running = max(running, self._running)
        if abs(error) > AGREES:
            self._at = guess + error
            self.began_at += error
            return self._at, error
        most = passed * WALKED_OFF
        self._at = guess + max(-most, min(most, error))
        return self._at, STILL

    def _truth(self, wall: datetime, is_synchronised: bool, running: timedelta, guess: datetime) -> datetime:
        """The server judges with its clock, so it has the last word; as long as it agrees, ours is the finer one."""
        if self._told is not None:
            self.is_set = True
            told = self._told.now(running)
            return wall if abs(wall - told) <= AGREES else told
        if is_synchronised and wall >= NOT_BEFORE:
            self.is_set = True
            return wall
        if self.is_set:  # once, and nobody vouches for a wall clock that has jumped since
            return wall if abs(wall - guess) <= AGREES else guess
        return wall if wall >= self._known else guess

    def contradicts(self, wall: datetime) -> bool:
        """The machine's own clock shows another time than this."""
        return abs(wall - self._at) > AGREES
