"""The device's side of BTHome: frames for virtual devices."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from devices.profiles.bthome.frames import ON_TRIGGER, VERSION
from devices.profiles.bthome.objects import OBJECTS, Form, Object, Press


def encode_advert(objects: Sequence[tuple[int, int]], *, on_trigger: bool = False) -> bytes:
    """Service data of one-byte objects, put in order of their ids as the format asks; buttons stay in their order."""
    return encode_frame([(number, bytes((value,))) for number, value in objects], on_trigger=on_trigger)


def encode_frame(objects: Sequence[tuple[int, bytes]], *, on_trigger: bool = False) -> bytes:
    """`objects`: ids and their bytes as the table says; objects of the same id stay in their order."""
    ordered = sorted(objects, key=lambda each: each[0])
    return bytes((VERSION << 5 | (ON_TRIGGER if on_trigger else 0),)) + b"".join(
        bytes((number,)) + content for number, content in ordered
    )


def encode_number(number: int, value: Decimal) -> bytes:
    """The content of a number's object, to the nearest step that it has; OverflowError when it does not fit."""
    facts = OBJECTS[number]
    assert facts.form is Form.NUMBER and facts.size is not None, facts
    steps = int((value / facts.factor).to_integral_value(ROUND_HALF_UP))
    return steps.to_bytes(facts.size, "little", signed=facts.signed)


def encode_door(*, opened: bool, packet_id: int, battery_percent: int) -> bytes:
    return encode_detector(detector=Object.DOOR, detected=opened, packet_id=packet_id, battery_percent=battery_percent)


def encode_button(*, press: Press, packet_id: int, battery_percent: int) -> bytes:
    return encode_buttons(presses=(press,), packet_id=packet_id, battery_percent=battery_percent)


def encode_buttons(*, presses: Sequence[Press], packet_id: int, battery_percent: int) -> bytes:
    """A device with several buttons: each has its object, Press.NONE if it was left alone."""
    buttons = [(Object.BUTTON, press) for press in presses]
    return encode_advert([(Object.PACKET_ID, packet_id), (Object.BATTERY, battery_percent), *buttons], on_trigger=True)


def encode_detector(*, detector: Object, detected: bool, packet_id: int, battery_percent: int) -> bytes:
    """Any object that is a state: smoke, moisture, motion, occupancy ..."""
    return encode_advert([(Object.PACKET_ID, packet_id), (Object.BATTERY, battery_percent), (detector, int(detected))])
