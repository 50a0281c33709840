"""Weight Measurement (2A9D): WSS 1.0, section 3.2; GATT Specification Supplement.

And what the composition has in common with it: whose it is, and how far a step of a number on the air is.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import IntFlag
from typing import Final, NamedTuple

from devices.gatt import date_time, date_time_bytes
from devices.profiles.base import Said
from devices.profiles.decoding import reading, slot_of
from devices.profiles.layout import Field, Layout
from devices.profiles.wording import set_of, time, user
from devices.units import CM_PER_INCH, CM_PER_M, kg_from_lb, lb_from_kg
from devices.vocabulary import Kind

UNSUCCESSFUL: Final = 0xFFFF  # in the first number of a message: it was tried, and there is no result
KG_STEP, LB_STEP = Decimal("0.005"), Decimal("0.01")
CM_STEP, INCH_STEP = Decimal("0.001") * CM_PER_M, Decimal("0.1")
TENTH: Final = Decimal("0.1")  # of %, of kg/m2, of an ohm


class WeightFlag(IntFlag):
    POUNDS = 0x01  # and inches; else kilograms and metres
    TIME = 0x02
    USER = 0x04
    BMI_AND_HEIGHT = 0x08


def kg_from_steps(steps: int, in_pounds: bool) -> Decimal:
    return kg_from_lb(steps * LB_STEP) if in_pounds else steps * KG_STEP


def cm_from_steps(steps: int, in_pounds: bool) -> Decimal:
    return steps * INCH_STEP * CM_PER_INCH if in_pounds else steps * CM_STEP


def _weight_words(in_pounds: bool) -> Callable[[int], str]:
    step, unit = (LB_STEP, "lb") if in_pounds else (KG_STEP, "kg")
    return lambda steps: "unsuccessful" if steps == UNSUCCESSFUL else f"{steps * step} {unit}"


WEIGHT_LAYOUT: Final = Layout(
    Field(name="flags", code="B", words=set_of(WeightFlag)),
    Field(name="weight", code="H", unless=WeightFlag.POUNDS, words=_weight_words(False)),
    Field(name="weight", code="H", when=WeightFlag.POUNDS, words=_weight_words(True)),
    Field(name="time stamp", code="7s", when=WeightFlag.TIME, words=time),
    Field(name="user id", code="B", when=WeightFlag.USER, words=user),
    Field(name="BMI", code="H", when=WeightFlag.BMI_AND_HEIGHT, words=lambda tenths: f"{tenths * TENTH} kg/m2"),
    Field(
        name="height",
        code="H",
        when=WeightFlag.BMI_AND_HEIGHT,
        words=lambda steps: f"{steps} thousandths of a metre, or tenths of an inch with pounds",
    ),
)
_POUNDS: Final = int(WeightFlag.POUNDS)


class Whose(NamedTuple):
    """Who stood on the scale, and when by its clock. None: it did not say."""

    slot: int | None = None
    at: datetime | None = None


NOBODY: Final = Whose()


class Message(NamedTuple):
    """`values` in our units; None: it was tried without success."""

    whose: Whose
    values: Mapping[Kind, Decimal | None]

    def said(self) -> tuple[Said, ...]:
        return tuple(
            reading(kind, value, device_time=self.whose.at, slot=self.whose.slot or 0)
            for kind, value in self.values.items()
        )


def parse(data: bytes) -> Message:
    flags, kilos, pounds, seven, user, bmi, height = WEIGHT_LAYOUT.unpack(data)
    whose = Whose(
        slot=None if user is None else slot_of(user),
        at=None if seven is None else date_time(seven, "time stamp"),
    )
    steps, in_pounds = (pounds, True) if flags & _POUNDS else (kilos, False)
    if steps == UNSUCCESSFUL:  # whatever stands in the other fields (WSS 3.2.1.2)
        return Message(whose=whose, values={Kind.WEIGHT: None})
    weight: dict[Kind, Decimal | None] = {Kind.WEIGHT: kg_from_steps(steps, in_pounds)}
    if bmi is None:
        return Message(whose=whose, values=weight)
    body = {Kind.BMI: bmi * TENTH, Kind.HEIGHT: cm_from_steps(height, in_pounds)}
    return Message(whose=whose, values=weight | known(body))


def known(values: Mapping[Kind, Decimal]) -> dict[Kind, Decimal | None]:
    """0 is what a scale sends that was never told a height, or whose electrodes felt no bare feet."""
    return {kind: value for kind, value in values.items() if value}


def decode(data: bytes) -> tuple[Said, ...]:
    return parse(data).said()


def explain(data: bytes) -> list[str]:
    return list(WEIGHT_LAYOUT.explain(WEIGHT_LAYOUT.unpack(data)))


def encode(
    *,
    kg: float | None,
    at: datetime | None = None,
    of_user: int | None = None,
    bmi: float | None = None,
    height_cm: float | None = None,
    in_pounds: bool = False,
) -> bytes:
    """`at` is the device's local time; BMI and height go together. `kg` None: it did not succeed."""
    assert (bmi is None) == (height_cm is None), "BMI and height have one flag"
    present = (in_pounds, at is not None, of_user is not None, bmi is not None)
    flags = sum(flag for flag, is_there in zip(WeightFlag, present, strict=True) if is_there)
    tail = b"" if bmi is None or height_cm is None else in_tenths(bmi) + _height_steps(height_cm, in_pounds)
    return bytes((flags,)) + mass_steps(kg, in_pounds) + time_and_user(at, of_user) + tail


def time_and_user(at: datetime | None, of_user: int | None) -> bytes:
    return (b"" if at is None else date_time_bytes(at)) + (b"" if of_user is None else bytes((of_user,)))


def in_tenths(value: float) -> bytes:
    return _steps(value, TENTH)


def mass_steps(kg: float | None, in_pounds: bool) -> bytes:
    if kg is None:
        return UNSUCCESSFUL.to_bytes(2, "little")
    return _steps(float(lb_from_kg(Decimal(repr(float(kg))))), LB_STEP) if in_pounds else _steps(kg, KG_STEP)


def _height_steps(cm: float, in_pounds: bool) -> bytes:
    return _steps(cm, INCH_STEP * CM_PER_INCH) if in_pounds else _steps(cm, CM_STEP)


def _steps(value: float, step: Decimal) -> bytes:
    return int((Decimal(repr(float(value))) / step).to_integral_value(ROUND_HALF_UP)).to_bytes(2, "little")
