"""A Bluetooth adapter of its own: Bumble's host on any controller, for several scanners and clients at once."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from bleak.exc import BleakBluetoothNotAvailableError, BleakBluetoothNotAvailableReason, BleakError
from bumble import core, hci
from bumble.device import Connection, Device
from bumble.host import Host
from bumble.keys import MemoryKeyStore
from bumble.transport.common import TransportSink, TransportSource

TURN_S = 1.0  # how long one connection attempt may keep others waiting: the emulated controller does one at a time
COMMAND_S = 12.0  # Bumble's own limit for a command is 10 s

Report = hci.HCI_LE_Advertising_Report_Event.Report | hci.HCI_LE_Extended_Advertising_Report_Event.Report
T = TypeVar("T")
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Line:
    """An open way to a controller. `close` gives the controller back, reset."""

    source: TransportSource
    sink: TransportSink
    close: Callable[[], None]


OpenLine = Callable[[Callable[[], None]], Awaitable[Line]]  # its argument is called if the line breaks by itself


class Listener(Protocol):
    def on_report(self, report: Report) -> None: ...


class Adapter:
    def __init__(self, open_line: OpenLine, keystore: MemoryKeyStore | None = None) -> None:
        self.keystore = keystore or MemoryKeyStore()  # bonds outlive a power cycle
        self._open_line = open_line
        self._line: Line | None = None
        self._central: Central | None = None
        self._is_off = False
        self._broke = asyncio.Event()
        self._listeners: set[Listener] = set()
        self._starting = asyncio.Lock()
        self._initiating = asyncio.Lock()
        self._waiting_to_connect = 0

    async def central(self) -> "Central":
        """The running host; opened at the first use and again after its line broke."""
        if self._is_off:
            raise _unavailable("the adapter is switched off", BleakBluetoothNotAvailableReason.POWERED_OFF)
        async with self._starting:
            if self._central is None:
                self._central = await uninterrupted(self._start())
            return self._central

    async def on(self) -> None:
        self._is_off = False
        await self.central()

    async def off(self) -> None:
        self._is_off = True
        async with self._starting:
            self._lose()

    async def close(self) -> None:
        self._listeners.clear()
        await self.off()

    async def gone(self) -> None:
        """Returns when the line to the controller breaks by itself."""
        await self._broke.wait()

    async def forget(self, peer: hci.Address) -> None:
        """Remove the bond, if there is one."""
        if self.is_bonded(peer):
            await self.keystore.delete(str(peer))

    def is_bonded(self, peer: hci.Address) -> bool:
        return str(peer) in self.keystore.all_keys

    async def listen(self, listener: Listener) -> None:
        central = await self.central()
        self._listeners.add(listener)
        if not central.is_scanning:
            await uninterrupted(_scan(central))

    async def stop_listening(self, listener: Listener) -> None:
        self._listeners.discard(listener)
        if not self._listeners and self._central is not None and self._central.is_scanning:
            await uninterrupted(self._central.stop_scanning())

    async def connect(self, peer: hci.Address) -> Connection:
        """Wait for `peer` without limit, taking turns with others. Cancelling leaves the adapter usable."""
        self._waiting_to_connect += 1
        try:
            while True:
                async with self._initiating:
                    central = await self.central()
                    connection = await self._attempt(central, peer)
                    if connection is not None:
                        return connection
        finally:
            self._waiting_to_connect -= 1

    async def _attempt(self, central: "Central", peer: hci.Address) -> Connection | None:
        attempt = asyncio.ensure_future(
            central.connect_le(peer, own_address_type=hci.OwnAddressType.PUBLIC, timeout=None)
        )
        try:
            while not attempt.done():
                await asyncio.wait({attempt}, timeout=TURN_S)
                if self._waiting_to_connect > 1:
                    break
            return _connected(attempt) if attempt.done() else await uninterrupted(_give_up(central, attempt))
        except asyncio.CancelledError:
            connection = await uninterrupted(_give_up(central, attempt))
            if connection is not None:  # it was faster than the cancellation
                await uninterrupted(connection.disconnect())
            raise

    async def _start(self) -> "Central":
        try:
            line = await self._open_line(self._break)
        except OSError as error:
            raise _unavailable(
                f"there is no adapter: {error}", BleakBluetoothNotAvailableReason.NO_BLUETOOTH
            ) from error
        self._line = line
        self._broke.clear()
        central = Central(self._hear, line, self.keystore)
        try:
            await central.power_on()
            if self._listeners:
                await _scan(central)
        except (core.BaseBumbleError, TimeoutError) as error:
            self._lose()
            raise _unavailable(
                f"the adapter does not answer: {error}", BleakBluetoothNotAvailableReason.UNKNOWN
            ) from error
        return central

    def _break(self) -> None:
        self._lose()
        self._broke.set()

    def _lose(self) -> None:
        line, self._line = self._line, None
        central, self._central = self._central, None
        if central is not None:
            unplug(central)
        if line is not None:
            line.close()

    def _hear(self, report: Report) -> None:
        for listener in tuple(self._listeners):
            listener.on_report(report)


class Central(Device):
    """Bumble's device in the central role, without the work that only its own tools need."""

    def __init__(self, hear: Callable[[Report], None], line: Line, keystore: MemoryKeyStore) -> None:
        self._hear = hear
        super().__init__(name="gateway", host=QuietHost(line.source, line.sink))
        self.keystore = keystore
        self.address_resolution_offload = True  # else Bumble scans by itself before it connects to a bonded device

    def on_advertising_report(self, report: Report) -> None:
        self._hear(report)


class QuietHost(Host):
    # Bumble formats every packet for a debug log that nobody reads: most of the cost of a notification.
    def send_hci_packet(self, packet: hci.HCI_Packet) -> None:
        if self.hci_sink is not None:
            self.hci_sink.on_packet(bytes(packet))

    def on_hci_packet(self, packet: hci.HCI_Packet) -> None:
        match packet:
            case hci.HCI_AclDataPacket():
                self.on_hci_acl_data_packet(packet)
            case hci.HCI_Event():
                self.on_hci_event_packet(packet)
            case _:
                super().on_hci_packet(packet)

    def on_transport_lost(self) -> None:
        pending = self.pending_response
        if pending is not None and not pending.done():
            pending.set_exception(core.BaseBumbleError("the line to the controller broke"))
        self.hci_sink = None
        self.ready = False  # what is still under way from the controller is ignored
        self.emit("flush")


def unplug(device: Device) -> None:
    """The controller is gone: every connection of the device ends now, and a command in flight fails."""
    device.host.on_transport_lost()  # type: ignore[no-untyped-call]


async def uninterrupted(work: Coroutine[Any, Any, T]) -> T:
    """Finish `work` even if the caller is cancelled, then let the cancellation through.

    Half a command would leave Bumble's host waiting for an answer that it takes for the next command's.
    """
    task = asyncio.ensure_future(work)
    task.add_done_callback(_take_exception)
    try:
        await asyncio.wait({task})
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=COMMAND_S)
        raise
    return outcome(task)


def outcome(task: asyncio.Future[T]) -> T:
    """The result of a finished task; Bumble cancels what was waiting for a line or a link that broke."""
    if task.cancelled():
        raise BleakError("the connection to the adapter or the device was lost")
    return task.result()


async def _give_up(central: Central, attempt: "asyncio.Future[Connection]") -> Connection | None:
    """End a connection attempt. None if there was nothing to connect to."""
    if not attempt.done():
        with contextlib.suppress(core.BaseBumbleError):  # refused when it has just succeeded
            await central.send_sync_command(hci.HCI_LE_Create_Connection_Cancel_Command())
        await asyncio.wait({attempt}, timeout=COMMAND_S)
    if not attempt.done():
        attempt.cancel()
        raise BleakError("the adapter does not answer")
    return _connected(attempt)


def _connected(attempt: "asyncio.Future[Connection]") -> Connection | None:
    try:
        return outcome(attempt)
    except core.ConnectionError as error:
        if error.error_code == hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR:
            return None
        raise BleakError(f"the connection failed: {error}") from error


async def _scan(central: Central) -> None:
    await central.start_scanning(active=False, own_address_type=hci.OwnAddressType.PUBLIC)


def _take_exception(task: "asyncio.Future[Any]") -> None:
    if not task.cancelled():
        task.exception()


def _unavailable(text: str, reason: BleakBluetoothNotAvailableReason) -> BleakBluetoothNotAvailableError:
    return BleakBluetoothNotAvailableError(text, reason)
