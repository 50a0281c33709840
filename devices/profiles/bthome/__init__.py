"""BTHome v2 advertisements: doors, buttons, smoke, water and every other sensor that shouts what it sees.

`objects` is the table of the format, `frames` cuts and unseals, `meanings` is what our profiles hear, `encoding` is the
device's side.
"""

from devices.profiles.base import Sender
from devices.profiles.bthome.encoding import (
    encode_advert,
    encode_button,
    encode_buttons,
    encode_detector,
    encode_door,
    encode_frame,
    encode_number,
)
from devices.profiles.bthome.frames import SERVICE, Frame, parse, sealed
from devices.profiles.bthome.meanings import (
    BED,
    DOOR,
    FALL,
    GAS,
    MOTION,
    SMOKE,
    SOS,
    VIBRATION,
    WATER,
    advertiser,
    numbered_buttons,
)
from devices.profiles.bthome.objects import OBJECTS, Object, Press, words

__all__ = [
    "BED",
    "DOOR",
    "FALL",
    "GAS",
    "MOTION",
    "OBJECTS",
    "SERVICE",
    "SMOKE",
    "SOS",
    "VIBRATION",
    "WATER",
    "Frame",
    "Object",
    "Press",
    "advertiser",
    "encode_advert",
    "encode_button",
    "encode_buttons",
    "encode_detector",
    "encode_door",
    "encode_frame",
    "encode_number",
    "explain",
    "numbered_buttons",
    "parse",
    "sealed",
    "words",
]


def explain(service_data: bytes, sender: Sender) -> list[str]:
    frame = parse(service_data, sender)
    said = [] if frame.counter is None else [f"encryption counter: {frame.counter}"]
    said += [words(number, content) for number, content in frame.objects]
    if frame.not_read:
        said.append(f"object {frame.not_read[0]:#04x} is not known: not read from there on: {frame.not_read.hex(' ')}")
    return said
