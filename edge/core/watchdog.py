"""One adapter's scanning dies while everything looks healthy. What to do about silence, and when to say so.

Silence is the age of the last advertisement; with a canary, of the canary's. Restart the scan, twice; then switch the
adapter off and on; then tell a technician and try ever more rarely. Where nothing need be on the air (a lonely house
with meters that sleep), silence is no fault: the scan is only restarted.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from edge.core.schedule import back_off_s

RESTARTS: Final = 2
STARTS_THAT_FAIL: Final = 3  # in a row, then the adapter is switched off and on
START_AGAIN_S: Final = (1.0, 60.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """`silent_s`: how long nothing may be heard. `longest_s`: between two tries when nothing helped."""

    silent_s: float = 120.0
    longest_s: float = 3600.0


class Step(Enum):
    RESTART_SCAN = auto()
    POWER_CYCLE = auto()


class Watchdog:
    """`has_canary`: an advertiser that is always there. `is_expected`: some device should be heard all the time."""

    def __init__(self, patience: Patience, *, has_canary: bool, is_expected: bool, now_s: float) -> None:
        self.is_expected = is_expected
        self._patience, self._has_canary = patience, has_canary
        self._heard_s = self._since_s = now_s
        self._has_heard = False
        self._tries = 0
        self._failed_starts = 0

    def heard(self, now_s: float, *, is_canary: bool) -> bool:
        """True: this ends a silence that was acted upon."""
        if self._has_canary and not is_canary:
            return False
        was_silent, self._tries = self._tries > 0, 0
        self._heard_s = self._since_s = now_s
        self._has_heard = True
        return was_silent

    def scanning(self, now_s: float) -> None:
        """A scan has started."""
        self._failed_starts = 0
        self._since_s = now_s

    def is_failing(self) -> bool:
        """Scans cannot be started; once is usual when bluetoothd has just begun."""
        return self._failed_starts > 1

    def not_scanning(self, jitter: float) -> tuple[Step, float]:
        """A scan could not be started: what to do, and how long to wait before."""
        self._failed_starts += 1
        first_s, cap_s = START_AGAIN_S
        wait_s = back_off_s(self._failed_starts, jitter, first_s=first_s, cap_s=cap_s)
        is_time = self._failed_starts % STARTS_THAT_FAIL == 0
        return (Step.POWER_CYCLE if is_time else Step.RESTART_SCAN), wait_s

    def due_s(self) -> float:
        """When to ask `step` again."""
        more = max(0, self._tries - RESTARTS)
        return self._since_s + min(self._patience.silent_s * 2.0 ** min(more, 16), self._patience.longest_s)

    def step(self, now_s: float, *, has_links: bool) -> Step | None:
        """None: it was heard meanwhile. Links that work are not cut for a silence that may be theirs: a device with a
        link does not advertise."""
        if now_s < self.due_s():
            return None
        self._tries += 1
        self._since_s = now_s
        if self._tries <= RESTARTS or (has_links and not self._has_canary) or not self._is_suspicious():
            return Step.RESTART_SCAN
        return Step.POWER_CYCLE

    def trouble(self, now_s: float, *, has_links: bool) -> str | None:
        """For a technician; None while there is still something to try, or silence is no wonder."""
        if self._tries <= RESTARTS + 1 or not self._is_suspicious() or (has_links and not self._has_canary):
            return None
        minutes = (now_s - self._heard_s) / 60
        what = "the canary" if self._has_canary else "anything"
        return (
            f"has not heard {what} for {minutes:.0f} minutes, also after it was switched off and on: "
            "plug the adapter out and in, or replace it"
            + ("; is the canary's battery good?" if self._has_canary else "")
        )

    def _is_suspicious(self) -> bool:
        return self._has_canary or self._has_heard or self.is_expected
