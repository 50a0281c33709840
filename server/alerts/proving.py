"""When each gateway tries the way of its alarms: once a day, all of them spread over it."""

import hashlib
from datetime import date, datetime, timedelta
from typing import Final

from server.clinical.here import HERE

MINUTES: Final = 24 * 60
ANSWER_WITHIN: Final = timedelta(minutes=15)  # longer than the command is repeated [proposal]
SEEN_WITHIN: Final = timedelta(minutes=1)  # a screen that gets it later was not listening


def day_of(now: datetime) -> date:
    return now.astimezone(HERE).date()


def minute_of_day(gateway: str) -> int:
    """Its own, the same every day."""
    return int.from_bytes(hashlib.sha256(gateway.encode()).digest()[:8], "big") % MINUTES


def is_time(gateway: str, now: datetime) -> bool:
    """Its minute of today has come; who was away then is asked when it is back."""
    here = now.astimezone(HERE)
    return here.hour * 60 + here.minute >= minute_of_day(gateway)
