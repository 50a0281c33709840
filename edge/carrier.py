"""One outbox's rows on their way to the server: carries out what `edge.core.delivery` decides.

It has a loop of its own, so that a file whose disk does not answer holds up nobody else's alarms."""

import asyncio
import contextlib
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Final, Protocol, TypeVar

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
    Renew,
    Send,
    SetAside,
    Tick,
    Unsent,
)
from edge.core.health import Troubles
from edge.core.holes import Hole
from edge.errors import OutboxError
from edge.outbox import Outbox
from edge.outbox_thread import OutboxReplaced
from edge.ports import Clock, Uplink

EVENTS: Final = 2_000  # waiting to be handled; more than that and the oldest goes: all of these are said again
ROOM_EVERY_S: Final = 600.0
ROOM_AGAIN_S: Final = 1.0  # while there is more to be had
CHANNEL: Final = {Lane.ALARM: Channel.ALARM, Lane.BULK: Channel.OBS}

T = TypeVar("T")

log = logging.getLogger(__name__)


class Store(Protocol):
    def __call__(self, work: Callable[[Outbox], T]) -> Awaitable[T]:
        """OutboxReplaced, or OutboxError: not now."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Around:
    """What a carrier has around it. `uplink` is asked for each time, `arrived` is told what the server has."""

    gateway: str
    clock: Clock
    troubles: Troubles
    pace: Pace
    uplink: Callable[[], Uplink]
    say_hello: Callable[[], None]
    arrived: Callable[[str, Lane, int], None]
    replaced: Callable[[], None]


class Carrier:
    """`is_main`: it is the one that the gateway's status names, and asks for receipts."""

    def __init__(self, store: Store, around: Around, *, is_main: bool) -> None:
        self.set_aside = 0
        self._store, self._around, self._is_main = store, around, is_main
        self._delivery: Delivery | None = None
        self._happened: deque[DeliveryEvent] = deque(maxlen=EVENTS)
        self._line: Connected | Disconnected | None = None  # the newest; said once only, so nothing may push it out
        self._wake, self._idle = asyncio.Event(), asyncio.Event()
        self._room_s = 0.0
        self._is_asked_to_look = False

    @property
    def outbox_id(self) -> str | None:
        """None: it could not be opened yet."""
        return None if self._delivery is None else self._delivery.outbox

    def waiting(self, lane: Lane) -> int:
        return 0 if self._delivery is None else self._delivery.waiting(lane)

    def tell(self, event: DeliveryEvent) -> None:
        if isinstance(event, Connected | Disconnected):
            self._line = event
        else:
            self._happened.append(event)
        self._idle.clear()
        self._wake.set()

    def look(self) -> None:
        """There may be more in the outbox than was told, or another outbox in its place."""
        self._is_asked_to_look = True
        self._wake.set()

    async def load(self) -> None:
        """OutboxError: it cannot be opened now."""
        name, epoch, stocks, aside = await self._first(
            lambda outbox: (outbox.id, outbox.epoch, outbox.stocks(), outbox.count_aside())
        )
        self.set_aside = aside
        self._delivery = Delivery(
            outbox=name,
            epoch=epoch,
            stocks=stocks,
            pace=self._around.pace,
            is_clock_set=self._around.clock.is_set(),
        )

    async def _first(self, work: Callable[[Outbox], T]) -> T:
        try:
            return await self._store(work)
        except OutboxReplaced:
            return await self._store(work)

    async def _do(self, work: Callable[[Outbox], T]) -> T:
        """On the outbox that delivery knows. OutboxReplaced: on another one its numbers would be wrong."""
        name = self.outbox_id

        def checked(outbox: Outbox) -> T:
            if outbox.id != name:
                raise OutboxReplaced(f"outbox {outbox.id} is in the place of {name}")
            return work(outbox)

        return await self._store(checked)

    async def run(self) -> None:
        while True:
            await self._wait()
            if self._is_asked_to_look:
                await self._guarded(self._look())
            if self._around.clock.monotonic_s() >= self._room_s:
                await self._guarded(self._make_room())
            while (event := self._next()) is not None:
                await self._guarded(self._decide(event))
            await self._guarded(self._decide(Tick()))
            if not self._happened and not any(self.waiting(lane) for lane in Lane):
                self._idle.set()

    async def until_idle(self) -> None:
        """Everything in this outbox is receipted."""
        await self._idle.wait()

    def _next(self) -> DeliveryEvent | None:
        if self._line is not None:
            line, self._line = self._line, None
            return line
        return self._happened.popleft() if self._happened else None

    async def _wait(self) -> None:
        assert self._delivery is not None
        due_s = min(self._room_s, self._delivery.due_s() or self._room_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, due_s - self._around.clock.monotonic_s())):
                await self._wake.wait()
        self._wake.clear()

    async def _guarded(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except OutboxReplaced:
            await self._reload()
        except OutboxError as error:
            self._trouble(str(error))

    async def _look(self) -> None:
        self._is_asked_to_look = False
        for lane, stock in (await self._do(lambda outbox: outbox.stocks())).items():
            await self._decide(Appended(lane, stock.newest))

    async def _make_room(self) -> None:
        """Between two decisions of delivery, so that no batch is cut from rows that are going."""
        now, is_set = self._around.clock.now(), self._around.clock.is_set()
        self._room_s = self._around.clock.monotonic_s() + ROOM_EVERY_S
        freed = await self._do(lambda outbox: outbox.make_room(now, is_clock_set=is_set))
        if freed.more:
            self._room_s = self._around.clock.monotonic_s() + ROOM_AGAIN_S
        for lane, seq in freed.oldest.items():
            await self._decide(Pruned(lane, seq))
        if freed.thinned is not None:
            log.warning("too full or too old: bulk rows %d to %d are thinned", freed.thinned.first, freed.thinned.last)
            await self._decide(HoleMade(Lane.BULK, freed.thinned))

    def _trouble(self, why: str) -> None:
        if self._around.troubles.begin("delivery", why):
            log.error("%s", why)

    async def _reload(self) -> None:
        """Another outbox id is another client to the broker, and the server knows no marks of it."""
        self._happened.clear()
        self._line = None
        await self.load()
        log.warning("going on with outbox %s", self.outbox_id)
        self._around.replaced()
        self._around.uplink().rebuild("the outbox has a new id")

    async def _decide(self, event: DeliveryEvent) -> None:
        assert self._delivery is not None
        todo: deque[DeliveryEvent] = deque([event])
        while todo:
            for command in self._delivery.on(todo.popleft(), self._around.clock.monotonic_s()):
                todo.extend(await self._obey(command))

    async def _obey(self, command: Command) -> list[DeliveryEvent]:
        assert self._delivery is not None
        match command:
            case Send(plan):
                return await self._send(plan)
            case Hello():
                if self._is_main:
                    self._around.say_hello()
            case Rebuild(silent_s):
                self._around.uplink().rebuild(f"connected, but no receipt for {silent_s:.0f} s")
            case Renew():
                log.error("the server has rows that this outbox never made: it is an old copy of another")
                await self._do(lambda outbox: outbox.renew())
                await self._reload()
            case _:
                await self._keep(self._delivery.outbox, command)
        self._note_block()
        return []

    async def _keep(self, name: str, command: Forget | Recall | SetAside | PutBack | KeepEpoch) -> None:
        """What the outbox has to know after a restart."""
        match command:
            case Forget(lane, mark):
                self._around.arrived(name, lane, mark)
                await self._do(lambda outbox: outbox.set_mark(lane, mark))
            case Recall(lane, mark):
                await self._do(lambda outbox: outbox.set_mark(lane, mark))
            case SetAside(lane, seq):
                await self._set_aside(lane, [seq], "the server could not read it")
            case PutBack(lane, seq):
                await self._do(lambda outbox: outbox.put_back(lane, seq))
                self.set_aside -= 1
            case KeepEpoch(epoch):
                log.info("the server's epoch is %s", epoch)
                await self._do(lambda outbox: outbox.keep_epoch(epoch))

    def _note_block(self) -> None:
        assert self._delivery is not None
        if self._delivery.blocked():
            sentence = "the server cannot read anything that this gateway sends: compare versions"
            self._around.troubles.begin("refused", sentence)
        else:
            self._around.troubles.end("refused")

    async def _send(self, plan: Plan) -> list[DeliveryEvent]:
        try:
            rows, bad = await self._do(lambda outbox: outbox.take(plan.lane, plan.first, plan.last))
        except OutboxReplaced:
            raise
        except OutboxError as error:
            self._trouble(str(error))
            return [Unsent(plan.number)]
        self._around.troubles.end("delivery")
        rows = [row for row in rows if not any(hole.first <= row[0] <= hole.last for hole in plan.lost)]
        if holes := await self._holes(plan, rows, bad):
            return [HoleMade(plan.lane, hole) for hole in holes]
        try:
            payload = codec.encode(self._batch(plan, rows))
        except WireError:
            return [HoleMade(plan.lane, hole) for hole in await self._unpackable(plan.lane, rows)]
        if not self._around.uplink().publish(CHANNEL[plan.lane], payload):
            return [Unsent(plan.number)]
        return [Published(plan.number, hashlib.sha256(payload).hexdigest()[:16])]

    def _batch(self, plan: Plan, rows: list[tuple[int, Item]]) -> Batch:
        assert self._delivery is not None
        return Batch(
            gateway=self._around.gateway,
            outbox=self._delivery.outbox,
            lane=plan.lane,
            after=plan.after,
            first=plan.first,
            last=plan.last,
            sent_at=to_millis(self._around.clock.now()),
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
        await self._do(lambda outbox: outbox.set_aside(lane, seqs, lost))
        self.set_aside += len(seqs)
        for seq in seqs:
            log.error("row %d of lane %s is set aside: %s", seq, lane, why)
