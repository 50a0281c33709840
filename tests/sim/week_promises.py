"""What must be true of a week, whatever the dice said. The numbers are those of CLINICAL.md and of the shipped chains,
written down here again by hand: not taken from the code that is tried."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import pairwise, takewhile
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from tests.sim.week import Week, played
from tests.sim.week_screens import Screen
from tests.sim.week_world import MONDAY, WEEK

OSLO: Final = ZoneInfo("Europe/Oslo")
RED_ALONE: Final = timedelta(minutes=5)  # a red alert that nobody has, from one call to the next
RED_SECOND: Final = timedelta(minutes=3)  # and the first time until the back-up is called
RED_UNLOGGED: Final = timedelta(minutes=15)  # that somebody has, and about which nothing is logged
YELLOW_ALONE: Final = timedelta(hours=1)  # within the service hours, 07 to 22
OPENS, CLOSES = time(7), time(22)
BUSY_WITH_IT: Final = timedelta(minutes=30)  # so long a reading outside is no news to who has the alert
IN_THE_QUEUE: Final = ("raised", "cleared")
HOURS: Final = ("quieted", "morning")
A_LOOK: Final = timedelta(seconds=1)
OVER: Final = MONDAY + WEEK
A_REAL_WEEK: Final = 1000  # findings; in a smaller one not everything happens
SHOWN: Final = 5  # broken promises of one kind

HISTORY: Final = """
select h.alert_id, h.rev, h.at, h.action, h.staff_id, h.detail, a.team_id, s.type, s.reference, a.rule,
       (select count(*) from alert_call c where c.alert_id = h.alert_id and c.rev = h.rev)
from alert_history h join alert a on a.id = h.alert_id join subject s on s.id = a.subject_id
order by h.alert_id, h.rev"""


LOG: Final = "select alert_id, (body ->> 'ring')::boolean from team_log where type = 'alert' order by team_id, seq"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """Of an alert's history."""

    at: datetime
    action: str
    state: str
    priority: str
    calls: int
    rings: bool
    staff: bool
    until: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Life:
    """Of an alert, line by line: the number of a line is the revision after it, less one."""

    id: int
    team: int
    key: tuple[str, str, str]
    lines: list[Line]


def broken(seed: int, folder: Path, *, findings: int) -> list[str]:
    with played(seed, folder, findings=findings) as week:
        lives = list(_lives(week))
        promises = (
            _played(week, lives, findings),
            _reached(week, lives),
            _answered_or_escalated(lives),
            _no_ring_by_itself(week, lives),
        )
        return [sentence for promise in promises for _, sentence in zip(range(SHOWN), promise, strict=False)]


def _lives(week: Week) -> Iterator[Life]:
    rows: defaultdict[int, list[tuple[Any, ...]]] = defaultdict(list)
    for row in week.ask(HISTORY):
        rows[row[0]].append(row)
    rings: defaultdict[int, list[bool]] = defaultdict(list)
    for alert, ring in week.ask(LOG):
        rings[alert].append(ring)
    for alert, of_alert in rows.items():
        *_, team, kind, reference, rule, _ = of_alert[0]
        lines = [
            Line(
                at=at,
                action=action,
                state=detail["state"],
                priority=detail["priority"],
                calls=calls,
                rings=any(rings[alert][place : place + 1]),
                staff=staff is not None,
                until=detail.get("until"),
            )
            for place, (_, _, at, action, staff, detail, *_, calls) in enumerate(of_alert)
        ]
        yield Life(id=alert, team=team, key=(kind, reference, rule), lines=lines)


def _played(week: Week, lives: list[Life], findings: int) -> Iterator[str]:
    """A week in which nothing happens proves nothing."""
    actions = {line.action for life in lives for line in life.lines}
    wanted = {"raised", "raised_again", "worse", "acknowledged", "handled", "escalated", "reminded", "returned"}
    wanted |= {"released", "assigned", "snoozed", "snooze_over", "called_again", "quieted", "morning", "handed_over"}
    if week.findings != findings or week.killed < findings // 500:
        yield f"{week.findings} findings were stored, and {week.killed} were killed at it"
    if (missing := wanted - actions) and findings >= A_REAL_WEEK:
        yield f"nothing was ever {sorted(missing)}"


def _reached(week: Week, lives: list[Life]) -> Iterator[str]:
    """Each change of each alert reached every screen of its team, once; none rang at a change that does not ring."""
    yield from week.behind
    for number, screen in enumerate(week.screens):
        yield from (f"screen {number}: {fault}" for fault in screen.faults)
        rings = rings_of(screen)
        if len(screen.boards) != 1:
            yield f"screen {number} had to take {len(screen.boards)} boards"
        for life in (life for life in lives if str(life.team) in screen.cursors):
            heard = rings.pop(life.id, [])
            if len(heard) != len(life.lines):
                yield f"screen {number}: {len(heard)} events of alert {life.id}, which changed {len(life.lines)} times"
            elif any(rang and not line.rings for rang, line in zip(heard, life.lines, strict=True)):
                yield f"screen {number} rang for alert {life.id} when nothing was to ring"
        if rings:
            yield f"screen {number} heard of alerts {sorted(rings)} of other teams"


def rings_of(screen: Screen) -> dict[int, list[bool]]:
    """Of each alert, change by change."""
    rings: defaultdict[int, list[bool]] = defaultdict(list)
    for _, alert, ring in screen.events:
        rings[alert].append(ring)
    return dict(rings)


# ---- answered, or on to the next one


def _answered_or_escalated(lives: list[Life]) -> Iterator[str]:
    for life in lives:
        for number, line in enumerate(life.lines):
            until = life.lines[number + 1].at if number + 1 < len(life.lines) else OVER
            longest = _longest(life.lines[: number + 1])
            if longest is not None and until > longest + A_LOOK:
                yield f"alert {life.id} {life.key} was left alone at {longest}, until {until}: {line}"
        yield from _second_person(life)


def _longest(so_far: list[Line]) -> datetime | None:
    """Until when something must have happened; None: nothing has to."""
    line = so_far[-1]
    if line.priority == "red" and line.state in IN_THE_QUEUE:
        return _since(so_far, lambda each: each.calls > 0, IN_THE_QUEUE) + RED_ALONE
    if line.priority == "red" and line.state == "acknowledged" and not _put_off(so_far):
        logged = _logged(so_far)
        reminded = [each.at for each in so_far if each.action == "reminded" and each.at > logged]
        return reminded[-1] + RED_ALONE if reminded else logged + RED_UNLOGGED
    if line.priority == "yellow" and line.state == "raised":
        return _within_hours(_since(so_far, lambda each: each.calls > 0 or each.action in HOURS, ("raised",)))
    return None


def _since(so_far: list[Line], counts: Callable[[Line], bool], states: tuple[str, ...]) -> datetime:
    """The last line of this stay in these states that counts, or else the first one."""
    stay = list(takewhile(lambda each: each.state in states, reversed(so_far)))
    return next((each for each in stay if counts(each)), stay[-1]).at


def _logged(so_far: list[Line]) -> datetime:
    """By a person, while somebody has it; taking it is so, too."""
    return _since(so_far, lambda each: each.staff, ("acknowledged",))


def _put_off(so_far: list[Line]) -> bool:
    stay = takewhile(lambda each: each.state == "acknowledged", reversed(so_far))
    return next((each.action for each in stay if each.action.startswith("snooze")), "") == "snoozed"


def _within_hours(at: datetime) -> datetime:
    """An hour later, or an hour after the next morning's opening."""
    here = at.astimezone(OSLO)
    if here.time() >= OPENS and here + YELLOW_ALONE < datetime.combine(here.date(), CLOSES, OSLO):
        return at + YELLOW_ALONE
    day = here.date() if here.time() < OPENS else here.date() + timedelta(days=1)
    return datetime.combine(day, OPENS, OSLO) + YELLOW_ALONE


def _second_person(life: Life) -> Iterator[str]:
    """A red alert calls somebody at once, and somebody else when nobody has done anything for three minutes."""
    for number, line in enumerate(life.lines):
        if line.priority != "red" or line.action != "raised":
            continue
        if not line.calls:
            yield f"alert {life.id} {life.key} was raised red and called nobody"
        soon = [each for each in life.lines[number + 1 :] if each.at <= line.at + RED_SECOND + A_LOOK]
        if line.calls < 2 and not any(each.calls or each.staff for each in soon) and line.at + RED_SECOND < OVER:
            yield f"alert {life.id} {life.key} was raised red at {line.at} and nobody else was called"


# ---- what somebody has does not ring by itself


def _no_ring_by_itself(week: Week, lives: list[Life]) -> Iterator[str]:
    for life in lives:
        for number, (before, line) in enumerate(pairwise(life.lines), 1):
            if before.state == "acknowledged" and (line.rings or line.calls) and not _has_cause(week, life, number):
                yield f"alert {life.id} {life.key} rang at {line.at} though somebody had it: {line}"


def _has_cause(week: Week, life: Life, number: int) -> bool:
    line = life.lines[number]
    match line.action:
        case "worse" | "called_again" | "pressed_again":
            return line.at in week.found[life.key]
        case "raised_again":
            of_a_limit = life.key[2].startswith("limit:")
            busy = of_a_limit and line.at - _taken(life.lines[:number]) < BUSY_WITH_IT
            return line.at in week.found[life.key] and (not busy or _is_so_now(week, life, number))
        case "released" | "assigned" | "snooze_ended":
            return any(at == line.at and action == line.action for at, action in week.done[life.id])
        case "handed_over":
            return line.at in week.shifts
        case "reminded":
            return line.at - _logged(life.lines[:number]) >= RED_UNLOGGED
        case "returned":
            reminded = [each.at for each in life.lines[:number] if each.action == "reminded"]
            return line.at - RED_ALONE >= max(reminded, default=line.at) > _logged(life.lines[:number])
        case "not_measured":
            return any(each.action == "measurement_asked" for each in life.lines[:number])
        case "snooze_over":
            return any(each.until and datetime.fromisoformat(each.until) <= line.at for each in life.lines[:number])
    return False


def _is_so_now(week: Week, life: Life, number: int) -> bool:
    """Who has it knew only that it had been."""
    found = week.found[life.key]
    told = [line.at for line in life.lines[:number] if line.action in ("raised", "worse", "raised_again")]
    return True in found[told[-1]] and False in found[life.lines[number].at]


def _taken(so_far: list[Line]) -> datetime:
    """When whoever has it took it."""
    return next(each.at for each in reversed(so_far) if each.action in ("acknowledged", "snoozed", "assigned"))
