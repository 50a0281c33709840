"""What came in by MQTT, as it came."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime


def _nobody_to_tell() -> None:
    """MQTT has no word for it: the broker learns when the connection ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """`acknowledge` tells the broker; it may be called from any thread, and later than the connection's end.
    `give_back`: somebody else shall have it."""

    topic: str
    payload: bytes
    received_at: datetime
    acknowledge: Callable[[], None]
    give_back: Callable[[], None] = _nobody_to_tell
