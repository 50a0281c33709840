"""Glucose Measurement Context (2A34): what the person told the meter about a measurement. GLS 1.0.1, section 3.2.

All of it is read, and `hjemvakt-gateway decode` says it in words. Nothing of it goes to the server: none of it is a
measurement, and the limits that the team sets know no meal. Its measurement is judged without it.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum, IntFlag
from typing import Final

from devices.ieee11073 import sfloat
from devices.profiles.base import Said, uuid16
from devices.profiles.layout import Field, Layout
from devices.profiles.wording import number_in, one_of, set_of, sfloat_in

CONTEXT: Final = uuid16(0x2A34)


class Flag(IntFlag):
    CARBOHYDRATE = 0x01
    MEAL = 0x02
    TESTER_AND_HEALTH = 0x04
    EXERCISE = 0x08
    MEDICATION = 0x10
    MEDICATION_LITRES = 0x20  # else kilograms
    HBA1C = 0x40
    EXTENDED = 0x80


class Carbohydrate(IntEnum):
    BREAKFAST = 1
    LUNCH = 2
    DINNER = 3
    SNACK = 4
    DRINK = 5
    SUPPER = 6
    BRUNCH = 7


class Meal(IntEnum):
    BEFORE_A_MEAL = 1
    AFTER_A_MEAL = 2
    FASTING = 3
    CASUAL = 4
    BEDTIME = 5


class Tester(IntEnum):
    SELF = 1
    HEALTH_CARE_PROFESSIONAL = 2
    LABORATORY = 3
    NOT_KNOWN = 15


class Health(IntEnum):
    MINOR_ISSUES = 1
    MAJOR_ISSUES = 2
    MENSES = 3
    STRESS = 4
    NO_ISSUES = 5
    NOT_KNOWN = 15


class Medicine(IntEnum):
    RAPID_ACTING_INSULIN = 1
    SHORT_ACTING_INSULIN = 2
    INTERMEDIATE_ACTING_INSULIN = 3
    LONG_ACTING_INSULIN = 4
    PRE_MIXED_INSULIN = 5


EXERCISE_OVERRUN_S: Final = 0xFFFF


def _tester_and_health(both: int) -> str:
    return f"tested by {one_of(Tester)(both & 0xF)}, health {one_of(Health)(both >> 4)}"


def _exercise_s(seconds: int) -> str:
    return "longer than the device can say" if seconds == EXERCISE_OVERRUN_S else f"{seconds} s"


LAYOUT: Final = Layout(
    Field(name="flags", code="B", words=set_of(Flag)),
    Field(name="sequence number", code="H"),
    Field(name="extended flags", code="B", when=Flag.EXTENDED, words=lambda bits: f"{bits:#04x}, all reserved"),
    Field(name="carbohydrate id", code="B", when=Flag.CARBOHYDRATE, words=one_of(Carbohydrate)),
    Field(name="carbohydrate", code="H", when=Flag.CARBOHYDRATE, words=sfloat_in("g", Decimal(1000))),
    Field(name="meal", code="B", when=Flag.MEAL, words=one_of(Meal)),
    Field(name="tester and health", code="B", when=Flag.TESTER_AND_HEALTH, words=_tester_and_health),
    Field(name="exercise duration", code="H", when=Flag.EXERCISE, words=_exercise_s),
    Field(name="exercise intensity", code="B", when=Flag.EXERCISE, words=number_in("%")),
    Field(name="medication id", code="B", when=Flag.MEDICATION, words=one_of(Medicine)),
    Field(
        name="medication",
        code="H",
        when=Flag.MEDICATION,
        unless=Flag.MEDICATION_LITRES,
        words=sfloat_in("mg", Decimal(1_000_000)),
    ),
    Field(
        name="medication",
        code="H",
        when=Flag.MEDICATION | Flag.MEDICATION_LITRES,
        words=sfloat_in("mL", Decimal(1000)),
    ),
    Field(name="HbA1c", code="H", when=Flag.HBA1C, words=sfloat_in("%")),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """Numbers as sent: a later edition may have more than the lists above. None: not said, or no number."""

    record: int
    carbohydrate: int | None
    carbohydrate_kg: Decimal | None
    meal: int | None
    tester: int | None
    health: int | None
    exercise_s: int | None
    exercise_percent: int | None
    medicine: int | None
    medicine_kg: Decimal | None
    medicine_l: Decimal | None
    hba1c_percent: Decimal | None


def parse(data: bytes) -> Context:
    (_, record, _, carbohydrate, carbohydrate_kg, meal, both, exercise_s, exercise_percent, *rest) = LAYOUT.unpack(data)
    medicine, medicine_kg, medicine_l, hba1c = rest
    return Context(
        record=record,
        carbohydrate=carbohydrate,
        carbohydrate_kg=_number(carbohydrate_kg),
        meal=meal,
        tester=None if both is None else both & 0xF,
        health=None if both is None else both >> 4,
        exercise_s=None if exercise_s == EXERCISE_OVERRUN_S else exercise_s,
        exercise_percent=exercise_percent,
        medicine=medicine,
        medicine_kg=_number(medicine_kg),
        medicine_l=_number(medicine_l),
        hba1c_percent=_number(hba1c),
    )


def _number(word: int | None) -> Decimal | None:
    return None if word is None else sfloat(word)


def decode(data: bytes) -> tuple[Said, ...]:
    """Checked, but nothing in it is a reading."""
    LAYOUT.unpack(data)
    return ()


def explain(data: bytes) -> list[str]:
    return list(LAYOUT.explain(LAYOUT.unpack(data)))
