"""Gateways that fall silent together have one cause, and are one alert: nobody who lost cover with it is forgotten.

What a gateway says does not name the operator of its line. It is registered with the gateway where somebody knows it,
and gateways of one line are judged together; those of which nobody knows it are a line of their own."""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server.alerts.changes import changed
from server.alerts.findings import Outage
from server.alerts.lifecycle import Happening
from server.alerts.model import Action, Alert, Change, State, Subject

TOGETHER: Final = timedelta(minutes=5)  # last heard of within this of one another [proposal]
MANY: Final = 5  # of one line: one cause however many gateways it has [proposal]
FEW: Final = 3  # where that is half of them [proposal]
UNKNOWN_LINE: Final = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Silent:
    """A gateway. `covers`: it would tell of a fall or an SOS."""

    gateway: int
    line: str = UNKNOWN_LINE
    heard_at: datetime
    covers: bool = False


def joins(
    new: Iterable[Silent], alone: Iterable[Silent], standing: Iterable[Silent], of: Mapping[str, int]
) -> dict[str, tuple[Silent, ...]]:
    """Of one team, by line: which of the newly silent are an outage or belong to one that stands. With them go those
    that were silent first and have an alert of their own (`alone`). `standing`: whose silence an open outage has told;
    `of`: how many gateways each line has. Who is not in the answer is told alone."""
    earlier, told_of = _by_line(alone), _by_line(standing)
    found = {
        line: _joins(fresh, earlier.get(line, ()), told_of.get(line, ()), of.get(line, 0))
        for line, fresh in _by_line(new).items()
    }
    return {line: joining for line, joining in found.items() if joining}


def _by_line(silent: Iterable[Silent]) -> Mapping[str, Sequence[Silent]]:
    lines = defaultdict[str, list[Silent]](list)
    for each in silent:
        lines[each.line].append(each)
    return lines


def _joins(fresh: Sequence[Silent], alone: Sequence[Silent], told_of: Sequence[Silent], of: int) -> tuple[Silent, ...]:
    known = sorted(each.heard_at for each in told_of)
    waiting = sorted([*fresh, *alone], key=lambda each: each.heard_at)
    times = [each.heard_at for each in waiting]
    joining: set[int] = set()
    for each in fresh:
        near = waiting[bisect_left(times, each.heard_at - TOGETHER) : bisect_right(times, each.heard_at + TOGETHER)]
        if _is_near(known, each.heard_at) or is_one_cause(len(near), of):
            joining.update(other.gateway for other in near)
    return tuple(each for each in waiting if each.gateway in joining)


def _is_near(known: Sequence[datetime], at: datetime) -> bool:
    return bisect_left(known, at - TOGETHER) < bisect_right(known, at + TOGETHER)


def is_one_cause(silent: int, of: int) -> bool:
    return silent >= MANY or (silent >= FEW and 2 * silent >= of)


def told(
    subject: Subject,
    line: str,
    members: Collection[Silent],
    of: int,
    *,
    lost_cover: bool = False,
    call_by: datetime | None = None,
) -> Outage:
    """`members`: all that are silent now; `lost_cover`: some of them were not among them before, and cover somebody."""
    return Outage(
        subject=subject,
        at=max(each.heard_at for each in members),
        began=min(each.heard_at for each in members),
        line=line or None,
        gateways=len(members),
        of=of,
        covering=sum(each.covers for each in members),
        lost_cover=lost_cover,
        call_by=call_by,
    )


def can_join(alert: Alert) -> bool:
    """An alert about one gateway that nobody has and nobody was called about yet; the others go on by themselves."""
    return alert.state is State.RAISED and alert.owner is None and alert.step == 0


def joined(alert: Alert, now: datetime) -> Change:
    """What was told of one gateway is told of all of them from now on."""
    return changed(alert, Happening.FAULT_OVER, Action.GROUPED, now)
