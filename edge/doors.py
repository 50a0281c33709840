"""The door to one Bluetooth adapter, whatever is behind it, and what its errors mean."""

from collections.abc import Callable
from typing import Final, Protocol

from bleak import BleakClient, BleakScanner
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.exc import (
    BleakBluetoothNotAvailableError,
    BleakDBusError,
    BleakDeviceNotFoundError,
    BleakError,
    BleakGATTProtocolError,
)

# What bleak and its backends raise when a device or the radio fails us.
RADIO_FAULTS: Final = (BleakError, OSError, EOFError, TimeoutError)

# Core 5.4 vol 3 part F 3.4.1.1: authentication, authorization, key size, encryption
WANTS_A_BOND: Final = frozenset({0x05, 0x08, 0x0C, 0x0F})
AUTHENTICATION: Final = frozenset(
    f"org.bluez.Error.{name}"
    for name in ("AuthenticationFailed", "AuthenticationRejected", "AuthenticationCanceled", "NotAuthorized")
)

# bleak: "failed to discover services, device disconnected"; BlueZ 5.66 on Linux 6.12 and 6.1 when a key is lost
CUT: Final = ("disc", "connection-canceled", "connection-abort-by-local")

Detected = Callable[[BLEDevice, AdvertisementData], None]
Dropped = Callable[[BleakClient], None]


class Door(Protocol):
    name: str

    async def open(self) -> None:
        """Before anything else, and again after a fault: does nothing when it is open."""

    async def close(self) -> None: ...

    def scanner(self, detected: Detected) -> BleakScanner: ...

    def client(self, device: BLEDevice, dropped: Dropped, timeout_s: float) -> BleakClient: ...

    async def pair(self, client: BleakClient) -> None:
        """Encrypt the link: with the bond that there is, else with a new one."""

    def is_bonded(self, device: BLEDevice) -> bool:
        """There is a key for it, whoever made it: bluetoothd pairs by itself when a device asks for that."""

    async def forget(self, device: BLEDevice) -> None:
        """Remove the bond and what is known of the device."""

    async def power_cycle(self) -> None: ...

    async def gone(self) -> None:
        """Returns when what is behind the door went away: links and scans are dead, whether they say so or not."""


def is_refusal(error: BaseException) -> bool:
    """The device wants an encrypted link, or one of the two sides does not know the other's key."""
    match error:
        case BleakGATTProtocolError():
            return error.args[0] in WANTS_A_BOND
        case BleakDBusError():
            return error.dbus_error in AUTHENTICATION or "key-missing" in str(error)
        case _:
            return False


def is_cut(error: BaseException) -> bool:
    """A link came up and was lost before the device's services were known."""
    if not isinstance(error, BleakError) or isinstance(error, BleakDeviceNotFoundError):
        return False
    return any(words in str(error) for words in CUT)


def no_bluetooth(error: BaseException) -> str:
    """bleak's own error has a code for programs beside its sentence."""
    said = error.args[0] if isinstance(error, BleakBluetoothNotAvailableError) else error
    return f"no Bluetooth ({str(said) or type(error).__name__}): is the adapter there and bluetoothd running?"
