"""A medicine dispenser: BTHome v2 with two buttons, told apart by their place: 1. a dose was taken, 2. one was missed.

The standard for it, IEEE 11073-10472 (medication monitor), is not on the air: we know of no dispenser that publishes it
over Bluetooth, nor any other open frame; those used in Norway speak to their maker's server over the mobile network
[R]. So the wire form is ours, made of what the format has (bthome.io/format, events of a device with several buttons),
small enough for the firmware of a dispenser, or for a bridge that somebody builds beside one.

"Taken" means that the cup was emptied or lifted, not that a lid was opened: a lid alone is a door (bthome_door). A
missed dose is said once, when the time for it has run out. A frame may say both: yesterday's taken, today's missed.
"""

from typing import Final

from devices.profiles.bthome import Press, advertiser, encode_buttons, numbered_buttons
from devices.vocabulary import EventType

PROFILE: Final = advertiser("dispenser", {}, numbered_buttons(EventType.DOSE_TAKEN, EventType.DOSE_MISSED))


def encode(*, taken: bool = False, missed: bool = False, packet_id: int, battery_percent: int) -> bytes:
    presses = [Press.SHORT if each else Press.NONE for each in (taken, missed)]
    return encode_buttons(presses=presses, packet_id=packet_id, battery_percent=battery_percent)
