"""Up to when a home has been heard: what a silent gateway would have said is not known, and is not nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

BACKLOG: Final = 20  # rows that a gateway may still hold and be up to date: what is on its way just now
GIVEN_UP_AFTER: Final = timedelta(hours=24)  # beside another one that is heard; its own alert stands [proposal]


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayHeard:
    """`waiting`: rows that it had not delivered yet."""

    is_online: bool
    at: datetime
    waiting: int


def heard_until(gateways: Iterable[GatewayHeard], now: datetime) -> datetime | None:
    """By all gateways of a home that ever spoke; None: one of them is silent, or has much to tell yet."""
    every = list(gateways)
    if any(each.is_online for each in every):
        every = [each for each in every if each.is_online or now - each.at < GIVEN_UP_AFTER]
    if not every or any(not each.is_online or each.waiting > BACKLOG for each in every):
        return None
    return min(now, *(each.at for each in every))
