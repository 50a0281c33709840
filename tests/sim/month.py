"""Weeks of one gateway with twenty devices, in virtual time: what grows with the days?

Worn ten minutes a day: four straps. Said again every minute: eight doors. The rest is used as people do. On the twelfth
day there is no line.
"""

import asyncio
import gc
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.config import DeviceConfig
from tests.sim import loop as virtual
from tests.sim.air import Air
from tests.sim.disk import Disk, instead_of
from tests.sim.gateway import Gateway, Machine, inside
from tests.sim.line import Line, Server, Weather
from tests.sim.things import Button, Door, EarThermometer, Meter, Strap, Thing

DAY_S: Final = 86_400.0
WORN_S: Final = 600.0
AGAIN_S: Final = 60.0
OUTAGE: Final = 12  # the day
KEPT_DAYS: Final = 4  # until then the outbox fills with what it keeps for 72 hours
LEAST_DAYS: Final = 20
WINDOW: Final = 5  # days, of which the dearest counts
OBJECTS_A_DAY: Final = 0.001  # of the newest 512 readings of each meter and thermometer it knows that it had them
DISK_A_DAY: Final = 0.0004
LOG_SLACK_BYTES: Final = 8 * 4120  # pages of its log: threads decide how far a reader holds up its next round
WORK: Final = 0.01


@dataclass(frozen=True, kw_only=True, slots=True)
class Day:
    """`objects` that Python's collector knows; `turns` of the event loop and `commits` in this day; of the outbox the
    bytes on the disk, those of its log, which is used round and round, and the rows that wait."""

    objects: int
    turns: int
    commits: int
    disk_bytes: int
    log_bytes: int
    waiting: int
    cpu_s: float


def grown(days: list[Day]) -> list[str]:
    """One sentence for each thing of which the last days took more than the first."""
    assert len(days) >= LEAST_DAYS
    usual = [day for number, day in enumerate(days, 1) if number > KEPT_DAYS and number not in (OUTAGE, OUTAGE + 1)]
    first, last, after_outage = usual[:WINDOW], usual[-WINDOW:], days[OUTAGE : OUTAGE + 3]
    apart = len(days) - KEPT_DAYS - WINDOW
    looked_at = (
        ("waiting", 0, max(day.waiting for day in usual)),
        ("objects", max(day.objects for day in first) * (1 + OBJECTS_A_DAY * apart), max(day.objects for day in last)),
        ("turns", max(day.turns for day in first) * (1 + WORK), max(day.turns for day in last)),
        ("commits", max(day.commits for day in first) * (1 + WORK), max(day.commits for day in last)),
        (
            "disk_bytes",
            max(day.disk_bytes for day in after_outage) * (1 + DISK_A_DAY * apart),
            max(day.disk_bytes for day in last),
        ),
        ("log_bytes", max(day.log_bytes for day in after_outage) + LOG_SLACK_BYTES, max(day.log_bytes for day in last)),
    )
    return [f"{what}: {found}, at most {most:.0f} was to be" for what, most, found in looked_at if found > most]


class _Door(Door):
    async def serve(self) -> None:
        while True:
            await asyncio.sleep(AGAIN_S)
            self.air.advertise(self, self._frame())


def run(days: int, directory: Path) -> list[Day]:
    disk = Disk(dice=random.Random(1), path=directory / "month.db", slow_s=0.0)
    with instead_of(disk):
        return virtual.run(lambda loop: _live(days, disk, loop), end_s=(days + 1) * DAY_S)


async def _live(days: int, disk: Disk, loop: virtual.VirtualLoop) -> list[Day]:
    machine, air = Machine(), Air(dice=random.Random(2))
    things = _things(air, machine)
    server = Server(now=machine.now)
    line = Line(random.Random(3), server, Weather())
    devices = [DeviceConfig(address=thing.address, profile=thing.profile) for thing in things]
    gateway = Gateway(devices, air, disk, line, machine, random.Random(4))
    samples: list[Day] = []
    with inside(machine, random.Random(5)), _serving(things):
        await gateway.start()
        for day in range(1, days + 1):
            line.fall() if day == OUTAGE else line.rise()
            turns, commits, cpu_s = loop.turns, disk.commits, time.process_time()
            await _day(things, day * DAY_S)
            _forget(disk, line, server, things)
            sizes = {file.name: file.stat().st_size for file in disk.path.parent.glob(f"{disk.path.name}*")}
            log = f"{disk.path.name}-wal"
            samples.append(
                Day(
                    objects=_objects(),
                    turns=loop.turns - turns,
                    commits=disk.commits - commits,
                    disk_bytes=sum(size for name, size in sizes.items() if name != log),
                    log_bytes=sizes.get(log, 0),
                    waiting=gateway.waiting(),
                    cpu_s=time.process_time() - cpu_s,
                )
            )
        await gateway.kill()
    return samples


def _things(air: Air, machine: Machine) -> list[Thing]:
    places = iter(range(1, 100))

    def address() -> str:
        return f"C0:00:00:00:01:{next(places):02X}"

    return [
        *(Strap(air, address(), machine.now) for _ in range(4)),
        *(Meter(air, address(), machine.now) for _ in range(2)),
        *(EarThermometer(air, address(), machine.now) for _ in range(2)),
        *(_Door(air, address(), machine.now) for _ in range(8)),
        *(Button(air, address(), machine.now, "bthome_sos") for _ in range(2)),
        *(Button(air, address(), machine.now, "bthome_fall") for _ in range(2)),
    ]


@contextmanager
def _serving(things: list[Thing]) -> Iterator[None]:
    for thing in things:
        thing.quiet = isinstance(thing, Strap)
    tasks = [asyncio.create_task(thing.serve()) for thing in things]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def _day(things: list[Thing], end_s: float) -> None:
    """The same deeds on every day, spread over it."""
    for thing in things:
        await asyncio.sleep(1800.0)
        match thing:
            case Strap():
                thing.quiet = False
                await asyncio.sleep(WORN_S)
                thing.quiet = True
                if thing.link is not None:
                    thing.link.drop()
            case Meter() | EarThermometer():
                thing.measure()
            case Button():
                await thing.press()
            case Door():
                await thing.turn()
    await asyncio.sleep(end_s - asyncio.get_running_loop().time())


def _forget(disk: Disk, line: Line, server: Server, things: list[Thing]) -> None:
    """What the simulation itself remembers would grow."""
    disk.accepted.clear()
    disk.accepted_s.clear()
    line.came.clear()
    server.stored.clear()
    server.rows.clear()
    server.lost.clear()
    for thing in things:
        thing.book.values.clear()
        thing.book.presses.clear()
        thing.book.turns.clear()
        thing.book.taken.clear()


def _objects() -> int:
    gc.collect()
    return len(gc.get_objects())
