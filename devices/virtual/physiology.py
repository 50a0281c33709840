"""A person whose body follows a script: each signal is a function of the person's seed, what was begun, and the time.

Plausible for an exercise, not a model of disease. Two persons with one seed and one script are equal to the last bit.
"""

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final, Protocol

from devices.vocabulary import KINDS, Kind


class Baseline(Protocol):
    """At rest: %, per minute, degrees Celsius, mmol/L."""

    @property
    def spo2(self) -> float: ...
    @property
    def pulse(self) -> float: ...
    @property
    def temperature(self) -> float: ...
    @property
    def glucose(self) -> float: ...


class Course(StrEnum):
    """Where the body is going. A course moves only its own signals; rest and recovery move all of them back."""

    REST = "rest"
    RECOVERY = "recovery"
    DESATURATION = "desaturation"
    HYPOGLYCAEMIA = "hypoglycaemia"
    FEVER = "fever"


@dataclass(frozen=True, kw_only=True, slots=True)
class Goal:
    """Absolute, or so much above the baseline."""

    absolute: float | None = None
    above: float = 0.0

    def of(self, at_rest: float) -> float:
        return at_rest + self.above if self.absolute is None else self.absolute


_AT_REST: Final = Goal()
_ALL_AT_REST: Final = {
    signal: _AT_REST
    for signal in (Kind.SPO2, Kind.PULSE_RATE, Kind.BODY_TEMPERATURE, Kind.GLUCOSE, Kind.RESPIRATORY_RATE)
}
# Proposals for an exercise: a severe exacerbation (91 -> 82 %), a hypoglycaemia of level 2 (below 3.0 mmol/L), a fever;
# the pulse rises about 8 a minute for each degree.
GOALS: Final[Mapping[Course, Mapping[Kind, Goal]]] = MappingProxyType(
    {
        Course.REST: _ALL_AT_REST,
        Course.RECOVERY: _ALL_AT_REST,
        Course.DESATURATION: {
            Kind.SPO2: Goal(above=-9),
            Kind.PULSE_RATE: Goal(above=24),
            Kind.RESPIRATORY_RATE: Goal(above=10),
        },
        Course.HYPOGLYCAEMIA: {Kind.GLUCOSE: Goal(absolute=2.7), Kind.PULSE_RATE: Goal(above=16)},
        Course.FEVER: {
            Kind.BODY_TEMPERATURE: Goal(absolute=38.9),
            Kind.PULSE_RATE: Goal(above=18),
            Kind.RESPIRATORY_RATE: Goal(above=6),
        },
    }
)

# How far each signal wanders about its course, in its unit, and how slowly.
WANDER: Final[Mapping[Kind, tuple[float, float]]] = MappingProxyType(
    {
        Kind.SPO2: (0.8, 40.0),
        Kind.PULSE_RATE: (2.0, 25.0),
        Kind.BODY_TEMPERATURE: (0.05, 300.0),
        Kind.GLUCOSE: (0.05, 900.0),
        Kind.RESPIRATORY_RATE: (1.0, 60.0),
    }
)
BREATHS_PER_MIN: Final = (12.0, 18.0)  # at rest, by person
BREATHING_SWING_PER_MIN: Final = 2.0  # the pulse rises with each breath in and falls with each breath out


@dataclass(frozen=True, kw_only=True, slots=True)
class Ramp:
    """From one level to another, gently at both ends."""

    begins_s: float
    over_s: float
    start: float
    goal: float

    def at(self, t_s: float) -> float:
        if t_s >= self.begins_s + self.over_s:
            return self.goal
        part = max(0.0, t_s - self.begins_s) / self.over_s
        return self.start + (self.goal - self.start) * part * part * (3 - 2 * part)


class Wander:
    """A slow, smooth, bounded noise: three sines whose periods and phases are the person's own."""

    def __init__(self, chance: random.Random, amplitude: float, period_s: float) -> None:
        self._amplitude = amplitude / 3
        self._waves = [(period_s * chance.uniform(0.6, 2.4), chance.uniform(0, math.tau)) for _ in range(3)]

    def at(self, t_s: float) -> float:
        return self._amplitude * sum(math.sin(math.tau * t_s / period_s + phase) for period_s, phase in self._waves)


class Person:
    """Time goes forward: nothing is begun before what was begun last, and a signal is asked for from then on."""

    def __init__(self, seed: int, baseline: Baseline) -> None:
        chance = random.Random(seed)
        self._at_rest = {
            Kind.SPO2: baseline.spo2,
            Kind.PULSE_RATE: baseline.pulse,
            Kind.BODY_TEMPERATURE: baseline.temperature,
            Kind.GLUCOSE: baseline.glucose,
            Kind.RESPIRATORY_RATE: chance.uniform(*BREATHS_PER_MIN),
        }
        self._breath_phase = chance.uniform(0, math.tau)
        self._wander = {kind: Wander(chance, *how) for kind, how in WANDER.items()}
        self._ramps = {
            kind: Ramp(begins_s=0, over_s=0, start=level, goal=level) for kind, level in self._at_rest.items()
        }
        self._last_s = 0.0

    def begin(self, course: str, at_s: float, over_s: float) -> None:
        """Set out at `at_s` from wherever the body is then, to arrive `over_s` later."""
        if at_s < self._last_s or over_s < 0:
            raise ValueError(f"{course} at {at_s} s over {over_s} s: the last course began at {self._last_s} s")
        self._last_s = at_s
        for kind, goal in GOALS[Course(course)].items():
            start = self._ramps[kind].at(at_s)
            self._ramps[kind] = Ramp(begins_s=at_s, over_s=over_s, start=start, goal=goal.of(self._at_rest[kind]))

    def spo2(self, t_s: float) -> float:
        return self._signal(Kind.SPO2, t_s)

    def pulse(self, t_s: float) -> float:
        breath = math.sin(math.tau * t_s * self._at_rest[Kind.RESPIRATORY_RATE] / 60 + self._breath_phase)
        return self._signal(Kind.PULSE_RATE, t_s) + BREATHING_SWING_PER_MIN * breath

    def respiration(self, t_s: float) -> float:
        return self._signal(Kind.RESPIRATORY_RATE, t_s)

    def temperature(self, t_s: float) -> float:
        return self._signal(Kind.BODY_TEMPERATURE, t_s)

    def glucose(self, t_s: float) -> float:
        return self._signal(Kind.GLUCOSE, t_s)

    def _signal(self, kind: Kind, t_s: float) -> float:
        level = self._ramps[kind].at(t_s) + self._wander[kind].at(t_s)
        return min(max(level, KINDS[kind].lowest), KINDS[kind].highest)
