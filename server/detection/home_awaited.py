"""Until when a home may stay as it is, before somebody must know."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from server.clinical.here import HERE
from server.detection import home_usual
from server.detection.home_rules import FRONT_DOOR, WINTER_MONTHS, HomeRules, OutNightRule
from server.detection.home_state import Bed, HomeState, all_in_bed
from server.detection.home_usual import Line

DAYS_AHEAD: Final = timedelta(days=3)
NIGHTS_AHEAD: Final = 2
MINUTES_A_DAY: Final = 24 * 60

# Parts of a home that are awaited each for itself; a door's and a bed's is followed by the device.
INACTIVE: Final = "inactive"
OUT: Final = "out"
DOOR_OPEN: Final = "door_open"
BED_EMPTY: Final = "bed_empty"


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeSensors:
    """What is bound to the home now, and to those who live there. `all`: every device."""

    motion: frozenset[int] = frozenset()
    front: frozenset[int] = frozenset()
    beds: frozenset[int] = frozenset()
    all: frozenset[int] = frozenset()


def awaited(state: HomeState, days: Sequence[Line], rules: HomeRules, sensors: HomeSensors) -> Mapping[str, datetime]:
    """By part: when it is too long, as things are. What a sensor said that is no longer here counts no more."""
    found: dict[str, datetime] = {}
    knows_who_is_here = bool(sensors.motion and sensors.front)
    if knows_who_is_here and rules.inactive.enabled and (due := inactive_at(state, days, rules, sensors)) is not None:
        found[INACTIVE] = due
    if knows_who_is_here and (due := _out_at(state, rules)) is not None:
        found[OUT] = due
    found.update(_doors_at(state, rules, sensors.all))
    found.update(_beds_at(state, rules, sensors.beds))
    return found


def inactive_at(state: HomeState, days: Sequence[Line], rules: HomeRules, sensors: HomeSensors) -> datetime | None:
    """None: nobody knows of anybody up and about."""
    if state.life_at is None or state.left_at is not None:
        return None
    beds = _bound_beds(state, sensors.beds)
    if all_in_bed(beds, state.life_at, rules):
        longest = max(bed.since for bed in beds) + timedelta(hours=rules.inactive.in_bed_h)
        return max(longest, state.life_at + timedelta(minutes=rules.inactive.floor_min))
    limits = home_usual.limits_min(days, rules.inactive)
    return _first_too_long(state.life_at, limits, rules, sleeps_unseen=limits is None and not beds)


def _first_too_long(
    since: datetime, limits: tuple[float, ...] | None, rules: HomeRules, *, sleeps_unseen: bool
) -> datetime | None:
    """Without a bed sensor, and before the home's own nights are known, its night does not count."""
    silent_min = 0.0
    for hour, begin, end in home_usual.hours(since, since + DAYS_AHEAD):
        if sleeps_unseen and rules.night.holds(begin):
            continue
        limit_min = rules.inactive.default_min if limits is None else limits[hour]
        length_min = (end - begin) / timedelta(minutes=1)
        if silent_min + length_min > limit_min:
            return begin + timedelta(minutes=max(0.0, limit_min - silent_min))
        silent_min += length_min
    return None


def _out_at(state: HomeState, rules: HomeRules) -> datetime | None:
    if state.left_at is None:
        return None
    dues = []
    if rules.out.enabled:
        dues.append(state.left_at + timedelta(hours=rules.out.after_h))
    if rules.out_night.enabled and (due := _out_at_night(state.left_at, rules)) is not None:
        dues.append(due)
    silent_at = state.left_at + timedelta(minutes=rules.out.silence_min)
    return max(silent_at, min(dues)) if dues else None


def _out_at_night(left_at: datetime, rules: HomeRules) -> datetime | None:
    """Who leaves just before the night ends is looked for in the next one."""
    for begin in _nights(left_at, rules):
        due = begin + _patience(begin, rules.out_night)
        if rules.night.holds(due):
            return due
    return None


def _nights(left_at: datetime, rules: HomeRules) -> Iterator[datetime]:
    """When each night begins for who left then."""
    if rules.night.holds(left_at):
        yield left_at
    wall = left_at.astimezone(HERE)
    start = wall.replace(hour=rules.night.from_at.hour, minute=rules.night.from_at.minute, second=0, microsecond=0)
    for day in range(NIGHTS_AHEAD + 1):
        begin = start + timedelta(days=day)
        if begin > wall:
            yield begin.astimezone(left_at.tzinfo)


def _patience(at: datetime, rule: OutNightRule) -> timedelta:
    is_winter = at.astimezone(HERE).month in WINTER_MONTHS
    return timedelta(minutes=rule.winter_after_min if is_winter else rule.after_min)


def _doors_at(state: HomeState, rules: HomeRules, bound: Collection[int]) -> Iterator[tuple[str, datetime]]:
    if not rules.door_open.enabled:
        return
    for door in state.doors:
        is_front = door.place == FRONT_DOOR
        after_min = rules.door_open.after_min if is_front else rules.door_open.other_after_min
        if door.device in bound and after_min > 0:
            yield f"{DOOR_OPEN}:{door.device}", door.since + timedelta(minutes=after_min)


def _beds_at(state: HomeState, rules: HomeRules, bound: Collection[int]) -> Iterator[tuple[str, datetime]]:
    """Who gets up so late in the night that the day begins before it is too long is up for the day."""
    if not rules.bed_empty.enabled:
        return
    for bed in _bound_beds(state, bound):
        due = bed.since + timedelta(minutes=rules.bed_empty.after_min)
        if bed.left and rules.night.holds(bed.since) and rules.night.holds(due):
            yield f"{BED_EMPTY}:{bed.device}", due


def _bound_beds(state: HomeState, bound: Collection[int]) -> tuple[Bed, ...]:
    return tuple(bed for bed in state.beds if bed.device in bound)
