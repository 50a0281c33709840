"""Weight Scale (181D) with Weight Measurement (2A9D), and Body Composition (181B) with its measurement (2A9C). WSS 1.0,
section 3.2; BCS 1.0, section 3.2; GATT Specification Supplement.

The resolution that the features (2A9E, 2A9B) name is how finely the scale weighs. What a step of the numbers on the
air means is fixed: 0.005 kg or 0.01 lb, 0.001 m or 0.1 in.
"""

from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import IntFlag
from types import MappingProxyType
from typing import Final

from devices.gatt import Reader
from devices.profiles import battery, current_time, device_information, scale_composition, scale_weight
from devices.profiles.base import Profile, Quirk, Reach, Said, SetsClock, uuid16
from devices.profiles.decoding import by_characteristic
from devices.profiles.scale_composition import CompositionFlag, Packet
from devices.profiles.scale_weight import NOBODY, Message
from devices.profiles.wording import name
from devices.vocabulary import Kind

WEIGHT_SCALE: Final = uuid16(0x181D)
BODY_COMPOSITION: Final = uuid16(0x181B)
WEIGHT: Final = uuid16(0x2A9D)
COMPOSITION: Final = uuid16(0x2A9C)
WEIGHT_FEATURE: Final = uuid16(0x2A9E)
COMPOSITION_FEATURE: Final = uuid16(0x2A9B)


class Scale:
    """One scale's messages. A composition in two packets is said packet by packet, both of the same user and time. One
    that does not say whose it is belongs to the weight said just before: the BF105 sends them so."""

    def __init__(self) -> None:
        self._weight: Message | None = None  # that no composition has followed yet
        self._first: Packet | None = None  # of two

    def weight(self, data: bytes) -> tuple[Said, ...]:
        self._weight, self._first = (message := scale_weight.parse(data)), None
        return message.said()

    def composition(self, data: bytes) -> tuple[Said, ...]:
        packet = scale_composition.parse(data)
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
        WEIGHT: scale_weight.decode,
        COMPOSITION: scale_composition.decode,
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
