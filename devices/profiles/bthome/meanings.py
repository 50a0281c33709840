"""What the profiles hear in the objects of a BTHome frame."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final

from devices.profiles.base import (
    FIXED_SILENT_S,
    WORN_SILENT_S,
    Advert,
    Happening,
    Identity,
    Presence,
    Profile,
    Quirk,
    Reach,
    Reading,
    Said,
    Sender,
    Switch,
)
from devices.profiles.bthome.frames import SERVICE, unsealed, walk
from devices.profiles.bthome.objects import Object, Press
from devices.profiles.decoding import reading
from devices.vocabulary import EventType, Kind

Meaning = Callable[[bytes], tuple[Said, ...]]
Buttons = Callable[[Sequence[int]], tuple[Said, ...]]  # the presses of the frame's buttons, the first button first

_PACKET_ID, _BATTERY, _BUTTON = int(Object.PACKET_ID), int(Object.BATTERY), int(Object.BUTTON)
_OPEN, _CLOSED = (Switch(opened=True),), (Switch(opened=False),)
_OCCUPIED, _VACANT = (Presence(occupied=True),), (Presence(occupied=False),)
FULL_PERCENT: Final = 100
_NO_PRESS: Final = frozenset((int(Press.NONE), int(Press.RELEASE)))


def is_press(press: int) -> bool:
    """Any press, also one that a later edition adds: who presses an alarm button longer still wants help."""
    return press not in _NO_PRESS


def decode_advert(meanings: Mapping[int, Meaning], buttons: Buttons | None, data: bytes, sender: Sender) -> Advert:
    payload, counter = unsealed(data, sender)
    packet_id: int | None = None
    presses: list[int] = []
    said: list[Said] = []
    facts: list[Said] = []
    for number, content in walk(payload)[0]:
        if number == _PACKET_ID:
            packet_id = content[0]
        elif number == _BATTERY:
            said.append(_battery(content[0]))
        elif number == _BUTTON:
            presses.append(content[0])
        elif (meaning := meanings.get(number)) is not None:
            facts += meaning(content)
    if presses and buttons is not None:
        facts += buttons(presses)
    said += facts if len(facts) < 2 else _once_each(facts)
    return Advert(packet_id=packet_id, said=tuple(said), counter=counter)


def _once_each(facts: Sequence[Said]) -> Iterator[Said]:
    """A frame has one state: a window that is closed does not close the door beside it that is open. And one alarm of
    each kind, however many of its sensors or buttons say so."""
    unique = dict.fromkeys(facts)
    for word in unique:
        match word:
            case Switch(opened=False) if Switch(opened=True) in unique:
                pass
            case Presence(occupied=False) if Presence(occupied=True) in unique:
                pass
            case _:
                yield word


@lru_cache(maxsize=256)
def _battery(percent: int) -> Reading:
    """A level that no battery has is no reading: the smoke beside it is still smoke."""
    return reading(Kind.BATTERY, Decimal(percent) if percent <= FULL_PERCENT else None)


def _firmware(content: bytes) -> tuple[Said, ...]:
    return (Identity(what="firmware", text=".".join(str(part) for part in reversed(content))),)


def _switch(content: bytes) -> tuple[Said, ...]:
    return _OPEN if content[0] else _CLOSED


def _presence(content: bytes) -> tuple[Said, ...]:
    return _OCCUPIED if content[0] else _VACANT


def detected(event: EventType) -> Meaning:
    """The format says that a state "should be" 0 or 1: what is not 0 counts, for it may be smoke."""
    happened = (Happening(type=event),)
    return lambda content: happened if content[0] else ()


def any_button(event: EventType) -> Buttons:
    happened = (Happening(type=event),)
    return lambda presses: happened if any(map(is_press, presses)) else ()


def numbered_buttons(*events: EventType | None) -> Buttons:
    """The first button is the first event, and so on; a button without an event says nothing."""
    happenings = tuple(None if event is None else Happening(type=event) for event in events)

    def said(presses: Sequence[int]) -> tuple[Said, ...]:
        pairs = zip(happenings, presses, strict=False)
        return tuple(happening for happening, press in pairs if happening is not None and is_press(press))

    return said


NEW_BATTERY: Final = Quirk(
    what="With a new battery an encrypting sensor counts anew, some from 0, some from anywhere.",
    source="github.com/Bluetooth-Devices/bthome-ble/issues/116 and pull/357",
)
BEACON_MODE: Final = Quirk(
    what="In beacon mode it numbers every advert anew, pressed or not; between presses the button says none.",
    source="github.com/home-assistant/core/issues/95892 and 96605: Shelly BLU Button",
)


def advertiser(
    name: str,
    meanings: Mapping[int, Meaning],
    buttons: Buttons | None = None,
    quirks: tuple[Quirk, ...] = (NEW_BATTERY,),
    *,
    is_worn: bool = False,
) -> Profile:
    every = {Object.FIRMWARE_3: _firmware, Object.FIRMWARE_4: _firmware, **meanings}
    plain = {int(number): meaning for number, meaning in every.items()}
    return Profile(
        name=name,
        reach=Reach.ADVERT,
        service=SERVICE,
        decode_advert=partial(decode_advert, plain, buttons),
        silent_after_s=WORN_SILENT_S if is_worn else FIXED_SILENT_S,
        is_worn=is_worn,
        quirks=quirks,
    )


# Also windows, garages and whatever opens.
DOOR: Final = advertiser(
    "bthome_door", dict.fromkeys((Object.DOOR, Object.WINDOW, Object.OPENING, Object.GARAGE_DOOR), _switch)
)
SOS: Final = advertiser("bthome_sos", {}, any_button(EventType.SOS), (NEW_BATTERY, BEACON_MODE), is_worn=True)
FALL: Final = advertiser("bthome_fall", {}, any_button(EventType.FALL), (NEW_BATTERY, BEACON_MODE), is_worn=True)
SMOKE: Final = advertiser("bthome_smoke", {Object.SMOKE: detected(EventType.SMOKE), Object.CO: detected(EventType.CO)})
GAS: Final = advertiser("bthome_gas", {Object.GAS: detected(EventType.GAS), Object.CO: detected(EventType.CO)})
WATER: Final = advertiser("bthome_water", {Object.MOISTURE: detected(EventType.WATER)})
MOTION: Final = advertiser("bthome_motion", {Object.MOTION: detected(EventType.MOTION)})
VIBRATION: Final = advertiser("bthome_vibration", {Object.VIBRATION: detected(EventType.VIBRATION)})
# A mat in the bed, a pad on the chair, a radar in the room.
BED: Final = advertiser("bthome_bed", dict.fromkeys((Object.OCCUPANCY, Object.PRESENCE), _presence))
