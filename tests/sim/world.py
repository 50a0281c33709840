"""A seed is a world: its devices, the deeds of people, faults and when. Then all is mended, and waited for."""

import asyncio
import contextlib
import logging
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from devices.limits import Limit
from devices.vocabulary import Kind
from edge.config import DeviceConfig
from tests.sim import loop as virtual
from tests.sim.air import Air, drops
from tests.sim.disk import Disk, instead_of
from tests.sim.gateway import Gateway, Machine, inside
from tests.sim.line import Line, Server, Weather
from tests.sim.things import Button, Door, EarThermometer, Meter, Strap, Thing

TROUBLED_S: Final = (240.0, 900.0)  # how long the faults last
MENDED_S: Final = 150.0  # at least so long without faults: longer than every back-off
LONGEST_S: Final = 4 * 3600.0
OFF_S: Final = (150.0, 900.0)  # without power, where the clock has no battery: more than is walked off unseen
SETTLED_S: Final = 600.0  # then the last row must be at the server
PULSE_LIMITS: Final = {0: {Kind.HEART_RATE: Limit(red_low=41, yellow_low=50, yellow_high=110, red_high=130)}}


@dataclass(kw_only=True, eq=False)
class World:
    seed: int
    dice: random.Random
    air: Air
    disk: Disk
    line: Line
    server: Server
    things: list[Thing]
    gateway: Gateway
    settled: bool = False
    line_times: list[tuple[float, bool]]


def run(seed: int, directory: Path) -> World:
    """The whole life of a world."""
    dice = random.Random(seed)
    disk = Disk(dice=random.Random(dice.random()), path=directory / f"outbox-{seed}.db")
    faults = _Faults()
    with instead_of(disk), faults:
        world = virtual.run(lambda _: _live(seed, dice, disk), end_s=LONGEST_S)
    world.gateway.faults += faults.found
    return world


class _Faults(logging.Handler):
    """What the agent's shells report as a fault of our own: a record with an exception. The rest is not printed."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info and record.exc_info[1] is not None:
            self.found.append(record.exc_info[1])

    def __enter__(self) -> None:
        log = logging.getLogger("edge")
        log.addHandler(self)
        log.propagate = False

    def __exit__(self, *_: object) -> None:
        log = logging.getLogger("edge")
        log.removeHandler(self)
        log.propagate = True


async def _live(seed: int, dice: random.Random, disk: Disk) -> World:
    world = _make(seed, dice, disk)
    with inside(world.gateway.machine, random.Random(world.dice.random())), _background(world):
        world.line.rise()
        await _until(world, dice.uniform(*TROUBLED_S))
        await _mend(world)
        await asyncio.sleep(MENDED_S)
        for thing in world.things:
            if isinstance(thing, Meter):
                thing.measure()  # whatever is still in its memory comes with this one
        world.settled = await _settle(world)
    await world.gateway.kill()
    return world


def _machine(dice: random.Random) -> Machine:
    """One in five has no battery; one in three of those gets no network time, and learns it from the server alone."""
    if dice.random() < 0.8:
        return Machine()
    return Machine(has_battery=False, network_time_s=dice.choice((20.0, 60.0, math.inf)))


def _make(seed: int, dice: random.Random, disk: Disk) -> World:
    machine = _machine(dice)
    air = Air(dice=random.Random(dice.random()))
    things: list[Thing] = [
        Strap(air, "C0:00:00:00:00:01", machine.now),
        Meter(air, "C0:00:00:00:00:02", machine.now),
        Button(air, "C0:00:00:00:00:03", machine.now, "bthome_sos"),
        Button(air, "C0:00:00:00:00:04", machine.now, "bthome_fall"),
        Door(air, "C0:00:00:00:00:05", machine.now),
        EarThermometer(air, "C0:00:00:00:00:06", machine.now),
    ]
    dice.shuffle(things)
    things = things[: dice.randint(3, len(things))]
    server = Server(now=machine.now)
    line = Line(random.Random(dice.random()), server, Weather())
    devices = [
        DeviceConfig(
            address=thing.address,
            profile=thing.profile,
            limits=PULSE_LIMITS if isinstance(thing, Strap) else {},
            cadence_s=dice.choice((None, 0.0, 5.0, 15.0)) if isinstance(thing, Strap) else None,
        )
        for thing in things
    ]
    gateway = Gateway(devices, air, disk, line, machine, random.Random(dice.random()))
    return World(
        seed=seed,
        dice=dice,
        air=air,
        disk=disk,
        line=line,
        server=server,
        things=things,
        gateway=gateway,
        line_times=[],
    )


@contextlib.contextmanager
def _background(world: World) -> Iterator[None]:
    tasks = [asyncio.create_task(thing.serve()) for thing in world.things]
    tasks += [asyncio.create_task(drops(world.air)), asyncio.create_task(_power(world))]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def _power(world: World) -> None:
    """As systemd does: the gateway is started until it runs. When the disk says that the power is gone, it is."""
    while True:
        while not world.gateway.runs:
            await asyncio.sleep(world.dice.uniform(0.5, 40))
            if not world.gateway.machine.has_battery:
                await asyncio.sleep(world.dice.uniform(*OFF_S))
                world.gateway.machine.wakes()
            try:
                await world.gateway.start()
            except Exception as error:
                world.gateway.faults.append(error)
                raise
        await world.gateway.ended.wait()
        await world.gateway.kill()


async def _until(world: World, end_s: float) -> None:
    deeds = [_deed_of(thing) for thing in world.things]
    while asyncio.get_running_loop().time() < end_s:
        await asyncio.sleep(world.dice.expovariate(1 / 12))
        if world.dice.random() < 0.6:
            await world.dice.choice(deeds)(world.dice)
        else:
            await _fault(world)


def _deed_of(thing: Thing):  # type: ignore[no-untyped-def]
    async def nothing(_: random.Random) -> None: ...

    async def measure(_: random.Random) -> None:
        thing.measure()  # type: ignore[attr-defined]

    async def press(_: random.Random) -> None:
        await thing.press()  # type: ignore[attr-defined]

    async def turn(_: random.Random) -> None:
        await thing.turn()  # type: ignore[attr-defined]

    match thing:
        case Meter() | EarThermometer():
            return measure
        case Button():
            return press
        case Door():
            return turn
        case _:
            return nothing


async def _fault(world: World) -> None:
    dice, line, air = world.dice, world.line, world.air
    now_s = asyncio.get_running_loop().time()
    match dice.choice(
        ("line", "line", "weather", "weather", "air", "air", "deaf", "kill", "disk", "full", "backup", "restore")
    ):
        case "line":
            line.fall() if line.is_up else line.rise()
        case "weather":
            line.weather = Weather(
                delay_s=dice.choice((0.02, 0.3, 2.0)),
                spread_s=dice.choice((0.0, 0.2, 4.0)),
                lost=dice.choice((0.0, 0.0, 0.1, 0.5)),
                doubled=dice.choice((0.0, 0.2)),
                receipt_lost=dice.choice((0.0, 0.3, 0.9)),
                crash=dice.choice((0.0, 0.2)),
            )
        case "air":
            air.trouble.drop_per_s = dice.choice((0.0, 0.01, 0.1))
            air.trouble.advert_missed = dice.choice((0.0, 0.3, 0.8))
            air.trouble.call_hangs = dice.choice((0.0, 0.02))
            air.trouble.call_fails = dice.choice((0.0, 0.1))
        case "deaf":
            air.hushed = not air.hushed
        case "kill":
            world.gateway.ended.set()
        case "disk":
            world.disk.cut_per_write = dice.choice((0.0, 0.02, 0.1))
        case "full":
            world.disk.full_until_s = now_s + dice.choice((1.0, 20.0))
        case "backup":
            world.server.back_up()
        case "restore":
            world.server.restore()


async def _mend(world: World) -> None:
    world.disk.cut_per_write, world.disk.full_until_s = 0.0, 0.0
    world.line.weather = Weather()
    world.air.hushed = False
    world.air.trouble.drop_per_s = world.air.trouble.advert_missed = 0.0
    world.air.trouble.call_hangs = world.air.trouble.call_fails = 0.0
    while not world.gateway.runs and not world.gateway.faults:  # noqa: ASYNC110 - either of two, in virtual time
        await asyncio.sleep(1.0)
    world.line.rise()


async def _settle(world: World) -> bool:
    """The streams are hushed, so that there is a last row."""
    for thing in world.things:
        if isinstance(thing, Strap):
            thing.quiet = True
    end_s = asyncio.get_running_loop().time() + SETTLED_S
    while asyncio.get_running_loop().time() < end_s:
        await asyncio.sleep(5.0)
        if await world.gateway.settled():
            await asyncio.sleep(40.0)  # an interval that is still open
            if await world.gateway.settled():
                return True
    return False
