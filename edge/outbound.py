"""From the outbox to the server: the file's rows, and beside them those in memory while the disk cannot be written."""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final

from devices.errors import WireError
from devices.vocabulary import Item
from devices.wire import codec
from devices.wire.columns import from_millis
from devices.wire.messages import Lane
from edge.carrier import Around, Carrier
from edge.core.delivery_words import Appended, ClockSet, Connected, DeliveryEvent, Disconnected, Pace, ReceiptCame
from edge.core.health import Troubles
from edge.errors import OutboxError
from edge.outbox_thread import OutboxThread
from edge.ports import Clock, Home, Uplink

OPEN_S: Final = 10.0  # for the disk to answer at the start
RETRY_S: Final = 5.0
DISK_AGAIN_S: Final = 10.0
CLOCK_AGAIN_S: Final = 1.0

log = logging.getLogger(__name__)


class Outbound:
    """`say_hello` publishes a status that asks for a receipt. `home` is told what the server has."""

    def __init__(
        self,
        gateway: str,
        outbox: OutboxThread,
        clock: Clock,
        troubles: Troubles,
        say_hello: Callable[[], None],
        pace: Pace | None = None,
        home: Home | None = None,
    ) -> None:
        self.uplink: Uplink | None = None
        self.receipt_at: datetime | None = None
        self.unreadable_receipts = 0
        self._gateway, self._outbox, self._clock, self._troubles = gateway, outbox, clock, troubles
        self._home = home
        self._around = Around(
            gateway=gateway,
            clock=clock,
            troubles=troubles,
            pace=pace or Pace(),
            uplink=self._line,
            say_hello=say_hello,
            arrived=self._arrived,
            replaced=self._renumbered,
        )
        self._main = Carrier(outbox.do, self._around, is_main=True)
        self._spare: Carrier | None = None
        self._spare_needed = asyncio.Event()
        self._is_connected = False
        outbox.switched = self._renumbered

    @property
    def outbox_id(self) -> str | None:
        """The one that the gateway's status names. None: nothing is loaded yet."""
        if self._main.outbox_id is None and self._outbox.spare is not None:
            return self._outbox.spare.id
        return self._main.outbox_id

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    @property
    def set_aside(self) -> int:
        return sum(carrier.set_aside for carrier in self._carriers())

    def waiting(self) -> dict[Lane, int]:
        return {lane: sum(carrier.waiting(lane) for carrier in self._carriers()) for lane in Lane}

    def line_is_up(self) -> None:
        self._is_connected = True
        self._tell(Connected())

    def line_is_down(self) -> None:
        self._is_connected = False
        self._tell(Disconnected())

    def committed(self, outbox: str, newest: Mapping[Lane, int]) -> None:
        """Rows are in this outbox, up to these numbers."""
        for carrier in self._carriers():
            if carrier.outbox_id == outbox:
                for lane in Lane:
                    if lane in newest:
                        carrier.tell(Appended(lane, newest[lane]))
                return
        if self._outbox.spare is not None and self._outbox.spare.id == outbox:
            self._spare_needed.set()
        else:
            self._main.look()

    def receipt(self, payload: bytes) -> None:
        try:
            receipt = codec.decode_receipt(payload)
            if receipt.gateway != self._gateway:
                raise WireError(f"it is for {receipt.gateway}")
        except WireError as error:
            self.unreadable_receipts += 1
            log.warning("a receipt that cannot be read (number %d): %s", self.unreadable_receipts, error)
            return
        if receipt.at is not None:
            self._clock.hear(from_millis(receipt.at))
        self.receipt_at = self._clock.now()
        # A server that does not say the time cannot put a clock right that looks right.
        if self._clock.is_set() or (receipt.at is None and not self._clock.is_wrong()):
            self._tell(ClockSet())
        self._tell(ReceiptCame(receipt))

    def clock_jumped(self, by: timedelta, since: datetime) -> None:
        """What waits in the outbox was taken by a clock that was wrong by so much."""
        log.warning(
            "our own clock was wrong by %.0f s: what was taken since the start is put right", by.total_seconds()
        )
        self._outbox.clock_jumped(by, since)
        for carrier in self._carriers():
            carrier.look()

    async def load(self) -> None:
        """Open the outbox. If the disk does not let us, we begin in memory and go on trying."""
        try:
            async with asyncio.timeout(OPEN_S):
                await self._main.load()
        except (OutboxError, TimeoutError) as error:
            self._outbox.use_spare(str(error) or f"the disk has not answered for {OPEN_S:.0f} s")
            self._spare_needed.set()
        self._note_damage()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._run_main())
            group.create_task(self._watch_clock())
            while True:
                await self._spare_needed.wait()
                await self._run_spare(group)

    async def flush(self, limit_s: float) -> bool:
        """Everything in the outbox is receipted (False: not in time)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                for carrier in self._carriers():
                    await carrier.until_idle()
                return True
        return False

    async def _run_main(self) -> None:
        while self._main.outbox_id is None:
            try:
                await self._main.load()
            except OutboxError as error:
                log.debug("still not: %s", error)
                await asyncio.sleep(RETRY_S)
        self._note_damage()
        self._tell_line(self._main)
        await self._main.run()

    async def _run_spare(self, group: asyncio.TaskGroup) -> None:
        """Until the disk is back."""
        spare = Carrier(self._outbox.do_spare, self._around, is_main=False)
        await spare.load()
        self._spare = spare
        self._tell_line(spare)
        running = group.create_task(spare.run())
        log.error("the disk cannot be written, alarms and readings go through memory: %s", self._outbox.why_spare)
        while True:
            if await self._disk_is_back():
                break
            await asyncio.sleep(DISK_AGAIN_S)
        running.cancel()
        self._spare = None
        self._spare_needed.clear()
        self._troubles.end("disk")

    async def _disk_is_back(self) -> bool:
        self._troubles.begin("disk", f"readings and alarms are kept in memory only: {self._outbox.why_spare}")
        try:
            moved = await self._outbox.move_back(self._clock.now(), self._kept)
        except OutboxError as error:
            self._outbox.why_spare = str(error)
            return False
        log.info("the disk can be written again, %d rows were brought back from memory", moved)
        self._main.look()
        return True

    async def _watch_clock(self) -> None:
        """Network time may come without the server's help."""
        while True:
            if self._clock.is_set():
                break
            await asyncio.sleep(CLOCK_AGAIN_S)
        self._tell(ClockSet())

    def _note_damage(self) -> None:
        if self._outbox.damage is not None:
            self._troubles.begin("damage", self._outbox.damage)

    def _carriers(self) -> list[Carrier]:
        return [self._main] if self._spare is None else [self._spare, self._main]

    def _tell(self, event: DeliveryEvent) -> None:
        for carrier in self._carriers():
            carrier.tell(event)

    def _tell_line(self, carrier: Carrier) -> None:
        if self._is_connected:
            carrier.tell(Connected())

    def _line(self) -> Uplink:
        assert self.uplink is not None
        return self.uplink

    def _arrived(self, outbox: str, lane: Lane, mark: int) -> None:
        """Only the numbers of the outbox that is being written mean something at home."""
        spare = self._outbox.spare
        if self._home is not None and outbox == (self._main.outbox_id if spare is None else spare.id):
            self._home.arrived(lane, mark)

    def _kept(self, alarms: list[tuple[Lane, int, Item]]) -> None:
        if self._home is not None:
            self._home.kept(alarms)

    def _renumbered(self) -> None:
        self._note_damage()
        if self._home is not None:
            self._home.renumbered()
