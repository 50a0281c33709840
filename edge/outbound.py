"""From the outbox to the server: carries out what `edge.core.delivery` decides."""

import asyncio
import contextlib
import hashlib
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from devices.errors import WireError
from devices.vocabulary import Item
from devices.wire import codec
from devices.wire.columns import to_millis
from devices.wire.messages import Batch, Lane, Lost, LostWhy
from devices.wire.topics import Channel
from edge.core.delivery import Delivery
from edge.core.delivery_words import (
    Appended,
    Command,
    Connected,
    DeliveryEvent,
    Disconnected,
    Forget,
    Hello,
    HoleMade,
    KeepEpoch,
    Pace,
    Plan,
    Pruned,
    Published,
    PutBack,
    Rebuild,
    Recall,
    ReceiptCame,
    Renew,
    Send,
    SetAside,
    Tick,
    Unsent,
)
from edge.core.health import Troubles
from edge.core.holes import Hole
from edge.errors import OutboxError
from edge.outbox_thread import OutboxReplaced, OutboxThread
from edge.ports import Clock, Uplink

EVENTS: Final = 2_000  # waiting to be handled; more than that and the oldest goes: all of these are said again
PRUNE_EVERY_S: Final = 600.0
PRUNE_AGAIN_S: Final = 1.0  # while there is more to prune
RETRY_S: Final = 5.0
CHANNEL: Final = {Lane.ALARM: Channel.ALARM, Lane.BULK: Channel.OBS}

log = logging.getLogger(__name__)


class Reload:
    """The outbox is another one now."""


@dataclass(frozen=True, slots=True)
class Grown:
    """`Appended`, of which outbox."""

    outbox: str
    newest: Mapping[Lane, int]


Happened = DeliveryEvent | Reload | Grown


class Outbound:
    """`say_hello` publishes a status that asks for a receipt."""

    def __init__(
        self,
        gateway: str,
        outbox: OutboxThread,
        clock: Clock,
        troubles: Troubles,
        say_hello: Callable[[], None],
        pace: Pace | None = None,
    ) -> None:
        self.uplink: Uplink | None = None
        self.receipt_at: datetime | None = None
        self.set_aside = 0
        self.unreadable_receipts = 0
        self._gateway, self._outbox, self._clock, self._troubles = gateway, outbox, clock, troubles
        self._say_hello = say_hello
        self._pace = pace or Pace()
        self._delivery: Delivery | None = None
        self._happened: deque[Happened] = deque(maxlen=EVENTS)
        self._line: Connected | Disconnected | None = None  # the newest; said once only, so nothing may push it out
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._is_connected = False
        self._prune_s = 0.0

    @property
    def outbox_id(self) -> str | None:
        """None: it could not be opened yet."""
        return None if self._delivery is None else self._delivery.outbox

    @property
    def is_connected(self) -> bool:
        return self._is_connected

    def waiting(self) -> dict[Lane, int]:
        return {} if self._delivery is None else {lane: self._delivery.waiting(lane) for lane in Lane}

    def tell(self, event: Happened) -> None:
        if isinstance(event, Connected | Disconnected):
            self._line = event
        else:
            self._happened.append(event)
        self._idle.clear()
        self._wake.set()

    def line_is_up(self) -> None:
        self.tell(Connected())

    def line_is_down(self) -> None:
        self.tell(Disconnected())

    def committed(self, outbox: str, newest: Mapping[Lane, int]) -> None:
        self.tell(Grown(outbox, newest))

    def receipt(self, payload: bytes) -> None:
        try:
            receipt = codec.decode_receipt(payload)
            if receipt.gateway != self._gateway:
                raise WireError(f"it is for {receipt.gateway}")
        except WireError as error:
            self.unreadable_receipts += 1
            log.warning("a receipt that cannot be read (number %d): %s", self.unreadable_receipts, error)
            return
        self.receipt_at = self._clock.now()
        self.tell(ReceiptCame(receipt))

    async def load(self) -> None:
        """Open the outbox, however long that takes."""
        while True:
            try:
                name, epoch, stocks, aside = await self._outbox.do(
                    lambda outbox: (outbox.id, outbox.epoch, outbox.stocks(), outbox.count_aside())
                )
                break
            except OutboxReplaced:
                continue
            except OutboxError as error:
                if self._troubles.begin("outbox", str(error)):
                    log.error("%s", error)
                await asyncio.sleep(RETRY_S)
        self._troubles.end("outbox")
        self.set_aside = aside
        if self._outbox.damage is not None:
            self._troubles.begin("damage", self._outbox.damage)
        self._delivery = Delivery(outbox=name, epoch=epoch, stocks=stocks, pace=self._pace)

    async def run(self) -> None:
        while True:
            await self._wait()
            if self._clock.monotonic_s() >= self._prune_s:
                await self._guarded(self._prune())
            while (event := self._next()) is not None:
                await self._guarded(self._handle(event))
            await self._guarded(self._handle(Tick()))
            if not self._happened and not any(self.waiting().values()):
                self._idle.set()

    def _next(self) -> Happened | None:
        if self._line is not None:
            line, self._line = self._line, None
            return line
        return self._happened.popleft() if self._happened else None

    async def flush(self, limit_s: float) -> bool:
        """Everything in the outbox is receipted (False: not in time)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._idle.wait()
        return self._idle.is_set()

    async def _wait(self) -> None:
        assert self._delivery is not None
        due_s = min(self._prune_s, self._delivery.due_s() or self._prune_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due_s - self._clock.monotonic_s())):
                await self._wake.wait()
        self._wake.clear()

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except OutboxReplaced:
            await self._reload()
        except OutboxError as error:
            if self._troubles.begin("outbox", str(error)):
                log.error("%s", error)

    async def _reload(self) -> None:
        """Another outbox id is another client to the broker, and the server knows no marks of it."""
        self._happened.clear()
        self._line = None
        await self.load()
        assert self.uplink is not None
        log.warning("going on with outbox %s", self.outbox_id)
        self.uplink.rebuild("the outbox has a new id")

    async def _handle(self, event: Happened) -> None:
        assert self._delivery is not None
        match event:
            case Reload():
                await self._reload()
            case Grown(outbox, newest):
                for lane in Lane if outbox == self._delivery.outbox else ():
                    if lane in newest:
                        await self._decide(Appended(lane, newest[lane]))
            case Connected() | Disconnected():
                self._is_connected = isinstance(event, Connected)
                await self._decide(event)
            case _:
                await self._decide(event)

    async def _decide(self, event: DeliveryEvent) -> None:
        assert self._delivery is not None
        todo: deque[DeliveryEvent] = deque([event])
        while todo:
            for command in self._delivery.on(todo.popleft(), self._clock.monotonic_s()):
                todo.extend(await self._obey(command))

    async def _obey(self, command: Command) -> list[DeliveryEvent]:
        match command:
            case Send(plan):
                return await self._send(plan)
            case Forget(lane, mark) | Recall(lane, mark):
                await self._outbox.do(lambda outbox: outbox.set_mark(lane, mark))
            case SetAside(lane, seq):
                await self._set_aside(lane, [seq], "the server could not read it")
            case PutBack(lane, seq):
                await self._outbox.do(lambda outbox: outbox.put_back(lane, seq))
                self.set_aside -= 1
            case KeepEpoch(epoch):
                log.info("the server's epoch is %s", epoch)
                await self._outbox.do(lambda outbox: outbox.keep_epoch(epoch))
            case Hello():
                self._say_hello()
            case Rebuild(silent_s):
                assert self.uplink is not None
                self.uplink.rebuild(f"connected, but no receipt for {silent_s:.0f} s")
            case Renew():
                log.error("the server has rows that this outbox never made: it is an old copy of another")
                await self._outbox.do(lambda outbox: outbox.renew())
                await self._reload()
        self._note_block()
        return []

    def _note_block(self) -> None:
        assert self._delivery is not None
        if self._delivery.blocked():
            self._troubles.begin("refused", "the server cannot read anything that this gateway sends: compare versions")
        else:
            self._troubles.end("refused")

    async def _send(self, plan: Plan) -> list[DeliveryEvent]:
        try:
            rows, bad = await self._outbox.do(lambda outbox: outbox.read(plan.lane, plan.first, plan.last))
        except OutboxReplaced:
            raise
        except OutboxError as error:
            self._troubles.begin("outbox", str(error))
            return [Unsent(plan.number)]
        self._troubles.end("outbox")
        if holes := await self._holes(plan, rows, bad):
            return [HoleMade(plan.lane, hole) for hole in holes]
        try:
            payload = codec.encode(self._batch(plan, rows))
        except WireError:
            return [HoleMade(plan.lane, hole) for hole in await self._unpackable(plan.lane, rows)]
        assert self.uplink is not None
        if not self.uplink.publish(CHANNEL[plan.lane], payload):
            return [Unsent(plan.number)]
        return [Published(plan.number, hashlib.sha256(payload).hexdigest()[:16])]

    def _batch(self, plan: Plan, rows: list[tuple[int, Item]]) -> Batch:
        assert self._delivery is not None
        return Batch(
            gateway=self._gateway,
            outbox=self._delivery.outbox,
            lane=plan.lane,
            after=plan.after,
            first=plan.first,
            last=plan.last,
            sent_at=to_millis(self._clock.now()),
            lost=[Lost(first=hole.first, last=hole.last, why=hole.why) for hole in plan.lost],
            body=codec.pack(rows),
        )

    async def _holes(self, plan: Plan, rows: list[tuple[int, Item]], bad: list[int]) -> list[Hole]:
        """Rows of the plan that cannot be read, or are not there any more."""
        if bad:
            await self._set_aside(plan.lane, bad, "its content is damaged", LostWhy.DAMAGED)
        if len(rows) == plan.rows:
            return []
        there = {seq for seq, _ in rows}
        there |= {seq for hole in plan.lost for seq in range(hole.first, hole.last + 1)}
        return [
            Hole(first=seq, last=seq, why=LostWhy.DAMAGED)
            for seq in range(plan.first, plan.last + 1)
            if seq not in there
        ]

    async def _unpackable(self, lane: Lane, rows: list[tuple[int, Item]]) -> list[Hole]:
        """Rows that the contract does not allow: each is tried alone."""
        bad = []
        for seq, item in rows:
            try:
                codec.pack([(seq, item)])
            except WireError as error:
                log.error("row %d of lane %s cannot be sent: %s", seq, lane, error)
                bad.append(seq)
        await self._set_aside(lane, bad, "the contract does not allow it")
        return [Hole(first=seq, last=seq, why=LostWhy.UNDECODABLE) for seq in bad]

    async def _set_aside(self, lane: Lane, seqs: list[int], why: str, lost: LostWhy = LostWhy.UNDECODABLE) -> None:
        await self._outbox.do(lambda outbox: outbox.set_aside(lane, seqs, lost))
        self.set_aside += len(seqs)
        for seq in seqs:
            log.error("row %d of lane %s is set aside: %s", seq, lane, why)

    async def _prune(self) -> None:
        now = self._clock.now()
        self._prune_s = self._clock.monotonic_s() + PRUNE_EVERY_S
        oldest = await self._outbox.do(lambda outbox: outbox.prune(now))
        if oldest:
            self._prune_s = self._clock.monotonic_s() + PRUNE_AGAIN_S
        for lane, seq in oldest.items():
            await self._decide(Pruned(lane, seq))
