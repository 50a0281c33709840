"""How often somebody may try to sign in: a count per (login, address) in a sliding window, in bounded memory."""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from math import ceil
from typing import Final

TRIES: Final = 5
WINDOW: Final = timedelta(minutes=5)
KEYS_MAX: Final = 10_000

Key = tuple[str, str]
"""login, address"""


class Attempts:
    """When KEYS_MAX pairs are remembered, the one that tried longest ago is forgotten."""

    def __init__(self) -> None:
        self._tries: OrderedDict[Key, deque[datetime]] = OrderedDict()

    def retry_after_s(self, key: Key, now: datetime) -> int | None:
        """None: go on, and this try is counted. Else it is refused, and does not count."""
        tries = self._tries.setdefault(key, deque(maxlen=TRIES))
        self._tries.move_to_end(key)
        if len(self._tries) > KEYS_MAX:
            self._tries.popitem(last=False)
        while tries and now - tries[0] >= WINDOW:
            tries.popleft()
        if len(tries) >= TRIES:
            return ceil((tries[0] + WINDOW - now).total_seconds())
        tries.append(now)
        return None

    def succeeded(self, key: Key) -> None:
        self._tries.pop(key, None)
