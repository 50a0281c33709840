"""A limit that is to be tried, as a person writes it; and what came of it, as text and as plain values for JSON."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from datetime import datetime
from typing import Final

from devices.limits import Limit
from devices.vocabulary import KINDS, Kind
from server.alerts.model import Priority
from server.alerts.replay import Comparison, Raised, count
from server.errors import TryOutError

EDGES: Final = tuple(field.name for field in fields(Limit))
WRITTEN: Final = re.compile(
    rf"(?P<kind>\w+):(?P<edge>{'|'.join(EDGES)})=(?P<number>none|[0-9]{{1,4}}(\.[0-9]{{1,3}})?)"
)

Edges = dict[str, float | None]


def read(written: Iterable[str]) -> dict[Kind, Edges]:
    """`spo2:red_low=86`, `none` for no such limit; the last word about an edge counts."""
    edges: defaultdict[Kind, Edges] = defaultdict(dict)
    for each in written:
        match = WRITTEN.fullmatch(each)
        if match is None:
            raise TryOutError(
                f"Write a limit as spo2:red_low=86 ({', '.join(EDGES)}; none for no limit), not {each!r}."
            )
        if match["kind"] not in KINDS:
            raise TryOutError(f"{match['kind']!r} is no kind of reading. There are {', '.join(KINDS)}.")
        edges[Kind(match["kind"])][match["edge"]] = None if match["number"] == "none" else float(match["number"])
    return dict(edges)


def changed(kind: Kind, limit: Limit | None, edges: Edges) -> Limit:
    """The limit that holds now, with these of its edges in the place of its own."""
    try:
        return replace(limit or Limit(), **edges)
    except ValueError:
        wanted = asdict(limit or Limit()) | edges
        raise TryOutError(
            f"The limits of {kind} would be {_edges(wanted)}: each must be above the one before."
        ) from None


def lines(found: Comparison) -> Iterator[str]:
    yield f"{found.readings:,} readings from {_time(found.from_at)} to {_time(found.to_at)} (UTC)"
    if found.thinned_until is not None:
        yield f"Before {_time(found.thinned_until)} streams are thinned to hours: what lay between is not tried."
    for each in found.limits:
        yield f"{each.kind}, {KINDS[each.kind].ucum}: now {_limit(each.now)}; then {_limit(each.then)}"
    yield "Now: the limits that hold today, over all these days. Each alert is taken as handled when it is over."
    yield f"now: {_counted(found.now)}; then: {_counted(found.then)}"
    yield from _listed("Would have been raised then", found.then)
    yield from _listed("Raised with the limits of now, and not then", found.gone)
    yield from _listed("Raised then, and not with the limits of now", found.new)


def plain(found: Comparison) -> dict[str, object]:
    return {
        "from_at": found.from_at.isoformat(),
        "to_at": found.to_at.isoformat(),
        "readings": found.readings,
        "thinned_until": None if found.thinned_until is None else found.thinned_until.isoformat(),
        "limits": [
            {
                "kind": str(each.kind),
                "unit": KINDS[each.kind].ucum,
                "now": None if each.now is None else asdict(each.now),
                "then": None if each.then is None else asdict(each.then),
            }
            for each in found.limits
        ],
        "counted": {"now": _numbers(found.now), "then": _numbers(found.then)},
        **{name: [_alert(each) for each in getattr(found, name)] for name in ("now", "then", "gone", "new")},
    }


def _listed(title: str, raised: Sequence[Raised]) -> Iterator[str]:
    yield f"{title}: {len(raised) or 'none'}"
    for each in raised:
        until = "still there" if each.over_at is None else f"over {_time(each.over_at)}"
        value = "" if each.value is None else f"{each.value:.{KINDS[each.kind].decimals}f} {KINDS[each.kind].ucum}"
        late = ", told late" if each.late else ""
        yield f"  {_time(each.raised_at)}  {each.kind} {each.direction}  {each.priority}  {value}  {until}{late}"


def _alert(raised: Raised) -> dict[str, object]:
    return {
        "kind": str(raised.kind),
        "direction": raised.direction,
        "level": int(raised.level),
        "priority": str(raised.priority),
        "value": raised.value,
        "limit": raised.limit,
        "began_at": raised.began_at.isoformat(),
        "raised_at": raised.raised_at.isoformat(),
        "over_at": None if raised.over_at is None else raised.over_at.isoformat(),
        "late": raised.late,
    }


def _counted(raised: Sequence[Raised]) -> str:
    return ", ".join(f"{number} {priority}" for priority, number in _numbers(raised).items())


def _numbers(raised: Sequence[Raised]) -> dict[str, int]:
    found = count(raised)
    return {str(priority): found[priority] for priority in (Priority.YELLOW, Priority.RED)}


def _limit(limit: Limit | None) -> str:
    return "none" if limit is None else _edges(asdict(limit))


def _edges(edges: Edges) -> str:
    given = [f"{name}={edge:g}" for name, edge in edges.items() if edge is not None]
    return ", ".join(given) or "none"


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
