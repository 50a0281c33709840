"""The radio: unmodified bleak. One long-lived scanner; each visit to a device is a task that ends disconnected."""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from bleak import BleakClient, BleakScanner
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import BleakBluetoothNotAvailableError, BleakError

from devices.errors import DecodeError
from devices.profiles import racp
from devices.profiles.base import Profile, Reach, Reading
from edge.core.health import Troubles
from edge.core.schedule import Busy, Places, Wish, back_off_s, next_up
from edge.core.session import (
    Answered,
    Ask,
    Command,
    Connect,
    Disconnect,
    Event,
    Heard,
    Pause,
    Read,
    Remember,
    Session,
    State,
    Subscribe,
)
from edge.ports import Clock, Ears

SCANNER_S: Final = 10.0  # to start it
SCANNER_STOP_S: Final = 2.0
SILENT_S: Final = 120.0  # nothing on the air: the scanner may be dead while everything looks healthy
SCAN_AGAIN_S: Final = (1.0, 60.0)
CONNECT_S: Final = {Reach.SPOT: 8.0, Reach.STREAM: 15.0}
GATT_S: Final = 5.0
DISCONNECT_S: Final = 3.0
INBOX: Final = 64

# What bleak and its backends raise when a device or the radio fails us.
RADIO_FAULTS: Final = (BleakError, OSError, EOFError, TimeoutError)

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Known:
    address: str
    profile: Profile
    session: Session | None  # None: an advertiser, never connected to
    on_air: BLEDevice | None = None
    inbox: "asyncio.Queue[Event | Answered]" = field(default_factory=lambda: asyncio.Queue(INBOX))
    visit: "asyncio.Task[None] | None" = None


class BleRadio:
    def __init__(
        self,
        devices: Mapping[str, Profile],
        last_records: Mapping[str, int],
        ears: Ears,
        clock: Clock,
        troubles: Troubles,
        places: Places | None = None,
        silent_s: float = SILENT_S,
    ) -> None:
        self._ears, self._clock, self._troubles = ears, clock, troubles
        self._places = places or Places()
        self._dice = random.Random()
        self._known = {
            address: _Known(
                address=address,
                profile=profile,
                session=None if profile.reach is Reach.ADVERT else Session(profile, last_records.get(address)),
            )
            for address, profile in devices.items()
        }
        self._heard = asyncio.Event()
        self._silent_s = silent_s

    def states(self) -> dict[str, str]:
        return {known.address: known.session.state.value for known in self._known.values() if known.session is not None}

    async def run(self) -> None:
        try:
            failures = 0
            while True:
                failures = 0 if await self._scan() else failures + 1
                first_s, cap_s = SCAN_AGAIN_S
                await asyncio.sleep(back_off_s(failures, self._dice.random(), first_s=first_s, cap_s=cap_s))
        finally:
            visits = [known.visit for known in self._known.values() if known.visit is not None]
            for visit in visits:
                visit.cancel()
            await asyncio.gather(*visits, return_exceptions=True)

    async def _scan(self) -> bool:
        """True: it scanned until the air fell silent."""
        scanner = BleakScanner(self._detected)
        try:
            async with asyncio.timeout(SCANNER_S):
                await scanner.start()
            if self._troubles.end("radio"):
                log.info("the radio is there again")
            await self._until_silent()
        except RADIO_FAULTS as error:
            if self._troubles.begin("radio", no_bluetooth(error)):
                log.error("%s; trying again", no_bluetooth(error))
            return False
        finally:
            with contextlib.suppress(*RADIO_FAULTS):
                async with asyncio.timeout(SCANNER_STOP_S):
                    await scanner.stop()
        log.info("nothing on the air for %.0f s: starting the scanner again", self._silent_s)
        return True

    async def _until_silent(self) -> None:
        with contextlib.suppress(TimeoutError):
            while True:
                self._heard.clear()
                async with asyncio.timeout(self._silent_s):
                    await self._heard.wait()
                await asyncio.sleep(self._silent_s / 2)

    def _detected(self, device: BLEDevice, advert: AdvertisementData) -> None:
        self._heard.set()
        known = self._known.get(device.address.upper())
        if known is None:
            return
        self._ears.seen(known.address, advert.rssi)
        if known.session is None:
            data = advert.service_data.get(known.profile.service)
            if data is not None:
                self._ears.advertised(known.address, bytes(data))
            return
        known.on_air = device
        known.session.on(Event.SEEN, self._clock.monotonic_s())
        if known.session.state is State.WANTED:
            self._admit()

    def _admit(self) -> None:
        while device := next_up(self._wishes(), self._busy(), self._places):
            known = self._known[device]
            assert known.session is not None
            commands = known.session.on(Event.ADMITTED, self._clock.monotonic_s())
            known.visit = asyncio.create_task(self._visit(known, known.session, commands))
            known.visit.add_done_callback(_tell_own_fault)

    def _wishes(self) -> list[Wish]:
        return [
            Wish(device=known.address, reach=known.profile.reach, since_s=known.session.wanted_since_s)
            for known in self._known.values()
            if known.session is not None and known.session.state is State.WANTED
        ]

    def _busy(self) -> list[Busy]:
        return [
            Busy(
                device=known.address,
                reach=known.profile.reach,
                is_connecting=known.session.state is State.CONNECTING,
            )
            for known in self._known.values()
            if known.session is not None and known.session.is_busy()
        ]

    async def _visit(self, known: _Known, session: Session, commands: list[Command]) -> None:
        assert known.on_air is not None
        known.inbox = asyncio.Queue(INBOX)

        def dropped(_client: BleakClient) -> None:
            _put(known, Event.DROPPED)

        client = BleakClient(known.on_air, dropped, timeout=CONNECT_S[known.profile.reach])
        try:
            await self._talk(known, session, client, deque(commands))
        finally:
            # Also after a drop: a client that is not disconnected keeps its notifications, and the next doubles them.
            with contextlib.suppress(*RADIO_FAULTS):
                async with asyncio.timeout(DISCONNECT_S):
                    await client.disconnect()
            if session.state is not State.LEAVING:
                session.on(Event.FAILED, self._clock.monotonic_s())
            session.on(Event.LEFT, self._clock.monotonic_s(), self._dice.random())
            known.visit = None
            asyncio.get_running_loop().call_soon(self._admit)

    async def _talk(self, known: _Known, session: Session, client: BleakClient, todo: deque[Command]) -> None:
        while True:
            if todo:
                command = todo.popleft()
                if isinstance(command, Disconnect):
                    return
                event: Event | Answered = await self._carry_out(command, known, session, client)
            else:
                event = await self._next(known, session)
            todo.extend(session.on(event, self._clock.monotonic_s(), self._dice.random()))

    async def _next(self, known: _Known, session: Session) -> Event | Answered:
        due_s = session.due_s()
        try:
            async with asyncio.timeout(None if due_s is None else max(0.0, due_s - self._clock.monotonic_s())):
                return await known.inbox.get()
        except TimeoutError:
            return Event.TICK

    async def _carry_out(self, command: Command, known: _Known, session: Session, client: BleakClient) -> Event:
        limit_s = CONNECT_S[known.profile.reach] if isinstance(command, Connect) else GATT_S
        try:
            async with asyncio.timeout(None if isinstance(command, Pause | Remember) else limit_s):
                return await self._do(command, known, session, client)
        except RADIO_FAULTS as error:
            if isinstance(command, Read) and client.is_connected:
                return Event.MISSING  # a battery level that cannot be read is no reason to leave
            log.info("%s: %s failed: %s", known.address, command, error or type(error).__name__)
            return Event.FAILED

    async def _do(self, command: Command, known: _Known, session: Session, client: BleakClient) -> Event:
        match command:
            case Connect():
                await client.connect()
                log.info("%s: connected", known.address)
            case Pause(seconds):
                await asyncio.sleep(seconds)
            case Subscribe(uuid):
                return await self._subscribe(uuid, known, session, client)
            case Read(uuid):
                characteristic = client.services.get_characteristic(uuid)
                if characteristic is None:
                    return Event.MISSING
                self._ears.notified(known.address, uuid, bytes(await client.read_gatt_char(characteristic)))
            case Ask(request):
                assert known.profile.racp is not None
                await client.write_gatt_char(known.profile.racp, request, response=True)
            case Remember(record):
                return Event.DONE if await self._ears.remember(known.address, record) else Event.FAILED
        return Event.DONE

    async def _subscribe(self, uuid: str, known: _Known, session: Session, client: BleakClient) -> Event:
        characteristic = client.services.get_characteristic(uuid)
        if characteristic is None:
            return Event.MISSING

        def notified(_sender: BleakGATTCharacteristic, data: bytearray) -> None:
            if uuid == known.profile.racp:
                _put(known, _answer(known.address, bytes(data)))
                return
            said = self._ears.notified(known.address, uuid, bytes(data))
            numbers = [word.record for word in said if isinstance(word, Reading) and word.record is not None]
            session.on(Heard(numbers[-1] if numbers else None), self._clock.monotonic_s())

        await client.start_notify(characteristic, notified)
        return Event.DONE


def _tell_own_fault(visit: "asyncio.Task[None]") -> None:
    """A visit ends by itself or is cancelled; anything else is a bug of ours, and the next visit may go better."""
    if not visit.cancelled() and (error := visit.exception()) is not None:
        log.error("a visit ended with %s: %s", type(error).__name__, error, exc_info=error)


def _put(known: _Known, event: Event | Answered) -> None:
    with contextlib.suppress(asyncio.QueueFull):  # a device that floods its control point: its time runs out
        known.inbox.put_nowait(event)


def _answer(address: str, data: bytes) -> Event | Answered:
    try:
        return Answered(racp.decode_answer(data))
    except DecodeError as error:
        log.warning("%s answered %s: %s", address, data.hex(), error)
        return Event.FAILED


def no_bluetooth(error: Exception) -> str:
    """bleak's own error has a code for programs beside its sentence."""
    said = error.args[0] if isinstance(error, BleakBluetoothNotAvailableError) else error
    return f"no Bluetooth ({said or type(error).__name__}): is the adapter there and bluetoothd running?"


@contextlib.asynccontextmanager
async def radio_of(virtual: str | None) -> AsyncIterator[None]:
    """Inside, bleak uses the virtual home at this address; None: the machine's own Bluetooth."""
    if virtual is None:
        yield
        return
    from devices.virtual.remote import RemoteAdapter  # imports Bumble: 20 MB that a real gateway does without

    adapter = RemoteAdapter(virtual)
    with adapter.as_default():
        try:
            yield
        finally:
            await adapter.close()
