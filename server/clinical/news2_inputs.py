"""The seven inputs of NEWS2 from a patient's newest readings and what staff said.

A reading that its device doubts, a demonstration and an attempt without a value are left out: a total that rests on
one would look more certain than it is. The doubtful reading still meets its own limits."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from devices.vocabulary import Kind, Observation, Quality
from server.clinical.news2 import Consciousness, Observed, Reading, Seen

# An oximeter's pulse and a heart rate are both the pulse: the newer one.
PULSES: Final = frozenset({Kind.PULSE_RATE, Kind.HEART_RATE})


def observed(
    readings: Iterable[Observation],
    *,
    now: datetime,
    on_oxygen: Seen[bool] | None,
    consciousness: Seen[Consciousness] | None,
) -> Observed:
    """`readings` of one patient, in any order; what lies after `now` is left out. `on_oxygen`: as somebody saw or said
    it, at that time. A prescription of oxygen is not yet oxygen."""
    good = [each for each in readings if each.quality is Quality.GOOD and _ended(each) <= now]
    return Observed(
        breaths_per_min=_newest(good, frozenset({Kind.RESPIRATORY_RATE})),
        spo2_percent=_newest(good, frozenset({Kind.SPO2})),
        on_oxygen=on_oxygen,
        systolic_mmhg=_newest(good, frozenset({Kind.SYSTOLIC})),
        pulse_per_min=_newest(good, PULSES),
        consciousness=consciousness,
        temperature_cel=_newest(good, frozenset({Kind.BODY_TEMPERATURE})),
    )


def _newest(readings: Iterable[Observation], kinds: frozenset[Kind]) -> Reading | None:
    given = [each for each in readings if each.kind in kinds and each.value is not None]
    newest = max(given, key=_ended, default=None)
    if newest is None or newest.value is None:
        return None
    return Reading(value=newest.value, at=_ended(newest), sign=newest.sign)


def _ended(reading: Observation) -> datetime:
    """An interval is as old as its end."""
    return reading.taken_at + timedelta(seconds=reading.span_s)
