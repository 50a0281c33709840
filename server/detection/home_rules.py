"""The rules of a home as data: what its quiet sensors say together, from when on it concerns somebody, and who says so.

They belong to the home and not to a pathway. Shipped as:
- `home:inactive` on; it looks only where a motion sensor and the front door's sensor are bound: without that door an
  empty home is a silent one.
- `home:door_open` on for the front door; other doors and windows only when the team says after how long.
- `home:bed_empty` on; where a bed sensor is bound.
- `home:out` on; who has not come back after a whole day.
- `home:out_night` off: who sleeps at a daughter's is no emergency. The team turns it on where it would be one.
- `home:wandering` off: who is up at night is no emergency either. The front door at night is an alert of its own.

Every number is a starting value of ours where `proposal` says so, and a team can put its own in its place, per home."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime, time
from types import MappingProxyType
from typing import Any, Final

from server.clinical.here import HERE
from server.clinical.references import HJEMVAKT_PROPOSAL, Reference

FRONT_DOOR: Final = "front door"  # binding.place
BED: Final = "bed"
NO_STEP: Final = frozenset({"bedroom", "bathroom"})

INACTIVE: Final = "home:inactive"
WANDERING: Final = "home:wandering"
DOOR_OPEN: Final = "home:door_open"
OUT: Final = "home:out"
OUT_NIGHT: Final = "home:out_night"  # a setting of its own; what it finds is home:out
BED_EMPTY: Final = "home:bed_empty"

CUDDIHY_2007: Final = Reference(
    document="Cuddihy et al., Algorithm to detect abnormally long periods of inactivity in a home, HealthNet",
    edition="2007",
    page="abstract: a normal length for each residence, learned from its motion sensors; alerts within hours",
)
KASTEREN: Final = Reference(
    document="van Kasteren et al., Accurate activity recognition in a home setting, data set of house A",
    edition="2008, counted by us",
    page="front door and then 30 min of silence: 34 of 34 departures, 3 false; longest silence awake at home 2.6 h",
)
BED_EXIT: Final = Reference(
    document="Bed exit monitors, usual settings at night",
    edition="-",
    page="15 to 30 min without return",
    checked=False,
)
NIGHT_WALKS: Final = Reference(
    document="Wandering at night, usual settings",
    edition="-",
    page="3 room or door events from 23 to 06",
    checked=False,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeRule:
    """`name` is that of its setting."""

    name: str
    version: int
    references: tuple[Reference, ...]
    enabled: bool
    proposal: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class InactiveRule(HomeRule):
    """Somebody is at home, not in bed, and nothing has moved for longer than is usual here at this time of day.

    Before `learn_days` of its days are known: for `default_min`. Then: for `margin_min` longer than the longest silence
    but one that this hour and its neighbours have seen; never under `floor_min`, never over `ceiling_min`. Red
    `red_after_min` later. In bed the count stands still, but for `in_bed_h` at most: a mat that is stuck, or
    somebody who cannot get up."""

    default_min: float
    floor_min: float
    ceiling_min: float
    margin_min: float
    learn_days: float
    red_after_min: float
    in_bed_h: float


@dataclass(frozen=True, kw_only=True, slots=True)
class WanderingRule(HomeRule):
    """`events` steps within `within_min`, from `begins_after_min` into the home's night until it ends. A step is an
    opened door, or motion in another room than the last; in bedroom and bathroom there is none: so much is usual."""

    events: float
    within_min: float
    begins_after_min: float


@dataclass(frozen=True, kw_only=True, slots=True)
class DoorOpenRule(HomeRule):
    """The front door, and other doors and windows (0: they are not watched)."""

    after_min: float
    other_after_min: float


@dataclass(frozen=True, kw_only=True, slots=True)
class OutRule(HomeRule):
    """The front door and then `silence_min` of silence is out."""

    silence_min: float
    after_h: float


@dataclass(frozen=True, kw_only=True, slots=True)
class OutNightRule(HomeRule):
    """Not back so long after the night began, or after leaving in it; in the months from November to March sooner."""

    after_min: float
    winter_after_min: float


@dataclass(frozen=True, kw_only=True, slots=True)
class BedEmptyRule(HomeRule):
    """Out of bed in the home's night, and not back."""

    after_min: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Night:
    """By the clock on the wall of the home; both ends equal: there is none."""

    from_at: time
    to_at: time

    def holds(self, at: datetime) -> bool:
        wall = at.astimezone(HERE).time()
        if self.from_at <= self.to_at:
            return self.from_at <= wall < self.to_at
        return wall >= self.from_at or wall < self.to_at


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeRules:
    """`night` is the home's own row: the hours in which an opened front door is an alert."""

    night: Night
    inactive: InactiveRule
    wandering: WanderingRule
    door_open: DoorOpenRule
    out: OutRule
    out_night: OutNightRule
    bed_empty: BedEmptyRule

    def named(self) -> Mapping[str, HomeRule]:
        rules = (self.inactive, self.wandering, self.door_open, self.out, self.out_night, self.bed_empty)
        return MappingProxyType({rule.name: rule for rule in rules})


SHIPPED: Final = HomeRules(
    night=Night(from_at=time(22), to_at=time(6)),
    inactive=InactiveRule(
        name=INACTIVE,
        version=1,
        references=(CUDDIHY_2007, KASTEREN, HJEMVAKT_PROPOSAL),
        enabled=True,
        default_min=240,  # above the longest that Kasteren's house was awake and silent
        floor_min=120,
        ceiling_min=720,
        margin_min=30,
        learn_days=14,
        red_after_min=120,
        in_bed_h=16,
    ),
    wandering=WanderingRule(
        name=WANDERING,
        version=1,
        references=(NIGHT_WALKS, HJEMVAKT_PROPOSAL),
        enabled=False,
        events=3,
        within_min=60,
        begins_after_min=60,
    ),
    door_open=DoorOpenRule(
        name=DOOR_OPEN, version=1, references=(HJEMVAKT_PROPOSAL,), enabled=True, after_min=30, other_after_min=0
    ),
    out=OutRule(
        name=OUT, version=1, references=(KASTEREN, HJEMVAKT_PROPOSAL), enabled=True, silence_min=30, after_h=24
    ),
    out_night=OutNightRule(
        name=OUT_NIGHT,
        version=1,
        references=(KASTEREN, HJEMVAKT_PROPOSAL),
        enabled=False,
        after_min=120,
        winter_after_min=60,
    ),
    bed_empty=BedEmptyRule(
        name=BED_EMPTY, version=1, references=(BED_EXIT, HJEMVAKT_PROPOSAL), enabled=True, after_min=30
    ),
)
WINTER_MONTHS: Final = frozenset({11, 12, 1, 2, 3})

# What a team may set: the smallest and the largest of each number.
BOUNDS: Final[Mapping[str, Mapping[str, tuple[float, float]]]] = MappingProxyType(
    {
        INACTIVE: MappingProxyType(
            {
                "default_min": (60, 1440),
                "floor_min": (30, 1440),
                "ceiling_min": (60, 1440),
                "margin_min": (0, 240),
                "learn_days": (7, 28),
                "red_after_min": (15, 1440),
                "in_bed_h": (4, 48),
            }
        ),
        WANDERING: MappingProxyType(
            {
                "events": (2, 20),
                "within_min": (10, 480),
                "begins_after_min": (0, 240),
            }
        ),
        DOOR_OPEN: MappingProxyType({"after_min": (2, 1440), "other_after_min": (0, 2880)}),
        OUT: MappingProxyType({"silence_min": (15, 120), "after_h": (1, 168)}),
        OUT_NIGHT: MappingProxyType({"after_min": (15, 480), "winter_after_min": (15, 480)}),
        BED_EMPTY: MappingProxyType({"after_min": (5, 120)}),
    }
)
RULES: Final = frozenset(BOUNDS)


def refused(name: str, numbers: Mapping[str, float]) -> str | None:
    """Why a home cannot have this setting, in a sentence; None: it can."""
    bounds = BOUNDS.get(name)
    if bounds is None:
        return f"There is no rule {name} of a home; there are {', '.join(sorted(RULES))}."
    for word, number in numbers.items():
        if word not in bounds:
            return f"{name} has no number {word}; it has {', '.join(sorted(bounds))}."
        lowest, highest = bounds[word]
        if not lowest <= number <= highest:
            return f"{word} of {name} is {number:g}; it must lie between {lowest:g} and {highest:g}."
    return None


def with_setting(rules: HomeRules, name: str, *, enabled: bool, numbers: Mapping[str, float]) -> HomeRules:
    """One setting of a home in place of what is shipped. A number that this version does not know, or that is out of
    its bounds, is left as shipped: an older setting must not stop the watch over a home."""
    fitting = {word: float(number) for word, number in numbers.items() if refused(name, {word: number}) is None}
    if name not in RULES:
        return rules
    field = name.removeprefix("home:")
    changed: dict[str, Any] = {field: replace(getattr(rules, field), enabled=enabled, **fitting)}
    return replace(rules, **changed)


def numbers_of(rule: HomeRule) -> Mapping[str, float]:
    """Of a rule, by the names that a setting has."""
    words = BOUNDS[rule.name]
    return MappingProxyType({each.name: getattr(rule, each.name) for each in fields(rule) if each.name in words})
