"""What came in by MQTT, as it came."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """`acknowledge` tells the broker; it may be called from any thread, and later than the connection's end."""

    topic: str
    payload: bytes
    received_at: datetime
    acknowledge: Callable[[], None]
