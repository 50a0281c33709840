"""What a home's quiet sensors say together: events and passing time in, findings and what is awaited out.

The state is a fold over the home's events in the order in which they happened, so it does not matter in which batches
they came. One that comes out of order is put in its place: the fold begins again where an earlier day ended
(`needs_history`), and what is still older changes nothing.

Conditions that need time (`home_awaited`) are found when their moment has passed and the home still is so, by what
everything in it had said by then. While a gateway of the home is silent, or has a backlog, nothing is known after the
moment until which it was heard: what is due later waits, and the alert about the gateway tells of the silence. So a
backlog raises what still holds, with the time at which it began. What came and went within it is shown as having been
if it may have been somebody on the floor (inactive, bed empty), and else is not shown."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Final

from server.detection import home_rules
from server.detection.findings import Evidence
from server.detection.home_awaited import BED_EMPTY, DOOR_OPEN, INACTIVE, OUT, HomeSensors, awaited
from server.detection.home_rules import HomeRule, HomeRules
from server.detection.home_state import (
    UNKNOWN,
    HomeEvent,
    HomeState,
    after,
    all_in_bed,
    day_of,
    in_order,
    walks_at_night,
)
from server.detection.home_usual import DAYS_KEPT, Line

WANDERING: Final = "wandering"
AWAY_STOPS: Final = frozenset({INACTIVE, OUT, BED_EMPTY})
BLIND_STOPS: Final = frozenset({INACTIVE, OUT})
MAY_LIE_THERE: Final = (INACTIVE, BED_EMPTY)
LOOK_BACK: Final = timedelta(days=2)
MINUTE: Final = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """A condition that somebody was told of and that is not over. `began`: what it began with."""

    began: datetime
    at: datetime
    red: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """What a home remembers. `older`, `newer`: how it was when the two newest finished days ended, by its clock.
    `days`: how silent it was on days before those. `told` and `due` by part."""

    older: HomeState = UNKNOWN
    newer: HomeState = UNKNOWN
    state: HomeState = UNKNOWN
    days: tuple[Line, ...] = ()
    told: Mapping[str, Told] = field(default_factory=dict)
    due: Mapping[str, datetime] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeFinding:
    """`late`: it was so, and is over."""

    rule: str
    red: bool
    began: datetime
    at: datetime
    late: bool
    evidence: Evidence


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeOver:
    rule: str
    at: datetime


Found = HomeFinding | HomeOver


@dataclass(frozen=True, kw_only=True, slots=True)
class Looked:
    memory: Memory
    findings: tuple[Found, ...] = ()


def needs_history(memory: Memory, events: Sequence[HomeEvent]) -> datetime | None:
    """Events that are out of order: all events of the home after this instant are needed to place them."""
    until = memory.state.until
    earliest = min((event.at for event in events), default=None)
    if until is None or earliest is None or earliest > until:
        return None
    return _base(memory, earliest).until or until - LOOK_BACK


def kept_since(memory: Memory) -> datetime | None:
    """All events after this instant are needed to go through the past once more; None: nothing is known."""
    until = memory.state.until
    return None if until is None else memory.older.until or until - LOOK_BACK


def take(
    memory: Memory,
    events: Sequence[HomeEvent],
    rules: HomeRules,
    sensors: HomeSensors,
    history: Sequence[HomeEvent] = (),
) -> Looked:
    """`history`: as `needs_history` asked for, these events among it."""
    findings: list[Found] = []
    since = memory.state.until
    if since is not None and needs_history(memory, events) is not None:
        earliest = min(event.at for event in events)
        past = [event for event in history if event.at <= since]
        memory, over = _placed(memory, _base(memory, earliest), past, rules)
        findings += over
        events = [event for event in events if event.at > since]
    for event in in_order(events):
        memory, found = _one(memory, event, rules, sensors)
        findings += found
    return Looked(memory=_awaiting(memory, rules, sensors), findings=tuple(findings))


def again(memory: Memory, history: Sequence[HomeEvent], rules: HomeRules, sensors: HomeSensors) -> Looked:
    """The rules are others, or an event turned out to be another home's. `history`: all that `kept_since` asks for."""
    memory, over = _placed(memory, memory.older, history, rules)
    return Looked(memory=_awaiting(memory, rules, sensors), findings=tuple(over))


def look(
    memory: Memory,
    rules: HomeRules,
    sensors: HomeSensors,
    heard_until: datetime | None,
    *,
    waits: Collection[str] = (),
    numbers: Mapping[str, float] = MappingProxyType({}),
) -> Looked:
    """Time has passed. `heard_until`: what the home said up to then is here; None: a gateway of it is silent.

    `waits`: what cannot be said now, because everybody is known to be away (`AWAY_STOPS`), every motion sensor is
    silent (`BLIND_STOPS`), or a bed's sensor is (its part alone). `numbers`: what else a silence's evidence says."""
    findings: list[Found] = []
    told = dict(memory.told)
    for part, due in sorted(awaiting(memory, rules, sensors).items(), key=lambda item: item[1]):
        if heard_until is None or due > heard_until or waits_for(part, waits):
            continue
        is_red = part in told or _is_red_by_now(part, due, heard_until, rules)
        found = _found(part, memory, rules, due, red=is_red, numbers=numbers)
        findings.append(found)
        told[part] = Told(began=found.began, at=due, red=is_red)
    return Looked(memory=_awaiting(replace(memory, told=told), rules, sensors), findings=tuple(findings))


def awaiting(memory: Memory, rules: HomeRules, sensors: HomeSensors) -> dict[str, datetime]:
    """What is awaited and was not told yet; of what is told as yellow, when it is red."""
    found = {}
    for part, due in awaited(memory.state, memory.days, rules, sensors).items():
        told = memory.told.get(part)
        if told is None:
            found[part] = due
        elif part == INACTIVE and not told.red:
            found[part] = told.at + timedelta(minutes=rules.inactive.red_after_min)
    return found


def kind_of(part: str) -> str:
    """inactive, out, door_open, bed_empty, wandering."""
    return part.partition(":")[0]


def waits_for(part: str, waits: Collection[str]) -> bool:
    return part in waits or kind_of(part) in waits


def _awaiting(memory: Memory, rules: HomeRules, sensors: HomeSensors) -> Memory:
    return replace(memory, due=awaiting(memory, rules, sensors))


def _base(memory: Memory, earliest: datetime) -> HomeState:
    """The newest state that what happened then cannot have touched; else the oldest there is."""
    until = memory.newer.until
    return memory.newer if until is not None and until < earliest else memory.older


def _placed(
    memory: Memory, base: HomeState, history: Sequence[HomeEvent], rules: HomeRules
) -> tuple[Memory, list[HomeOver]]:
    """The past as it is known now. It ends what was told; it raises nothing as if it were now."""
    memory = replace(memory, newer=memory.older, state=base)
    for event in in_order(history):
        if base.until is None or event.at > base.until:
            memory = _moved(memory, event, rules)
    at = memory.state.until
    return (memory, []) if at is None else _ended(memory, at, rules)


def _one(memory: Memory, event: HomeEvent, rules: HomeRules, sensors: HomeSensors) -> tuple[Memory, list[Found]]:
    before = awaiting(memory, rules, sensors) if event.late else {}
    moved = _moved(memory, event, rules)
    found: list[Found] = []
    if event.late:
        still = awaiting(moved, rules, sensors)
        for part, due in before.items():
            if (
                kind_of(part) in MAY_LIE_THERE
                and part not in memory.told
                and due <= event.at
                and still.get(part) != due
            ):
                has_been = _found(part, memory, rules, due, red=False, late=True)
                found += [has_been, HomeOver(rule=has_been.rule, at=event.at)]
    moved, walked = _wandering(moved, event, rules)
    moved, over = _ended(moved, event.at, rules)
    return moved, [*found, *walked, *over]


def _moved(memory: Memory, event: HomeEvent, rules: HomeRules) -> Memory:
    """The state after the event; with the first of a new day, the day before it is kept as it ended."""
    until = memory.state.until
    if until is not None and day_of(event.at) != day_of(until):
        memory = _day_ended(memory)
    return replace(memory, state=after(memory.state, event, rules))


def _day_ended(memory: Memory) -> Memory:
    """The day before the one that ended is settled: nothing that still comes is put into it."""
    settled = memory.newer.lines
    last = max((line.day for line in settled), default=None)
    return replace(
        memory,
        older=replace(memory.newer, lines=()),
        newer=_without(memory.state, last),
        state=_without(memory.state, last),
        days=(*memory.days, *settled)[-DAYS_KEPT:],
    )


def _without(state: HomeState, last: date | None) -> HomeState:
    if last is None:
        return state
    return replace(state, lines=tuple(line for line in state.lines if line.day > last))


def _wandering(memory: Memory, event: HomeEvent, rules: HomeRules) -> tuple[Memory, list[Found]]:
    """Who goes on walking is told of again after as many steps more."""
    before = memory.told.get(WANDERING)
    steps = [step for step in memory.state.steps if before is None or step.at > before.at]
    if not rules.wandering.enabled or len(steps) < rules.wandering.events or steps[-1].at != event.at:
        return memory, []
    evidence = Evidence(
        place=", ".join(dict.fromkeys(step.place for step in steps if step.place)) or None,
        since=event.at,
        from_at=steps[0].at,
        rules=(home_rules.WANDERING,),
        numbers={"steps": len(steps), "within_min": rules.wandering.within_min},
        reference=_sources(rules.wandering),
    )
    began = steps[0].at
    found = HomeFinding(
        rule=home_rules.WANDERING, red=False, began=began, at=event.at, late=event.late, evidence=evidence
    )
    told = {**memory.told, WANDERING: Told(began=began, at=event.at)}
    return replace(memory, told=told), [found]


def _ended(memory: Memory, at: datetime, rules: HomeRules) -> tuple[Memory, list[HomeOver]]:
    """Only a sign of life, a closed door, a bed that is in use end anything; no sensor's silence does."""
    told = {part: each for part, each in memory.told.items() if not _is_over(part, each, memory.state, at, rules)}
    gone = sorted({kind_of(part) for part in memory.told} - {kind_of(part) for part in told})
    return replace(memory, told=told), [HomeOver(rule=f"home:{kind}", at=at) for kind in gone]


def _is_over(part: str, told: Told, state: HomeState, at: datetime, rules: HomeRules) -> bool:
    kind, _, device = part.partition(":")
    match kind:
        case "inactive":
            return state.life_at is not None and state.life_at > told.began
        case "out":
            return state.left_at is None
        case "door_open":
            return all(door.device != int(device) or door.since != told.began for door in state.doors)
        case "bed_empty":
            return any(bed.device == int(device) and bed.since > told.began for bed in state.beds)
    return not walks_at_night(at, rules) or all_in_bed(state.beds, at, rules)


def _is_red_by_now(part: str, due: datetime, heard_until: datetime, rules: HomeRules) -> bool:
    """Nobody could be told in time."""
    return part == INACTIVE and due + timedelta(minutes=rules.inactive.red_after_min) <= heard_until


def _found(
    part: str,
    memory: Memory,
    rules: HomeRules,
    due: datetime,
    *,
    red: bool,
    late: bool = False,
    numbers: Mapping[str, float] = MappingProxyType({}),
) -> HomeFinding:
    kind, _, device = part.partition(":")
    began, place = _beginning(kind, int(device or 0), memory.state)
    rule = _rule(kind, began, rules, due)
    said = {"limit_min": (due - began) / MINUTE}
    if kind == INACTIVE:
        said |= {"days_known": len(memory.days), **numbers}
    evidence = Evidence(
        place=place or None, since=began, from_at=began, rules=(rule.name,), numbers=said, reference=_sources(rule)
    )
    return HomeFinding(rule=f"home:{kind}", red=red, began=began, at=due, late=late, evidence=evidence)


def _beginning(kind: str, device: int, state: HomeState) -> tuple[datetime, str]:
    """Since when, and where."""
    match kind:
        case "door_open":
            door = next(door for door in state.doors if door.device == device)
            return door.since, door.place
        case "bed_empty":
            bed = state.bed(device)
            assert bed is not None
            return bed.since, home_rules.BED
        case "out":
            assert state.left_at is not None
            return state.left_at, home_rules.FRONT_DOOR
    assert state.life_at is not None
    return state.life_at, state.life_place


def _rule(kind: str, began: datetime, rules: HomeRules, due: datetime) -> HomeRule:
    if kind == OUT:
        by_day = rules.out.enabled and due >= began + timedelta(hours=rules.out.after_h)
        return rules.out if by_day else rules.out_night
    return {INACTIVE: rules.inactive, DOOR_OPEN: rules.door_open, BED_EMPTY: rules.bed_empty}[kind]


def _sources(rule: HomeRule) -> str:
    return "; ".join(str(reference) for reference in rule.references)
