"""What share of the time should be in which range, and which of these targets a patient missed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from devices.limits import shown
from server.clinical.glucose import Band, Metrics
from server.clinical.references import CGM_TARGETS_2019, Reference


class Group(StrEnum):
    """Pregnancy has another target range and therefore other bands; it is not here."""

    ADULT = "adult"
    OLDER = "older"  # or at high risk


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """The time in these bands together is more than `over`, or less than `under`, percent."""

    bands: frozenset[Band]
    over: float | None = None
    under: float | None = None

    def percent_of(self, percent: Mapping[Band, float]) -> float:
        """As it is shown."""
        return shown(sum(percent[band] for band in self.bands), 1)

    def is_met(self, percent: Mapping[Band, float]) -> bool:
        share = self.percent_of(percent)
        return (self.over is None or share > self.over) and (self.under is None or share < self.under)


IN_RANGE: Final = frozenset({Band.IN_RANGE})
BELOW_3_9: Final = frozenset({Band.VERY_LOW, Band.LOW})
BELOW_3_0: Final = frozenset({Band.VERY_LOW})
ABOVE_10_0: Final = frozenset({Band.HIGH, Band.VERY_HIGH})
ABOVE_13_9: Final = frozenset({Band.VERY_HIGH})

TARGETS: Final[Mapping[Group, tuple[Target, ...]]] = MappingProxyType(
    {
        Group.ADULT: (
            Target(bands=IN_RANGE, over=70),
            Target(bands=BELOW_3_9, under=4),
            Target(bands=BELOW_3_0, under=1),
            Target(bands=ABOVE_10_0, under=25),
            Target(bands=ABOVE_13_9, under=5),
        ),
        Group.OLDER: (
            Target(bands=IN_RANGE, over=50),
            Target(bands=BELOW_3_9, under=1),
            Target(bands=ABOVE_13_9, under=10),
        ),
    }
)
REFERENCE: Final[Reference] = CGM_TARGETS_2019


def missed(metrics: Metrics, group: Group) -> tuple[Target, ...] | None:
    """None: too little was measured to say."""
    percent = metrics.percent
    if percent is None or not metrics.sufficient:
        return None
    return tuple(target for target in TARGETS[group] if not target.is_met(percent))
