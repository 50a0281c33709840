"""What came in by MQTT and waits to be filed, in a bounded box between the network's thread and a worker's."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

WAITING_MAX: Final = 4096  # messages; the broker holds back a thousand that were not acknowledged
TAKEN_BYTES: Final = 120_000  # about 5,000 readings of a batch of 20
TAKEN_MAX: Final = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """`acknowledge` tells the broker; it may be called from any thread, and later than the connection's end."""

    topic: str
    payload: bytes
    received_at: datetime
    acknowledge: Callable[[], None]


class Mailbox:
    """Full means: not taken in and not acknowledged. The gateway sends again what no receipt confirmed."""

    def __init__(self, waiting_max: int = WAITING_MAX) -> None:
        self._waiting: deque[Arrival] = deque()
        self._changed = threading.Condition()
        self._waiting_max = waiting_max
        self._closed = False
        self.turned_away = 0

    def put(self, arrival: Arrival) -> bool:
        with self._changed:
            if self._closed or len(self._waiting) >= self._waiting_max:
                self.turned_away += 1
                return False
            self._waiting.append(arrival)
            self._changed.notify()
            return True

    def take(self, limit_s: float) -> list[Arrival]:
        """All that waits, up to about 5,000 readings; waits for the first. Empty: nothing came, or closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed, limit_s)
            taken: list[Arrival] = []
            size = 0
            while self._waiting and len(taken) < TAKEN_MAX and (not taken or size < TAKEN_BYTES):
                taken.append(self._waiting.popleft())
                size += len(taken[-1].payload)
            return taken

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify_all()
