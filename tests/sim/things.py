"""What stands in the simulated home. Each thing keeps a book of what got through to a gateway, and when."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from devices.profiles import bthome, glucose, heart_rate, racp, thermometer
from devices.virtual.gatt_servers.racp import Answer, Op, Work, count_response, decide, response
from tests.sim.air import Air, Device

OSLO: Final = ZoneInfo("Europe/Oslo")
REPEATS: Final = 12  # advertisements of one press, 0.3 s apart
SECOND: Final = timedelta(seconds=1)
ON_AIR_S: Final = 12.0  # of a spot-check meter, after a measurement


@dataclass(kw_only=True, eq=False)
class Book:
    """What happened. `values`: instants at which a raw value got to a gateway. `presses`, `turns`: and whether anybody
    could hear it. `records`: by number."""

    values: list[tuple[datetime, float]] = field(default_factory=list)
    presses: list[tuple[datetime, bool]] = field(default_factory=list)
    records: dict[int, tuple[datetime, float]] = field(default_factory=dict)
    taken: list[tuple[datetime, float, bool]] = field(default_factory=list)
    turns: list[tuple[datetime, bool, bool]] = field(default_factory=list)


class Thing(Device):
    profile: str

    def __init__(self, air: Air, address: str, now: Callable[[], datetime]) -> None:
        super().__init__(air, address)
        self.now, self.book = now, Book()
        self.awake = asyncio.Event()
        self.awake.set()

    @property
    def quiet(self) -> bool:
        return not self.awake.is_set()

    @quiet.setter
    def quiet(self, quiet: bool) -> None:
        if quiet:
            self.awake.clear()
        else:
            self.awake.set()

    async def _say(self, service_data: dict[str, bytes]) -> bool:
        heard = False
        for _ in range(REPEATS):
            heard |= self.air.advertise(self, service_data)
            await asyncio.sleep(0.3)
        return heard


class Strap(Thing):
    """A pulse every second; now and then an episode beyond the red limit, or taken off."""

    profile = "heart_rate"

    async def serve(self) -> None:
        dice, pulse, episode_s = self.air.dice, 72.0, 0
        while True:
            await self.awake.wait()
            await asyncio.sleep(1.0)
            if self.link is None:
                self.air.advertise(self, {})
                continue
            episode_s = episode_s - 1 if episode_s else (40 if dice.random() < 0.003 else 0)
            pulse = min(max(pulse + dice.uniform(-2, 2), 55), 100)
            rate = round(pulse + (70 if episode_s else 0))
            if self.notify(heart_rate.MEASUREMENT, heart_rate.encode_measurement(per_min=rate, on_body=True)):
                self.book.values.append((self.now(), float(rate)))

    def characteristics(self) -> tuple[str, ...]:
        return (heart_rate.MEASUREMENT,)


class Meter(Thing):
    """A blood sugar meter: on the air for seconds, with everything it ever measured in its memory."""

    profile = "glucose"

    def __init__(self, air: Air, address: str, now: Callable[[], datetime]) -> None:
        super().__init__(air, address, now)
        self.quiet = True
        self._on_air_until_s = 0.0
        self._stored: dict[int, bytes] = {}
        self._reporting: asyncio.Task[None] | None = None

    def on_air(self) -> bool:
        return asyncio.get_running_loop().time() < self._on_air_until_s or self.link is not None

    def characteristics(self) -> tuple[str, ...]:
        return (glucose.MEASUREMENT, glucose.CONTEXT, racp.CONTROL_POINT)

    async def serve(self) -> None:
        while True:
            await self.awake.wait()
            await asyncio.sleep(0.5)
            self.quiet = not self.on_air()
            if self.link is None and self.on_air():
                self.air.advertise(self, {})

    def measure(self) -> None:
        """Not twice in one second: its clock could not tell the two apart."""
        if self.book.records and self.now() - max(at for at, _ in self.book.records.values()) < 2 * SECOND:
            return
        number, value = len(self._stored) + 1, round(self.air.dice.uniform(4, 12), 1)
        local = self.now().astimezone(OSLO).replace(microsecond=0, tzinfo=None)
        self._stored[number] = glucose.encode_measurement(record=number, at=local, mmol_per_l=value)
        self.book.records[number] = (local.replace(tzinfo=OSLO).astimezone(UTC), value)
        self._on_air_until_s = asyncio.get_running_loop().time() + ON_AIR_S
        self.quiet = False

    def unlinked(self) -> None:
        self._on_air_until_s = 0.0
        if self._reporting is not None:
            self._reporting.cancel()

    async def write(self, uuid: str, data: bytes) -> None:
        if uuid == racp.CONTROL_POINT:
            self._reporting = asyncio.create_task(self._answer(data))

    async def _answer(self, request: bytes) -> None:
        await asyncio.sleep(0.05)
        outcome = decide(request, sorted(self._stored))
        if not isinstance(outcome, Work):
            self.notify(racp.CONTROL_POINT, response(outcome.request_op, outcome.answer))
            return
        if outcome.op is Op.COUNT:
            self.notify(racp.CONTROL_POINT, count_response(len(outcome.sequence_numbers)))
            return
        for number in outcome.sequence_numbers if outcome.op is Op.REPORT else ():
            await asyncio.sleep(0.03)
            self.notify(glucose.MEASUREMENT, self._stored[number])
        self.notify(racp.CONTROL_POINT, response(outcome.op, Answer.SUCCESS))


class EarThermometer(Thing):
    """On the air after a measurement; says it once, and then has forgotten it."""

    profile = "thermometer"

    def __init__(self, air: Air, address: str, now: Callable[[], datetime]) -> None:
        super().__init__(air, address, now)
        self.quiet = True
        self._on_air_until_s = 0.0
        self._pending: tuple[datetime, float] | None = None

    def on_air(self) -> bool:
        return asyncio.get_running_loop().time() < self._on_air_until_s or self.link is not None

    def characteristics(self) -> tuple[str, ...]:
        return (thermometer.MEASUREMENT,)

    def measure(self) -> None:
        self._pending = (self.now(), round(self.air.dice.uniform(36, 39), 1))
        self._on_air_until_s = asyncio.get_running_loop().time() + ON_AIR_S
        self.quiet = False

    async def serve(self) -> None:
        while True:
            await self.awake.wait()
            await asyncio.sleep(0.5)
            self.quiet = not self.on_air()
            if self.link is None:
                if self.on_air():
                    self.air.advertise(self, {})
            elif self._pending is not None:
                at, value = self._pending
                local = at.astimezone(OSLO).replace(microsecond=0, tzinfo=None)
                if self.notify(thermometer.MEASUREMENT, thermometer.encode_measurement(celsius=value, at=local)):
                    self._pending = None
                    self.book.taken.append((self.now(), value, True))


class Button(Thing):
    """An SOS button or a fall pendant."""

    def __init__(self, air: Air, address: str, now: Callable[[], datetime], profile: str) -> None:
        super().__init__(air, address, now)
        self.profile = profile
        self._packet = 0

    async def press(self) -> None:
        self._packet = (self._packet + 1) % 256
        at = self.now()
        data = bthome.encode_button(press=bthome.Press.SHORT, packet_id=self._packet, battery_percent=90)
        self.book.presses.append((at, await self._say({bthome.SERVICE: data})))


class Door(Thing):
    """Says its state again all the time."""

    profile = "bthome_door"

    def __init__(self, air: Air, address: str, now: Callable[[], datetime]) -> None:
        super().__init__(air, address, now)
        self.opened = False
        self._packet = 0

    def _frame(self) -> dict[str, bytes]:
        return {bthome.SERVICE: bthome.encode_door(opened=self.opened, packet_id=self._packet, battery_percent=88)}

    async def turn(self) -> None:
        self.opened, self._packet = not self.opened, (self._packet + 1) % 256
        at = self.now()
        heard = await self._say(self._frame())
        self.book.turns.append((at, self.opened, heard))

    async def serve(self) -> None:
        while True:
            await asyncio.sleep(20.0)
            self.air.advertise(self, self._frame())
