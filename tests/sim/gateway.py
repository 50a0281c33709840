"""One gateway and its lives: the agent's own shells and cores, wired as `edge.agent` wires them, in virtual time."""

import asyncio
import contextlib
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from unittest.mock import patch

from devices.profiles import PROFILES
from devices.wire import codec
from devices.wire.messages import LinkState
from devices.wire.topics import Channel
from edge import ble, listening, own_clock, visit
from edge.config import DeviceConfig
from edge.core import health
from edge.core.health import Troubles
from edge.core.own_time import NOT_BEFORE
from edge.errors import OutboxError
from edge.inbound import Inbound
from edge.open_values import OpenValues
from edge.outbound import Outbound
from edge.own_clock import SystemClock
from tests.sim.air import Air, SimClient, SimScanner
from tests.sim.disk import Disk, SimOutboxThread
from tests.sim.line import Line
from tests.sim.things import OSLO

BEGAN: Final = datetime(2026, 10, 24, 22, 0, tzinfo=UTC)  # the night in which the clocks of Oslo go back
GATEWAY: Final = "sim-0001"
HEARTBEAT_S: Final = 30.0


class Machine:
    """The gateway's computer. Without a battery for its clock it wakes in 1970, until network time comes."""

    def __init__(self, *, has_battery: bool = True, network_time_s: float = math.inf) -> None:
        self.has_battery, self.network_time_s = has_battery, network_time_s
        self._booted_s = 0.0
        self._is_right = has_battery

    def now(self) -> datetime:
        """True time."""
        return BEGAN + timedelta(seconds=asyncio.get_running_loop().time())

    def wakes(self) -> None:
        """The power came back."""
        self._booted_s = asyncio.get_running_loop().time()
        self._is_right = self.has_battery

    def wall(self) -> datetime:
        """Network time comes so long after the power, if at all."""
        self._is_right = self._is_right or self.running().total_seconds() > self.network_time_s
        return self.now() if self._is_right else datetime(1970, 1, 1, tzinfo=UTC) + self.running()

    def is_synchronised(self) -> bool:
        self.wall()
        return self._is_right

    def running(self) -> timedelta:
        return timedelta(seconds=asyncio.get_running_loop().time() - self._booted_s)


class LifeClock(SystemClock):
    """The agent's own clock, on that machine."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        super().__init__()

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def _is_synchronised(self) -> bool:
        return self._machine.is_synchronised()


class SimDoor:
    """The one adapter."""

    name = "sim0"

    def __init__(self, air: Air) -> None:
        self._air = air

    async def open(self) -> None:
        await asyncio.sleep(0.01)

    async def close(self) -> None: ...

    def scanner(self, detected: Any) -> Any:
        return SimScanner(self._air, detected)

    def client(self, device: Any, dropped: Any, timeout_s: float) -> Any:
        return SimClient(self._air, device, dropped)

    async def pair(self, client: Any) -> None:
        await client.pair()

    def is_bonded(self, device: Any) -> bool:
        return False

    async def forget(self, device: Any) -> None: ...

    async def power_cycle(self) -> None:
        self._air.all_links_down()
        await asyncio.sleep(1.0)

    async def gone(self) -> None:
        await asyncio.Event().wait()


@dataclass(kw_only=True, eq=False)
class Life:
    """From the start of the process to its kill."""

    clock: LifeClock
    outbox: SimOutboxThread
    inbound: Inbound
    outbound: Outbound
    radio: ble.BleRadio
    tasks: list["asyncio.Task[Any]"]


class Gateway:
    def __init__(
        self, devices: Sequence[DeviceConfig], air: Air, disk: Disk, line: Line, machine: Machine, dice: random.Random
    ) -> None:
        self._devices, self._air, self._disk, self._line = devices, air, disk, line
        self.machine, self._dice = machine, dice
        self._life: Life | None = None
        self.starts: list[datetime] = []
        self.stops: list[datetime] = []
        self.timeless: list[tuple[datetime, datetime]] = []  # lives that never learned the time
        self.faults: list[BaseException] = []
        self.ended, self.running = asyncio.Event(), asyncio.Event()

    @property
    def runs(self) -> bool:
        return self._life is not None

    async def start(self) -> None:
        """Until the outbox is open. The power may go meanwhile."""
        self.ended.clear()
        troubles = Troubles()
        clock = LifeClock(self.machine)
        outbox = SimOutboxThread(self._disk, self.ended.set)
        outbound = Outbound(GATEWAY, outbox, clock, troubles, self._hello)
        outbound.uplink = self._line  # type: ignore[assignment]  # it rises and falls by the world's will
        open_values = OpenValues(self._disk.path.with_suffix(".jsonl"))
        inbound = Inbound(self._devices, OSLO, outbox, clock, troubles, outbound.committed, open_values=open_values)
        opening = asyncio.create_task(self._open(clock, outbox, inbound, outbound))
        gone = asyncio.create_task(self.ended.wait())
        await asyncio.wait({opening, gone}, return_when=asyncio.FIRST_COMPLETED)
        gone.cancel()
        if not opening.done():
            opening.cancel()
            outbox.pull_the_plug()
            return
        records = opening.result()
        radio = ble.BleRadio(
            {each.address: PROFILES[each.profile] for each in self._devices},
            records,
            inbound,
            clock,
            troubles,
            doors=[SimDoor(self._air)],
            zone=OSLO,
        )
        self._life = Life(clock=clock, outbox=outbox, inbound=inbound, outbound=outbound, radio=radio, tasks=[])
        self.running.set()
        self.starts.append(self.machine.now())
        self._life.tasks = [
            asyncio.create_task(self._part(part)) for part in (inbound.run, outbound.run, radio.run, self._heartbeat)
        ]
        self._line.attach(outbound.receipt, outbound.line_is_up, outbound.line_is_down)

    async def _open(
        self, clock: LifeClock, outbox: SimOutboxThread, inbound: Inbound, outbound: Outbound
    ) -> dict[str, int]:
        """As edge.agent does it: a disk that cannot be read must not keep us from measuring."""
        await outbound.load()
        with contextlib.suppress(OutboxError):
            clock.learn(await outbox.do(lambda box: box.newest_accepted() or NOT_BEFORE))
        clock.on_jump(inbound.jumped)
        clock.on_jump(outbound.clock_jumped)
        try:
            remembered, records = await outbox.do(lambda box: (box.remembered(), box.last_records()))
        except OutboxError:
            remembered, records = {}, {}
        inbound.recall(remembered)
        return records

    async def _part(self, part: Callable[[], Any]) -> None:
        """A fault of ours is the end of the seed, not a restart."""
        try:
            await part()
        except Exception as error:
            self.faults.append(error)
            raise

    async def kill(self) -> None:
        """kill -9: nothing is said goodbye to."""
        life, self._life = self._life, None
        if life is None:
            return
        self.running.clear()
        self.stops.append(self.machine.now())
        if not life.clock.is_set():
            self.timeless.append((self.starts[-1], self.stops[-1]))
        self._line.detach()
        for client in list(self._air.clients):
            client._end()
        self._air.scanners.clear()
        life.outbox.pull_the_plug()
        for task in life.tasks:
            task.cancel()
        await asyncio.wait(life.tasks, timeout=5)
        for client in list(self._air.clients):
            client._end()
        self._air.scanners.clear()

    def waiting(self) -> int:
        return 0 if self._life is None else sum(self._life.outbound.waiting().values())

    async def settled(self) -> bool:
        """Nothing waits in memory or in the outbox."""
        return self._life is not None and await self._life.inbound.flush(1.0) and self.waiting() == 0

    def _hello(self) -> None:
        life = self._life
        if life is None or life.outbound.outbox_id is None:
            return
        me = health.Self(
            gateway=GATEWAY, outbox=life.outbound.outbox_id, run="0" * 16, version="sim", every_s=HEARTBEAT_S
        )
        status = health.status(
            me,
            LinkState.ONLINE,
            at=self.machine.now(),
            waiting=life.outbound.waiting(),
            set_aside=0,
            devices=life.inbound.reports(life.radio.states()),
            troubles=[],
            hello=True,
        )
        self._line.publish(Channel.STATUS, codec.encode(status))

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            self._hello()


@contextlib.contextmanager
def inside(machine: Machine, dice: random.Random) -> Iterator[None]:
    """The agent's shells look at this machine's clocks, and throw the seed's dice."""
    again = type("Dice", (), {"Random": staticmethod(lambda: random.Random(dice.random()))})
    with (
        patch.object(visit, "random", again),
        patch.object(listening, "random", again),
        patch.multiple(own_clock, _wall=machine.wall, _running=machine.running),
    ):
        yield
