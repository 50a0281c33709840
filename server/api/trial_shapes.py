"""How a trial of the whole chain is told: what each hop took, by one clock. Pure."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Literal

from server.api import installation_schemas as shapes
from server.api.heard import ahead_s
from server.api.schemas import StaffMember
from server.store.installation_rows import TrialRow


def trial(row: TrialRow, staff: Mapping[int, StaffMember], now: datetime) -> shapes.Trial:
    hops = _hops(row)
    passed = all(each.at is not None for each in hops)
    started = hops[1].at or row.asked_at
    total = None if row.seen_at is None else _ms(_on_our_clock(row, started, hops[1].clock), row.seen_at)
    return shapes.Trial(
        id=row.id,
        home=row.home,
        gateway=row.gateway,
        sensor=None if row.device is None or row.slot is None else shapes.SensorRef(device=row.device, slot=row.slot),
        asked_at=row.asked_at,
        by=staff[row.staff],
        until=row.until_at,
        state="passed" if passed else "waits" if now < row.until_at else "failed",
        total_ms=total,
        screens=row.screens,
        alert=row.alert,
        hops=hops,
    )


def _hops(row: TrialRow) -> list[shapes.TrialHop]:
    first: shapes.Hop = "gateway" if row.device is None else "sensor"
    steps: list[tuple[shapes.Hop, datetime | None]] = [
        ("asked", row.asked_at),
        (first, row.made_at),
        ("broker", row.received_at),
        ("stored", row.stored_at),
        ("raised", row.raised_at),
        ("shown", row.seen_at),
    ]
    ours = [None if at is None else _on_our_clock(row, at, _clock_of(hop)) for hop, at in steps]
    took = [None, *(None if a is None or b is None else _ms(a, b) for a, b in pairwise(ours))]
    return [
        shapes.TrialHop(hop=hop, at=at, ms=ms, clock=_clock_of(hop)) for (hop, at), ms in zip(steps, took, strict=True)
    ]


def _clock_of(hop: shapes.Hop) -> Literal["server", "gateway"]:
    return "gateway" if hop in ("gateway", "sensor") else "server"


def _on_our_clock(row: TrialRow, at: datetime, clock: str) -> datetime | None:
    """The gateway's times less what its clock is ahead, the way of its word included. None: it has not said."""
    if clock == "server":
        return at
    ahead = ahead_s(row.said_ms, row.heard_at)
    return None if ahead is None else at - timedelta(seconds=ahead)


def _ms(begins: datetime | None, ends: datetime) -> int | None:
    """Clocks that disagree by less than the hop takes make no negative times."""
    return None if begins is None else max(0, round((ends - begins) / timedelta(milliseconds=1)))
