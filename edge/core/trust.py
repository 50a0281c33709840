"""When a gateway asks for its next certificate, which of two it shows, and how patiently it waits to be accepted.

A certificate is renewed from two thirds of its life on. The old one is used until the new one has connected once. A
clock that nobody has set is never ahead of the time, so what it says is due is due; what it does not say is due is due
when the broker turns us away. Whether it is too late the server decides, for it knows the time."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from edge.core.schedule import back_off_s

LATE: Final = timedelta(days=30)  # the server renews a certificate that has ended so long ago, for a clock may be wrong


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """Of a certificate."""

    begins: datetime
    ends: datetime

    @property
    def renewed_from(self) -> datetime:
        return self.begins + (self.ends - self.begins) * 2 / 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """`spread_s`: a thousand gateways enrolled on one day, or one power cut, must not all ask in the same second."""

    spread_s: float = 600.0
    again_first_s: float = 60.0
    again_cap_s: float = 3600.0
    doubt_first_s: float = 5.0
    doubt_cap_s: float = 6 * 3600.0
    next_again_s: float = 3600.0


class Renewal:
    """`now_s`: a clock that only goes forward. `dice`: 0 to 1."""

    def __init__(self, life: Life, now_s: float, dice: float, patience: Patience | None = None) -> None:
        self._patience = patience or Patience()
        self._life = life
        self._not_before_s = now_s + dice * self._patience.spread_s
        self._failures = self._doubts = 0
        self._doubt_from_s = now_s
        self._is_doubted = self._is_wanted = False

    def is_due(self, now: datetime, now_s: float) -> bool:
        if self._is_doubted:
            return now_s >= self._doubt_from_s
        if self._is_wanted:
            return now_s >= self._not_before_s
        return now >= self._life.renewed_from and now_s >= self._not_before_s

    def doubted(self) -> None:
        """The broker turned our certificate away."""
        self._is_doubted = True

    def wanted(self, now_s: float) -> None:
        """Somebody asks for it, whatever its life; tried until there is one."""
        self._is_wanted, self._not_before_s = True, now_s

    def failed(self, now_s: float, dice: float) -> None:
        self._failures += 1
        wait_s = self._wait_s(self._failures, dice, self._patience.again_first_s, self._patience.again_cap_s)
        self._not_before_s = now_s + wait_s
        if self._is_doubted:
            self._put_off_doubt(now_s, dice)

    def issued(self, life: Life, now_s: float, dice: float) -> None:
        """Doubts count on until the new one has connected: a broker that trusts nobody must not get us a new one each
        minute."""
        self._life, self._failures, self._is_wanted = life, 0, False
        self._not_before_s = now_s + dice * self._patience.spread_s
        if self._is_doubted:
            self._is_doubted = False
            self._put_off_doubt(now_s, dice)

    def connected(self) -> None:
        self._is_doubted, self._doubts = False, 0

    def _put_off_doubt(self, now_s: float, dice: float) -> None:
        self._doubts += 1
        first_s, cap_s = self._patience.doubt_first_s, self._patience.doubt_cap_s
        self._doubt_from_s = now_s + self._wait_s(self._doubts, dice, first_s, cap_s)

    def _wait_s(self, failures: int, dice: float, first_s: float, cap_s: float) -> float:
        return back_off_s(failures - 1, dice, first_s=first_s, cap_s=cap_s)


class Choice:
    """Which certificate the next connection shows: the new one first, and each in its turn while both are refused."""

    def __init__(self, patience: Patience | None = None) -> None:
        self._again_s = (patience or Patience()).next_again_s
        self._next_from_s = 0.0
        self.shows_next = False

    def choose(self, has_next: bool, now_s: float) -> bool:
        """True: the next one."""
        self.shows_next = has_next and now_s >= self._next_from_s
        return self.shows_next

    def renewed(self) -> None:
        """There is a new one."""
        self._next_from_s = 0.0

    def came_to_nothing(self, now_s: float) -> None:
        """The connection never was up."""
        self._next_from_s = now_s + self._again_s if self.shows_next else 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class WaitingPace:
    first_s: float = 2.0
    cap_s: float = 300.0
    longest_s: float = 600.0  # whatever the server says: somebody stands beside us


class Waiting:
    """Between two questions of a gateway that wants to be accepted."""

    def __init__(self, pace: WaitingPace | None = None) -> None:
        self._pace = pace or WaitingPace()
        self._failures = 0

    def begin_s(self, dice: float) -> float:
        """Before the first question of a start that is not the first."""
        return dice * self._pace.first_s

    def told_s(self, again_s: float, dice: float) -> float:
        """The server answered: ask again in about so long."""
        self._failures = 0
        return min(again_s, self._pace.longest_s) * (0.9 + dice / 5)

    def unanswered_s(self, dice: float) -> float:
        self._failures += 1
        return back_off_s(self._failures - 1, dice, first_s=self._pace.first_s, cap_s=self._pace.cap_s)
