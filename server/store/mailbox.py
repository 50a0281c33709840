"""What waits to be filed: a bounded box between the network's thread, which opens messages, and a worker's."""

import threading
from collections import deque
from typing import Final

from server.store.intake import Opened, Parcel

WAITING_MAX: Final = 4096  # messages; the broker holds back a thousand that were not acknowledged
TAKEN_ROWS: Final = 10_000
TAKEN_MAX: Final = 500  # half of that thousand: the next arrive while these are filed


class Mailbox:
    """Full means: not taken in and not acknowledged. The gateway sends again what no receipt confirmed."""

    def __init__(self, waiting_max: int = WAITING_MAX) -> None:
        self._waiting: deque[Opened] = deque()
        self._changed = threading.Condition()
        self._waiting_max = waiting_max
        self._closed = False
        self.turned_away = 0

    def put(self, opened: Opened) -> bool:
        with self._changed:
            if self._closed or len(self._waiting) >= self._waiting_max:
                self.turned_away += 1
                return False
            self._waiting.append(opened)
            self._changed.notify()
            return True

    def take(self, limit_s: float) -> list[Opened]:
        """All that waits, up to about 10,000 readings; waits for the first. Empty: nothing came, or closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, limit_s)
            taken: list[Opened] = []
            rows = 0
            while self._waiting and len(taken) < TAKEN_MAX and rows < TAKEN_ROWS:
                taken.append(self._waiting.popleft())
                rows += _rows(taken[-1])
            return taken

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()


def _rows(opened: Opened) -> int:
    return len(opened.body.observations.seq) if isinstance(opened, Parcel) else 1
