"""One sensor of a virtual home, at one person: what it can be told to do, and the book of what it said."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from devices.virtual import peripherals
from devices.virtual.faults import Fault, Faulty, wrong_time
from devices.virtual.radio import Air
from devices.virtual.script import DeviceInHome

MEANINGS_KEPT = 64  # payloads whose words are still to come over the air
BATTERY_PERCENT = 93
GARBLED = (Fault.TRUNCATED, Fault.SURPLUS, Fault.NOISE)


class Physiology(Protocol):
    """A person at `t_s` seconds after the start."""

    def spo2(self, t_s: float) -> float: ...
    def pulse(self, t_s: float) -> float: ...
    def glucose(self, t_s: float) -> float: ...
    def temperature(self, t_s: float) -> float: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Word:
    """`what` is a Kind or an EventType as on the wire. `memory`: the device keeps it until a reader has it."""

    what: str
    value: float | None = None
    at: datetime
    memory: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What all sensors of a home share. `book` takes the device's address and what it said."""

    air: Air
    person: Physiology
    clock: Callable[[], datetime]
    zone: ZoneInfo
    book: Callable[[str, Word], None]


class Sensor:
    """One device at one person. Subclasses answer to the parts of the script that concern them."""

    peripheral: peripherals.Peripheral

    def __init__(self, device: DeviceInHome, around: Around) -> None:
        self.address = device.address
        self.name = device.name
        self.person = around.person
        self.on_body = True
        self._around = around
        self._clock_fault = device.clock
        self._faulty = Faulty(int(device.address.replace(":", ""), 16), rate=device.garbled, faults=GARBLED)
        self._meanings: OrderedDict[bytes, tuple[tuple[str, float | None], ...]] = OrderedDict()

    async def beat(self, t_s: float) -> None:
        """Once in every interval of a live stream."""

    async def measure(self, t_s: float) -> None:
        raise NotImplementedError(f"{self.name} takes no spot measurements")

    async def press(self) -> None:
        raise NotImplementedError(f"{self.name} has no button")

    async def turn(self, opened: bool) -> None:
        raise NotImplementedError(f"{self.name} is not a door")

    async def fall(self, took_back: bool) -> None:
        raise NotImplementedError(f"{self.name} notices no fall")

    async def dose(self, taken: bool) -> None:
        raise NotImplementedError(f"{self.name} gives no medicine")

    async def occupy(self, occupied: bool) -> None:
        raise NotImplementedError(f"{self.name} is neither a bed nor a chair")

    def put(self, on_body: bool) -> None:
        self.on_body = on_body
        self._around.book(self.address, Word(what="sensor_on" if on_body else "sensor_off", at=self._around.clock()))

    def _local_now(self) -> datetime:
        """A meter's clock: local time without a zone, whole seconds."""
        return self._around.clock().astimezone(self._around.zone).replace(microsecond=0, tzinfo=None)

    def _shown(self, local: datetime) -> datetime:
        """By its clock, when that should show `local`."""
        return local if self._clock_fault is None else wrong_time(self._clock_fault, local)

    def _book_kept(self, local: datetime, *words: tuple[str, float]) -> None:
        """What a device measured at `local` and keeps until a reader has it."""
        at = local.replace(tzinfo=self._around.zone).astimezone(UTC)
        for what, value in words:
            self._around.book(self.address, Word(what=what, value=float(value), at=at, memory=True))

    def _on_air(self, payload: bytes) -> tuple[bytes, ...]:
        return self._faulty.send(payload).payloads

    def _remember(self, payload: bytes, *words: tuple[str, float | None]) -> None:
        self._meanings[payload] = words
        self._meanings.move_to_end(payload)
        if len(self._meanings) > MEANINGS_KEPT:
            self._meanings.popitem(last=False)

    def on_said(self, _address: str, _uuid: str, payload: bytes) -> None:
        at = self._around.clock()
        for what, value in self._meanings.get(payload, ()):
            self._around.book(self.address, Word(what=what, value=value, at=at))
