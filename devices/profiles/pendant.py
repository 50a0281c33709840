"""A fall pendant that says more than one thing: BTHome v2 with up to three buttons, told apart by their place.

1. the wearer's own press, 2. the fall detector, 3. the wearer's "I am fine" within the seconds in which the pendant
asks. A frame with one button is a plain alarm button. We know of no pendant that publishes an open frame: this is ours,
made of what the format has (bthome.io/format, events of a device with several buttons).

A fall that was taken back is still said: a person decides what it was, and so is a press. "I am fine" by itself says
nothing, for there is nobody whom it should calm; it is in what `decode` explains.
"""

from typing import Final

from devices.profiles.bthome import Press, advertiser, encode_buttons, numbered_buttons
from devices.vocabulary import EventType

PROFILE: Final = advertiser("pendant", {}, numbered_buttons(EventType.SOS, EventType.FALL, None), is_worn=True)


def encode(
    *, pressed: bool = False, fell: bool = False, took_back: bool = False, packet_id: int, battery_percent: int
) -> bytes:
    presses = [Press.SHORT if each else Press.NONE for each in (pressed, fell, took_back)]
    return encode_buttons(presses=presses, packet_id=packet_id, battery_percent=battery_percent)
