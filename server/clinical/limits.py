"""Which limit a kind can have, how far inside ends it, how long it must last, and when a value is old."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from types import MappingProxyType
from typing import Final

from devices.limits import Limit
from devices.vocabulary import KINDS, Kind, Mode
from server.clinical.references import HJEMVAKT_PROPOSAL, MASIMO_ALARMS, Reference


def why_not(kind: Kind, limit: Limit) -> str:
    """A sentence about a number that no reading can reach; "": the kind can have this limit."""
    facts = KINDS[kind]
    for edge in fields(limit):
        value = getattr(limit, edge.name)
        if value is not None and not facts.lowest <= value <= facts.highest:
            room = f"{facts.lowest:g} to {facts.highest:g}"
            return f"{edge.name} of {kind} cannot be {value:g} {facts.ucum}: choose {room}, or leave it out."
    return ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Persistence:
    """How long a continuous stream must stay there before it counts. A spot reading counts at once."""

    red_s: float
    yellow_s: float
    ends_s: float
    longest_gap_s: float  # a longer silence between two samples starts the count again
    references: tuple[Reference, ...]
    proposal: bool = True


PERSISTENCE: Final = Persistence(
    red_s=15, yellow_s=15 * 60, ends_s=15, longest_gap_s=60, references=(MASIMO_ALARMS, HJEMVAKT_PROPOSAL)
)

# How far inside a limit a reading must be before it ends the condition, in the kind's unit [proposal].
# A kind without a line ends at its limit.
HYSTERESIS: Final[Mapping[Kind, float]] = MappingProxyType(
    {
        Kind.SPO2: 2,
        Kind.HEART_RATE: 5,
        Kind.PULSE_RATE: 5,
        Kind.GLUCOSE: 0.3,
        Kind.GLUCOSE_ISF: 0.3,
        Kind.BODY_TEMPERATURE: 0.2,
    }
)

# A glucose sensor speaks every 5 minutes: one value may be missing, and a little late, and it is still one stream
# [proposal]. Its red, too, counts with the second value in a row.
LONGEST_GAP_OF_KIND_S: Final[Mapping[Kind, float]] = MappingProxyType({Kind.GLUCOSE_ISF: 11 * 60})
# A sensor that says LO has measured what it cannot put a number on: that is red with the first value, in a stream too.
LO_IS_RED_AT_ONCE: Final = frozenset({Kind.GLUCOSE, Kind.GLUCOSE_ISF})

HOUR_S: Final = 3600.0
STALE_AFTER_GAPS: Final = 2  # longest gaps of a continuous stream [proposal]
SPOT_STALE_AFTER_S: Final = 36 * HOUR_S  # a daily reading, and half a day of grace [proposal]
SPOT_STALE_AFTER_OF_KIND_S: Final[Mapping[Kind, float]] = MappingProxyType(
    {Kind.GLUCOSE: 12 * HOUR_S, Kind.GLUCOSE_ISF: 12 * HOUR_S}
)


def longest_gap_s(kind: Kind) -> float:
    """A longer silence in a continuous stream starts every count again."""
    return LONGEST_GAP_OF_KIND_S.get(kind, PERSISTENCE.longest_gap_s)


def stale_after_s(kind: Kind, mode: Mode) -> float:
    """From this age on a value must look old [proposal]. An interval is as old as its end."""
    if mode is Mode.CONTINUOUS:
        return STALE_AFTER_GAPS * longest_gap_s(kind)
    return SPOT_STALE_AFTER_OF_KIND_S.get(kind, SPOT_STALE_AFTER_S)


def join_within_s(kind: Kind, mode: Mode) -> float:
    """Two points further apart than this are not joined by a line; 0: spot readings are dots, never lines."""
    return longest_gap_s(kind) if mode is Mode.CONTINUOUS else 0.0
