"""When silence counts: how long after its last sign of life a gateway is overdue."""

from datetime import datetime, timedelta
from typing import Final

BEATS_MISSED: Final = 2.5
FIRST_WORD_WITHIN: Final = timedelta(hours=1)  # of its enrolment: time to carry it home and plug it in [proposal]
SHORTEST_S: Final = 10.0  # a gateway that promises to beat every second is not silent after a hiccup of three


def gateway_due_at(heard_at: datetime, every_s: float) -> datetime:
    """`every_s`: the heartbeat that the gateway promised in its status."""
    return heard_at + timedelta(seconds=max(BEATS_MISSED * every_s, SHORTEST_S))
