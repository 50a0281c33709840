"""What a home is like, as one event after the other tells it: who is in bed, which door stands open, who may be out,
and the last sign of life. A fold over events in the order in which they happened; nothing here knows what time it is.

What it cannot know. Several people are one: who walks about hides who lies on the floor, except that every bed must be
in use before all are in bed. A pet that a motion sensor sees, a cleaner or a visitor is a sign of life, and whoever
goes out makes those who stay behind be out, too, until they move. Who comes in and then sits still is out until seen.
A window is not a way out: only the device whose place is "front door" is."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final

from devices.vocabulary import EventType
from server.clinical.here import HERE
from server.detection import home_usual
from server.detection.home_rules import BED, FRONT_DOOR, NO_STEP, HomeRules
from server.detection.home_usual import Line

STEPS_MAX: Final = 20  # as many as a rule can ask for
LEARNABLE: Final = timedelta(hours=24)  # a longer silence was an outage, not a habit
# Somebody did something. Calls for help are alerts of their own, and wait for no home.
USAGE: Final = frozenset({EventType.MOTION, EventType.VIBRATION, EventType.DOSE_TAKEN})
HOME_EVENTS: Final = USAGE | {EventType.DOOR_OPENED, EventType.DOOR_CLOSED, EventType.OCCUPIED, EventType.VACANT}


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeEvent:
    """`place`: where the device was bound to. `late`: it came out of a backlog."""

    type: EventType
    device: int
    place: str
    at: datetime
    late: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenDoor:
    device: int
    place: str
    since: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Bed:
    """`left`: somebody was in it before it was empty; a mat that says "empty" as its first word says no more."""

    device: int
    occupied: bool
    since: datetime
    left: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    place: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeState:
    """`until`: the newest event. `left_at`: the front door was the last that moved, and when: after some silence that
    is out. `lines`: the silences of days that are not settled yet."""

    until: datetime | None = None
    life_at: datetime | None = None
    life_place: str = ""
    left_at: datetime | None = None
    doors: tuple[OpenDoor, ...] = ()
    beds: tuple[Bed, ...] = ()
    steps: tuple[Step, ...] = ()
    lines: tuple[Line, ...] = ()

    def bed(self, device: int) -> Bed | None:
        return next((bed for bed in self.beds if bed.device == device), None)


UNKNOWN: Final = HomeState()


def in_order(events: Iterable[HomeEvent]) -> list[HomeEvent]:
    return sorted(events, key=lambda event: (event.at, event.type, event.device))


def after(state: HomeState, event: HomeEvent, rules: HomeRules) -> HomeState:
    """`event` is not older than the state."""
    if event.type not in HOME_EVENTS:
        return state
    is_life = _is_life(state, event)
    beds = _beds(state, event)
    back_in_bed = beds != state.beds and all_in_bed(beds, event.at, rules)
    steps = () if back_in_bed else _steps(state, event, rules)
    moved = replace(state, until=event.at, doors=_doors(state, event), beds=beds, steps=steps)
    return _lived(moved, state, event, rules) if is_life else moved


def all_in_bed(beds: Iterable[Bed], at: datetime, rules: HomeRules) -> bool:
    """Beyond what the rule allows nobody is taken to be in bed: it may be the mat."""
    longest = timedelta(hours=rules.inactive.in_bed_h)
    found = tuple(beds)
    return bool(found) and all(bed.occupied and at - bed.since <= longest for bed in found)


def day_of(at: datetime) -> date:
    return at.astimezone(HERE).date()


def walks_at_night(at: datetime, rules: HomeRules) -> bool:
    """Whether steps count now."""
    begun = at - timedelta(minutes=rules.wandering.begins_after_min)
    return rules.night.holds(at) and rules.night.holds(begun)


def _is_life(state: HomeState, event: HomeEvent) -> bool:
    """A sensor that repeats what is known, or says its first word, has seen nobody."""
    match event.type:
        case EventType.DOOR_OPENED:
            return not _is_open(state, event.device)
        case EventType.DOOR_CLOSED:
            return _is_open(state, event.device)
        case EventType.OCCUPIED if event.place == BED:
            bed = state.bed(event.device)
            return bed is None or not bed.occupied
        case EventType.VACANT if event.place == BED:
            bed = state.bed(event.device)
            return bed is not None and bed.occupied
    return True


def _lived(moved: HomeState, before: HomeState, event: HomeEvent, rules: HomeRules) -> HomeState:
    is_front = event.place == FRONT_DOOR and event.type in (EventType.DOOR_OPENED, EventType.DOOR_CLOSED)
    return replace(
        moved,
        life_at=event.at,
        life_place=event.place,
        left_at=event.at if is_front else None,
        lines=_lines(before, event.at, rules),
    )


def _lines(before: HomeState, at: datetime, rules: HomeRules) -> tuple[Line, ...]:
    """Silence in bed, or behind a front door that was the last to move, says nothing about who is up."""
    since = before.life_at
    if since is None or at - since > LEARNABLE or before.left_at is not None:
        return before.lines
    if all_in_bed(before.beds, at, rules):
        return before.lines
    return home_usual.with_silence(before.lines, day_of(at), since, at)


def _is_open(state: HomeState, device: int) -> bool:
    return any(door.device == device for door in state.doors)


def _doors(state: HomeState, event: HomeEvent) -> tuple[OpenDoor, ...]:
    match event.type:
        case EventType.DOOR_OPENED if not _is_open(state, event.device):
            opened = OpenDoor(device=event.device, place=event.place, since=event.at)
            return tuple(sorted((*state.doors, opened), key=lambda door: door.device))
        case EventType.DOOR_CLOSED:
            return tuple(door for door in state.doors if door.device != event.device)
    return state.doors


def _beds(state: HomeState, event: HomeEvent) -> tuple[Bed, ...]:
    if event.type not in (EventType.OCCUPIED, EventType.VACANT) or event.place != BED:
        return state.beds
    before = state.bed(event.device)
    occupied = event.type is EventType.OCCUPIED
    if before is not None and before.occupied is occupied:
        return state.beds
    now = Bed(device=event.device, occupied=occupied, since=event.at, left=before is not None and not occupied)
    others = (bed for bed in state.beds if bed.device != event.device)
    return tuple(sorted((*others, now), key=lambda bed: bed.device))


def _steps(state: HomeState, event: HomeEvent, rules: HomeRules) -> tuple[Step, ...]:
    since = event.at - timedelta(minutes=rules.wandering.within_min)
    steps = tuple(step for step in state.steps if step.at > since)
    if event.type is EventType.DOOR_OPENED:
        is_step = not _is_open(state, event.device)
    else:
        is_step = event.type is EventType.MOTION and not (steps and steps[-1].place == event.place)
    is_walk = is_step and event.place not in NO_STEP and walks_at_night(event.at, rules)
    if not is_walk or all_in_bed(state.beds, event.at, rules):
        return steps
    return (*steps, Step(place=event.place, at=event.at))[-STEPS_MAX:]
