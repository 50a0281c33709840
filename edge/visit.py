"""One visit to a device: carries the session's commands out, each within its time, and ends disconnected."""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import datetime, tzinfo
from typing import Final

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice

from devices.errors import DecodeError
from devices.profiles import current_time, racp
from devices.profiles.base import DeviceClock, Reach, Reading
from edge.core.session import Session
from edge.core.session_words import (
    Answered,
    Ask,
    ClockShown,
    Command,
    Connect,
    Disconnect,
    Event,
    Happened,
    Heard,
    Pair,
    Pause,
    Read,
    ReadClock,
    Remember,
    SetClock,
    State,
    Subscribe,
    Write,
)
from edge.doors import RADIO_FAULTS, Door, is_cut, is_refusal
from edge.ports import Clock, Ears

CONNECT_S: Final = {Reach.SPOT: 8.0, Reach.STREAM: 15.0}
PAIR_S: Final = 15.0
GATT_S: Final = 5.0
DISCONNECT_S: Final = 3.0
FORGET_S: Final = 3.0
INBOX: Final = 64
CUTS: Final = 2  # links to a bonded device that ended at once, in one attempt: bleak would go on until the time is over

log = logging.getLogger(__name__)


class Visit:
    def __init__(
        self,
        address: str,
        session: Session,
        door: Door,
        device: BLEDevice,
        ears: Ears,
        clock: Clock,
        zone: tzinfo,
        dice: random.Random,
    ) -> None:
        self.adapter = door.name
        self.since_s = clock.monotonic_s()
        self.is_giving_way = False
        self._address, self._session, self._door, self._device = address, session, door, device
        self._ears, self._clock, self._zone, self._dice = ears, clock, zone, dice
        self._inbox: asyncio.Queue[Happened | tuple[Command, ...]] = asyncio.Queue(INBOX)
        self._give_way = asyncio.Event()
        self._is_deaf = False
        self._cuts = 0
        self._cut_off = asyncio.Event()
        self._client = door.client(device, self._dropped, CONNECT_S[session.profile.reach])

    def give_way(self) -> None:
        self.is_giving_way = True
        self._give_way.set()
        self._put(Event.YIELD)

    def deafen(self) -> None:
        """The device is no longer ours: nothing more is heard from it."""
        self._is_deaf = True

    async def run(self, commands: list[Command]) -> None:
        forget = False
        try:
            forget = await self._talk(deque(commands))
        except asyncio.CancelledError:
            # The adapter died, or we stop: not the device's fault, unless it had hung up on us before.
            self._session.on(Event.CUT if self._cuts else Event.YIELD, self._clock.monotonic_s())
            raise
        finally:
            # Cancelled once more, while it ends because the adapter is lost: it ends all the same, within its seconds.
            ending = asyncio.ensure_future(self._end(forget=forget))
            try:
                await asyncio.shield(ending)
            except asyncio.CancelledError:
                await asyncio.wait({ending})
                raise

    async def _end(self, *, forget: bool) -> None:
        # Also after a drop: a client that is not disconnected keeps its notifications, and the next doubles them.
        await self._within(DISCONNECT_S, self._client.disconnect())
        if forget:
            await self._within(FORGET_S, self._door.forget(self._device))
        if self._session.state is not State.LEAVING:
            self._session.on(Event.FAILED, self._clock.monotonic_s())
        self._session.on(Event.LEFT, self._clock.monotonic_s(), self._dice.random())

    async def _talk(self, todo: deque[Command]) -> bool:
        """True: the bond is to be forgotten."""
        while True:
            if todo:
                command = todo.popleft()
                if isinstance(command, Disconnect):
                    return command.forget
                happened: Happened | tuple[Command, ...] = await self._carry_out(command)
            else:
                happened = await self._next()
            if isinstance(happened, tuple):
                todo.extend(happened)
            else:
                todo.extend(self._session.on(happened, self._clock.monotonic_s(), self._dice.random()))

    async def _next(self) -> Happened | tuple[Command, ...]:
        due_s = self._session.due_s()
        try:
            async with asyncio.timeout(None if due_s is None else max(0.0, due_s - self._clock.monotonic_s())):
                return await self._inbox.get()
        except TimeoutError:
            return Event.TICK

    async def _carry_out(self, command: Command) -> Happened:
        try:
            return await self._do(command)
        except RADIO_FAULTS as error:
            event = self._meaning(command, error)
            if event is not Event.MISSING:
                log.info("%s: %s failed: %s", self._address, command, error or type(error).__name__)
            if isinstance(command, ReadClock) and event is Event.MISSING:
                return self._clock_shown(None)  # it is there, and may be written though not read
            return event

    def _meaning(self, command: Command, error: BaseException) -> Event:
        if is_refusal(error):
            return Event.REFUSED
        if isinstance(command, Connect):
            return Event.CUT if self._cuts or is_cut(error) else Event.FAILED
        if not self._client.is_connected:
            return Event.DROPPED
        may_fail = isinstance(command, ReadClock | SetClock) or (isinstance(command, Read) and not command.is_needed)
        # An answer that did not come in time blocks all that follows: the link is of no use any more.
        return Event.MISSING if may_fail and not isinstance(error, TimeoutError) else Event.FAILED

    async def _do(self, command: Command) -> Happened:
        match command:
            case Connect():
                return await self._connect()
            case Pair():
                async with asyncio.timeout(PAIR_S):
                    await self._door.pair(self._client)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Remember(record):
                return Event.DONE if await self._ears.remember(self._address, record) else Event.NOT_KEPT
            case Disconnect():
                raise AssertionError("ends the talk")
            case _:
                async with asyncio.timeout(GATT_S):
                    return await self._use(command)
        return Event.DONE

    async def _use(self, command: ReadClock | SetClock | Read | Subscribe | Write | Ask) -> Happened:
        uuid = self._uuid(command)
        characteristic = self._client.services.get_characteristic(uuid)
        if characteristic is None:
            return Event.MISSING
        match command:
            case ReadClock():
                data = bytes(await self._client.read_gatt_char(characteristic))
                self._notified(uuid, data)  # who listens learns by how much its readings are off
                return self._clock_shown(data)
            case SetClock():
                time = current_time.encode(self._local_now())
                await self._client.write_gatt_char(characteristic, time, response=True)
                log.info("%s: its clock was set", self._address)
            case Read():
                self._notified(uuid, bytes(await self._client.read_gatt_char(characteristic)))
            case Subscribe():
                await self._client.start_notify(characteristic, self._callback(uuid))
            case Write(value=value) | Ask(request=value):
                await self._client.write_gatt_char(characteristic, value, response=True)
        return Event.DONE

    def _uuid(self, command: ReadClock | SetClock | Read | Subscribe | Write | Ask) -> str:
        match command:
            case ReadClock() | SetClock():
                return current_time.CURRENT_TIME
            case Ask():
                assert self._session.profile.racp is not None
                return self._session.profile.racp
            case Read(uuid=uuid) | Subscribe(uuid=uuid) | Write(uuid=uuid):
                return uuid

    async def _connect(self) -> Event:
        """Given up after its time, when another device needs the radio more, or when the device hangs up each time."""
        connecting: asyncio.Future[None] = asyncio.ensure_future(self._client.connect())
        giving_way: asyncio.Future[bool] = asyncio.ensure_future(self._give_way.wait())
        cut_off: asyncio.Future[bool] = asyncio.ensure_future(self._cut_off.wait())
        either: set[asyncio.Future[None] | asyncio.Future[bool]] = {connecting, giving_way, cut_off}
        try:
            limit_s = CONNECT_S[self._session.profile.reach]
            await asyncio.wait(either, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            if connecting.done():
                connecting.result()
                self._cuts = 0
                log.info("%s: connected through %s", self._address, self.adapter)
                return Event.DONE
            if giving_way.done():
                return Event.YIELD
            if cut_off.done():
                return Event.CUT
            raise TimeoutError(f"no connection within {limit_s:g} s")
        finally:
            giving_way.cancel()
            cut_off.cancel()
            if not connecting.done():
                connecting.cancel()
                await asyncio.wait({connecting}, timeout=DISCONNECT_S)

    def _callback(self, uuid: str) -> Callable[[BleakGATTCharacteristic, bytearray], None]:
        session, racp_uuid = self._session, self._session.profile.racp

        # An indication was confirmed by the stack before it came here: until the outbox has it, milliseconds later,
        # only memory does. Stored records are safer: what was not committed is asked for again.
        def notified(_sender: BleakGATTCharacteristic, data: bytearray) -> None:
            if uuid == racp_uuid:
                self._put(_answer(self._address, bytes(data)))
                return
            record = self._notified(uuid, bytes(data))
            commands = session.on(Heard(record), self._clock.monotonic_s())
            if commands:
                self._put(tuple(commands))

        return notified

    def _notified(self, uuid: str, data: bytes) -> int | None:
        """The number of the newest record in it."""
        if self._is_deaf:
            return None
        said = self._ears.notified(self._address, uuid, data)
        numbers = [word.record for word in said if isinstance(word, Reading) and word.record is not None]
        return numbers[-1] if numbers else None

    def _clock_shown(self, data: bytes | None) -> ClockShown:
        ours = self._local_now() if self._clock.is_set() else None
        shows = None
        with contextlib.suppress(DecodeError):  # the ears have counted it
            for word in current_time.decode(data) if data is not None else ():
                if isinstance(word, DeviceClock):
                    shows = word.shows
        return ClockShown(shows, ours)

    def _local_now(self) -> datetime:
        return self._clock.now().astimezone(self._zone).replace(tzinfo=None)

    def _dropped(self, _client: BleakClient) -> None:
        if self._session.state is State.CONNECTING:
            self._cuts += 1
            if self._cuts >= CUTS and self._door.is_bonded(self._device):
                self._cut_off.set()
            return
        self._put(Event.DROPPED)

    def _put(self, happened: Happened | tuple[Command, ...]) -> None:
        """A device that floods its control point loses its oldest answers; a drop is never lost."""
        if self._inbox.full():
            self._inbox.get_nowait()
        self._inbox.put_nowait(happened)

    async def _within(self, limit_s: float, work: Awaitable[None]) -> None:
        with contextlib.suppress(*RADIO_FAULTS):
            async with asyncio.timeout(limit_s):
                await work


def _answer(address: str, data: bytes) -> Event | Answered:
    try:
        return Answered(racp.decode_answer(data))
    except DecodeError as error:
        log.warning("%s answered %s: %s", address, data.hex(), error)
        return Event.FAILED
