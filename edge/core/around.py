"""What is on the air around a gateway, while a technician listens: for a while, and of sorts that we can read.

What a device measures and what it is called stay outside: it may be the neighbour's."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from devices.errors import DecodeError
from devices.profiles import PROFILES, bthome
from devices.profiles.base import Sender
from devices.profiles.bthome.frames import ENCRYPTED
from devices.profiles.bthome.meanings import FULL_PERCENT
from devices.profiles.bthome.objects import Object
from devices.wire.columns import to_millis
from devices.wire.messages import Command, NearbyDevice

LONGEST: Final = timedelta(minutes=10)  # one window: whoever forgets it does not listen to the neighbours all night
FRESH_S: Final = 60.0  # heard so long ago, it is not said any more
MOST_SAID: Final = 48
MOST_KNOWN: Final = 400
SAY_EVERY_S: Final = 2.0
LIKELY: Final = (
    ("bthome_smoke", (Object.SMOKE,)),
    ("bthome_gas", (Object.GAS, Object.CO)),
    ("bthome_water", (Object.MOISTURE,)),
    ("bthome_door", (Object.DOOR, Object.WINDOW, Object.OPENING, Object.GARAGE_DOOR)),
    ("bthome_bed", (Object.OCCUPANCY, Object.PRESENCE)),
    ("bthome_motion", (Object.MOTION,)),
    ("bthome_vibration", (Object.VIBRATION,)),
)
BUTTONS: Final = {1: ("bthome_sos", "bthome_fall"), 2: ("pendant", "bthome_sos"), 3: ("pendant", "bthome_sos")}
OF_BTHOME: Final = tuple(name for name, profile in PROFILES.items() if profile.service == bthome.SERVICE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sort:
    """What an advertisement says of its sender. `profiles`: what it may be, the likeliest first; none: nothing of
    ours."""

    profiles: tuple[str, ...]
    battery_percent: int | None = None
    encrypted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class _Heard:
    sort: Sort
    rssi_dbm: int | None
    at: datetime
    at_s: float


def sort_of(service_uuids: Sequence[str], bthome_data: bytes | None, sender: Sender, configured: str | None) -> Sort:
    """`configured`: as which profile it is read here already."""
    if bthome_data is not None:
        found = _of_bthome(bthome_data, sender)
    else:
        named = set(service_uuids)
        found = Sort(profiles=tuple(name for name, each in PROFILES.items() if each.service in named))
    if configured is None or configured not in PROFILES:
        return found
    return Sort(profiles=(configured,), battery_percent=found.battery_percent, encrypted=found.encrypted)


def _of_bthome(data: bytes, sender: Sender) -> Sort:
    if not data:
        return Sort(profiles=())
    encrypted = bool(data[0] & ENCRYPTED)
    try:
        frame = bthome.parse(data, sender)
    except DecodeError:
        return Sort(profiles=OF_BTHOME if encrypted else (), encrypted=encrypted)
    numbers = [number for number, _ in frame.objects]
    likely = [name for name, objects in LIKELY if any(number in objects for number in numbers)]
    likely += BUTTONS.get(min(numbers.count(Object.BUTTON), 3), ())
    others = [name for name in OF_BTHOME if name not in likely] if not likely else []
    levels = [
        content[0] for number, content in frame.objects if number == Object.BATTERY and content[0] <= FULL_PERCENT
    ]
    return Sort(profiles=(*likely, *others), battery_percent=next(iter(levels), None), encrypted=encrypted)


class Around:
    """`now_s`: a clock that only goes forward; whether somebody listens is judged by it alone."""

    def __init__(self) -> None:
        self._until_s: float | None = None
        self._until: datetime | None = None
        self._heard: dict[str, _Heard] = {}

    def listen(self, command: Command, now: datetime, now_s: float, *, is_clock_set: bool) -> None:
        """Until the command's end, and no longer than LONGEST. A gateway that does not know the time listens as long
        as the command was made for."""
        if command.until is None:
            return
        since = to_millis(now) if is_clock_set or command.at is None else command.at
        left = min(timedelta(milliseconds=command.until - since), LONGEST)
        if left <= timedelta(0):
            return
        self._until_s, self._until = now_s + left.total_seconds(), now + left

    def until(self, now_s: float) -> datetime | None:
        """None: nobody listens, and nothing is kept."""
        if self._until_s is not None and now_s >= self._until_s:
            self._until_s = self._until = None
            self._heard.clear()
        return self._until

    def hear(self, address: str, sort: Sort, rssi_dbm: int | None, now: datetime, now_s: float) -> None:
        if self.until(now_s) is None or not sort.profiles:
            return
        before = self._heard.get(address)
        if before is None and len(self._heard) >= MOST_KNOWN:
            self._forget(now_s)
            if len(self._heard) >= MOST_KNOWN:
                return
        if before is not None:
            sort = _joined(before.sort, sort)
        self._heard[address] = _Heard(sort=sort, rssi_dbm=rssi_dbm, at=now, at_s=now_s)

    def nearby(self, now_s: float) -> list[NearbyDevice]:
        """The strongest first."""
        if self.until(now_s) is None:
            return []
        self._forget(now_s)
        loudest = sorted(self._heard.items(), key=lambda each: (-_strength(each[1].rssi_dbm), each[0]))
        return [
            NearbyDevice(
                device=address,
                profiles=list(heard.sort.profiles),
                seen_at=to_millis(heard.at),
                rssi_dbm=heard.rssi_dbm,
                battery_percent=heard.sort.battery_percent,
                encrypted=heard.sort.encrypted,
            )
            for address, heard in loudest[:MOST_SAID]
        ]

    def _forget(self, now_s: float) -> None:
        gone = [address for address, heard in self._heard.items() if now_s - heard.at_s > FRESH_S]
        for address in gone:
            del self._heard[address]


def _strength(rssi_dbm: int | None) -> int:
    return -128 if rssi_dbm is None else rssi_dbm


def _joined(before: Sort, now: Sort) -> Sort:
    """One advertisement says the battery, another the button: what was more certain stays."""
    return Sort(
        profiles=min(before.profiles, now.profiles, key=len) if before.encrypted == now.encrypted else now.profiles,
        battery_percent=before.battery_percent if now.battery_percent is None else now.battery_percent,
        encrypted=now.encrypted,
    )
