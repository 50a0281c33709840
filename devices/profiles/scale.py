"""Weight Scale (181D) with Weight Measurement (2A9D), and Body Composition (181B) with its measurement (2A9C). WSS 1.0,
section 3.2; BCS 1.0, section 3.2; GATT Specification Supplement.

The resolution that the features (2A9E, 2A9B) name is how finely the scale weighs. What a step of the numbers on the
air means is fixed: 0.005 kg or 0.01 lb, 0.001 m or 0.1 in.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import IntFlag
from types import MappingProxyType
from typing import Final, NamedTuple

from devices.gatt import Reader, date_time, date_time_bytes
from devices.profiles import battery, current_time, device_information
from devices.profiles.base import Profile, Quirk, Reach, Said, SetsClock, uuid16
from devices.profiles.decoding import by_characteristic, reading, slot_of
from devices.profiles.layout import Field, Layout
from devices.profiles.wording import moment, name, set_of, time, user
from devices.units import CM_PER_INCH, CM_PER_M, kg_from_lb, lb_from_kg
from devices.vocabulary import KINDS, Kind

WEIGHT_SCALE: Final = uuid16(0x181D)
BODY_COMPOSITION: Final = uuid16(0x181B)
WEIGHT: Final = uuid16(0x2A9D)
COMPOSITION: Final = uuid16(0x2A9C)
WEIGHT_FEATURE: Final = uuid16(0x2A9E)
COMPOSITION_FEATURE: Final = uuid16(0x2A9B)
UNSUCCESSFUL: Final = 0xFFFF  # in the first number of a message: it was tried, and there is no result

KG_STEP, LB_STEP = Decimal("0.005"), Decimal("0.01")
CM_STEP, INCH_STEP = Decimal("0.001") * CM_PER_M, Decimal("0.1")
TENTH: Final = Decimal("0.1")  # of %, of kg/m2, of an ohm


class WeightFlag(IntFlag):
    POUNDS = 0x01  # and inches; else kilograms and metres
    TIME = 0x02
    USER = 0x04
    BMI_AND_HEIGHT = 0x08


class CompositionFlag(IntFlag):
    POUNDS = 0x0001
    TIME = 0x0002
    USER = 0x0004
    BASAL_METABOLISM = 0x0008
    MUSCLE_PERCENTAGE = 0x0010
    MUSCLE_MASS = 0x0020
    FAT_FREE_MASS = 0x0040
    SOFT_LEAN_MASS = 0x0080
    BODY_WATER = 0x0100
    IMPEDANCE = 0x0200
    WEIGHT = 0x0400
    HEIGHT = 0x0800
    SEVERAL_PACKETS = 0x1000


def _kg(steps: int, in_pounds: bool) -> Decimal:
    return kg_from_lb(steps * LB_STEP) if in_pounds else steps * KG_STEP


def _cm(steps: int, in_pounds: bool) -> Decimal:
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


def parse_weight(data: bytes) -> Message:
    flags, kilos, pounds, seven, user, bmi, height = WEIGHT_LAYOUT.unpack(data)
    whose = Whose(
        slot=None if user is None else slot_of(user),
        at=None if seven is None else date_time(seven, "time stamp"),
    )
    steps, in_pounds = (pounds, True) if flags & _POUNDS else (kilos, False)
    if steps == UNSUCCESSFUL:  # whatever stands in the other fields (WSS 3.2.1.2)
        return Message(whose=whose, values={Kind.WEIGHT: None})
    weight: dict[Kind, Decimal | None] = {Kind.WEIGHT: _kg(steps, in_pounds)}
    if bmi is None:
        return Message(whose=whose, values=weight)
    return Message(whose=whose, values=weight | _known({Kind.BMI: bmi * TENTH, Kind.HEIGHT: _cm(height, in_pounds)}))


def _known(values: Mapping[Kind, Decimal]) -> dict[Kind, Decimal | None]:
    """0 is what a scale sends that was never told a height, or whose electrodes felt no bare feet."""
    return {kind: value for kind, value in values.items() if value}


def decode_weight(data: bytes) -> tuple[Said, ...]:
    return parse_weight(data).said()


# What follows user and time, in this order, two bytes each. Those without a kind are the same numbers in another form,
# or of no use to anybody here.
NUMBERS: Final[Mapping[CompositionFlag, tuple[Kind, Callable[[int, bool], Decimal]] | None]] = MappingProxyType(
    {
        CompositionFlag.BASAL_METABOLISM: None,
        CompositionFlag.MUSCLE_PERCENTAGE: None,
        CompositionFlag.MUSCLE_MASS: (Kind.MUSCLE_MASS, _kg),
        CompositionFlag.FAT_FREE_MASS: None,
        CompositionFlag.SOFT_LEAN_MASS: None,
        CompositionFlag.BODY_WATER: (Kind.BODY_WATER, _kg),
        CompositionFlag.IMPEDANCE: None,
        CompositionFlag.WEIGHT: (Kind.WEIGHT, _kg),
        CompositionFlag.HEIGHT: (Kind.HEIGHT, _cm),
    }
)
_NUMBERS_MASK: Final = int(sum(NUMBERS))


@dataclass(frozen=True, kw_only=True, slots=True)
class Packet:
    flags: int
    message: Message

    def goes_on_from(self, first: "Packet") -> bool:
        """A second packet says neither whose it is nor what the first one said [R: BCS 3.2.1.1 asks for the former]."""
        several = self.flags & first.flags & CompositionFlag.SEVERAL_PACKETS
        return bool(several) and self.message.whose == NOBODY and not self.flags & first.flags & _NUMBERS_MASK


def parse_composition(data: bytes) -> Packet:
    reader = Reader(data)
    flags, fat = reader.u16("flags"), reader.u16("body fat")
    at = reader.date_time("time stamp") if flags & CompositionFlag.TIME else None
    slot = slot_of(reader.u8("user id")) if flags & CompositionFlag.USER else None
    values = {Kind.BODY_FAT: fat * TENTH}
    for flag, kept in NUMBERS.items():
        if flags & flag:
            steps = reader.u16(name(flag))
            if kept is not None:
                kind, convert = kept
                values[kind] = convert(steps, bool(flags & CompositionFlag.POUNDS))
    reader.end()
    measured = {Kind.BODY_FAT: None} if fat == UNSUCCESSFUL else _known(values)
    return Packet(flags=flags, message=Message(whose=Whose(slot=slot, at=at), values=measured))


class Scale:
    """One scale's messages. A composition in two packets is said packet by packet, both of the same user and time. One
    that does not say whose it is belongs to the weight said just before: the BF105 sends them so."""

    def __init__(self) -> None:
        self._weight: Message | None = None  # that no composition has followed yet
        self._first: Packet | None = None  # of two

    def weight(self, data: bytes) -> tuple[Said, ...]:
        self._weight, self._first = (message := parse_weight(data)), None
        return message.said()

    def composition(self, data: bytes) -> tuple[Said, ...]:
        packet = parse_composition(data)
        if self._first is not None and packet.goes_on_from(self._first):
            first, self._first = self._first, None
            message = Message(whose=first.message.whose, values=_without(packet.message, {Kind.BODY_FAT}))
            return message.said()
        weight, self._weight = self._weight, None
        message = packet.message if weight is None else _after(weight, packet.message)
        is_first = packet.flags & CompositionFlag.SEVERAL_PACKETS
        self._first = replace(packet, message=message) if is_first else None
        return message.said()


def _after(weight: Message, message: Message) -> Message:
    """The weight is not said a second time."""
    whose = weight.whose if message.whose == NOBODY else message.whose
    if whose != weight.whose:
        return message
    return Message(whose=whose, values=_without(message, weight.values))


def _without(message: Message, kinds: Container[Kind]) -> Mapping[Kind, Decimal | None]:
    return {kind: value for kind, value in message.values.items() if kind not in kinds}


def decode_composition(data: bytes) -> tuple[Said, ...]:
    return parse_composition(data).message.said()


class WeightFeature(IntFlag):
    """Bits 3 to 6 are the weight's resolution as a number, bits 7 to 9 the height's."""

    TIME = 1 << 0
    SEVERAL_USERS = 1 << 1
    BMI = 1 << 2


class CompositionFeature(IntFlag):
    """Bits 11 to 14 are the weight's resolution as a number, bits 15 to 17 the height's."""

    TIME = 1 << 0
    SEVERAL_USERS = 1 << 1
    BASAL_METABOLISM = 1 << 2
    MUSCLE_PERCENTAGE = 1 << 3
    MUSCLE_MASS = 1 << 4
    FAT_FREE_MASS = 1 << 5
    SOFT_LEAN_MASS = 1 << 6
    BODY_WATER = 1 << 7
    IMPEDANCE = 1 << 8
    WEIGHT = 1 << 9
    HEIGHT = 1 << 10


# By the number in the feature; 0 is "not said", and so is what a later edition adds.
FINEST_KG: Final = (None, *map(Decimal, ("0.5", "0.2", "0.1", "0.05", "0.02", "0.01", "0.005")))
FINEST_CM: Final = (None, *map(Decimal, ("1", "0.5", "0.1")))


@dataclass(frozen=True, kw_only=True, slots=True)
class Feature:
    """What a scale can do. `finest_kg`, `finest_cm`: how finely it weighs and measures; None: it does not say."""

    can: WeightFeature | CompositionFeature
    finest_kg: Decimal | None
    finest_cm: Decimal | None


def parse_weight_feature(data: bytes) -> Feature:
    bits = _four_bytes(data)
    return _feature(WeightFeature(bits & 0x7), bits >> 3)


def parse_composition_feature(data: bytes) -> Feature:
    bits = _four_bytes(data)
    return _feature(CompositionFeature(bits & 0x7FF), bits >> 11)


def _four_bytes(data: bytes) -> int:
    reader = Reader(data)
    bits = reader.u32("feature")
    reader.end()
    return bits


def _feature(can: WeightFeature | CompositionFeature, resolutions: int) -> Feature:
    weight, height = resolutions & 0xF, resolutions >> 4 & 0x7
    return Feature(
        can=can,
        finest_kg=FINEST_KG[weight] if weight < len(FINEST_KG) else None,
        finest_cm=FINEST_CM[height] if height < len(FINEST_CM) else None,
    )


def _checked(parse: Callable[[bytes], Feature]) -> Callable[[bytes], tuple[Said, ...]]:
    def decode(data: bytes) -> tuple[Said, ...]:
        parse(data)
        return ()

    return decode


def explain_weight(data: bytes) -> list[str]:
    return list(WEIGHT_LAYOUT.explain(WEIGHT_LAYOUT.unpack(data)))


def explain_composition(data: bytes) -> list[str]:
    packet = parse_composition(data)
    slot, at = packet.message.whose
    lines = [f"flags: {set_of(CompositionFlag)(packet.flags)}"]
    lines += [] if at is None else [f"time stamp: {moment(at)}"]
    lines += [] if slot is None else [f"user: slot {slot}"]
    for kind, value in packet.message.values.items():
        said = "unsuccessful" if value is None else f"{value:.2f} {KINDS[kind].ucum}"
        lines.append(f"{kind.replace('_', ' ')}: {said}")
    return lines


def explain_feature(feature: Feature) -> list[str]:
    def step(finest: Decimal | None, unit: str) -> str:
        return "not said" if finest is None else f"{finest} {unit}"

    said = ", ".join(name(each) for each in feature.can) or "none"
    return [
        f"feature: {said}",
        f"weighs by {step(feature.finest_kg, 'kg')}, measures by {step(feature.finest_cm, 'cm')}",
    ]


def joined() -> Callable[[str, bytes], tuple[Said, ...]]:
    scale = Scale()
    return by_characteristic({**_DECODERS, WEIGHT: scale.weight, COMPOSITION: scale.composition})


_DECODERS: Final[Mapping[str, Callable[[bytes], tuple[Said, ...]]]] = MappingProxyType(
    {
        WEIGHT: decode_weight,
        COMPOSITION: decode_composition,
        WEIGHT_FEATURE: _checked(parse_weight_feature),
        COMPOSITION_FEATURE: _checked(parse_composition_feature),
        battery.LEVEL: battery.decode,
        **device_information.DECODERS,
        **current_time.DECODERS,
    }
)
PROFILE: Final = Profile(
    name="scale",
    reach=Reach.SPOT,
    measures=frozenset({Kind.WEIGHT, Kind.HEIGHT, Kind.BMI, Kind.BODY_FAT, Kind.MUSCLE_MASS, Kind.BODY_WATER}),
    service=WEIGHT_SCALE,
    subscribe=(WEIGHT, COMPOSITION),
    read=(WEIGHT_FEATURE, COMPOSITION_FEATURE, battery.LEVEL, *device_information.READ),
    decode=by_characteristic(_DECODERS),
    joined=joined,
    clock=SetsClock.SETS,
    quirks=(
        Quirk(
            what="Beurer BF 105 says neither user nor time with the composition: those of the weight before it hold.",
            source="github.com/oliexdev/openScale issue 635, captures of 12 and 13 April 2021",
        ),
        Quirk(
            what="Beurer BF 105, BF 500, BF 600 and BF 720 send a known user's results only to whom that user has "
            "consented (User Control Point 2A9F, a code of four digits).",
            source="github.com/oliexdev/openScale pull requests 753 and 1262; "
            "github.com/KristianP26/ble-scale-sync issue 168",
        ),
        Quirk(
            what="Without bare feet the fat, the water and the impedance are 0.",
            source="github.com/oliexdev/openScale pull request 1262",
        ),
        Quirk(
            what="Xiaomi scales send 2A9C in a form of their own: they cannot be read with this profile.",
            source="github.com/oliexdev/openScale issue 392",
        ),
    ),
)


def encode_weight(
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
    tail = b"" if bmi is None or height_cm is None else _tenths(bmi) + _height_steps(height_cm, in_pounds)
    return bytes((flags,)) + _mass_steps(kg, in_pounds) + _time_and_user(at, of_user) + tail


def encode_composition(
    *,
    fat_percent: float | None,
    at: datetime | None = None,
    of_user: int | None = None,
    muscle_kg: float | None = None,
    water_kg: float | None = None,
    weight_kg: float | None = None,
    is_one_of_several: bool = False,
) -> bytes:
    flags = CompositionFlag.SEVERAL_PACKETS if is_one_of_several else CompositionFlag(0)
    flags |= CompositionFlag(0) if at is None else CompositionFlag.TIME
    flags |= CompositionFlag(0) if of_user is None else CompositionFlag.USER
    content = b""
    for flag, kg in (
        (CompositionFlag.MUSCLE_MASS, muscle_kg),
        (CompositionFlag.BODY_WATER, water_kg),
        (CompositionFlag.WEIGHT, weight_kg),
    ):
        if kg is not None:
            flags |= flag
            content += _mass_steps(kg, False)
    fat = UNSUCCESSFUL.to_bytes(2, "little") if fat_percent is None else _tenths(fat_percent)
    return flags.to_bytes(2, "little") + fat + _time_and_user(at, of_user) + content


def _time_and_user(at: datetime | None, of_user: int | None) -> bytes:
    return (b"" if at is None else date_time_bytes(at)) + (b"" if of_user is None else bytes((of_user,)))


def _tenths(value: float) -> bytes:
    return _steps(value, TENTH)


def _mass_steps(kg: float | None, in_pounds: bool) -> bytes:
    if kg is None:
        return UNSUCCESSFUL.to_bytes(2, "little")
    return _steps(float(lb_from_kg(Decimal(repr(float(kg))))), LB_STEP) if in_pounds else _steps(kg, KG_STEP)


def _height_steps(cm: float, in_pounds: bool) -> bytes:
    return _steps(cm, INCH_STEP * CM_PER_INCH) if in_pounds else _steps(cm, CM_STEP)


def _steps(value: float, step: Decimal) -> bytes:
    return int((Decimal(repr(float(value))) / step).to_integral_value(ROUND_HALF_UP)).to_bytes(2, "little")
