"""A BTHome v2 frame (service data FCD2): what it carries, and how it is sealed. bthome.io/format and /encryption."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from devices.errors import DecodeError
from devices.profiles.base import Sender, uuid16
from devices.profiles.bthome.objects import OBJECTS, Object

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

SERVICE: Final = uuid16(0xFCD2)
VERSION: Final = 2
ENCRYPTED: Final = 0x01
ADDRESS_INCLUDED: Final = 0x02  # reserved in the format today; older senders put their address there
ON_TRIGGER: Final = 0x04  # advertises only when something happens
KEY_BYTES, ADDRESS_BYTES, COUNTER_BYTES, MIC_BYTES = 16, 6, 4, 4
CIPHERS_KEPT: Final = 64
_UUID_ON_AIR: Final = b"\xd2\xfc"

# Bytes after the id, by object id. One unknown length would make all that follows unreadable.
_UNKNOWN, _SAYS_ITSELF = -1, -2
_SIZES: Final = tuple(
    _UNKNOWN if (facts := OBJECTS.get(number)) is None else _SAYS_ITSELF if facts.size is None else facts.size
    for number in range(256)
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """`objects`: (object id, its bytes) in the order sent, up to the first id that is not in the table: the format
    tells receivers to stop there, and senders to put newer objects last. `not_read`: from there on. `counter`: only
    of an encrypted frame."""

    on_trigger: bool
    objects: list[tuple[int, bytes]]
    not_read: bytes = b""
    counter: int | None = None


def parse(service_data: bytes, sender: Sender) -> Frame:
    payload, counter = unsealed(service_data, sender)
    objects, ended = walk(payload)
    return Frame(
        on_trigger=bool(service_data[0] & ON_TRIGGER), objects=objects, not_read=payload[ended:], counter=counter
    )


def unsealed(service_data: bytes, sender: Sender) -> tuple[bytes, int | None]:
    """The objects, and the counter if they were encrypted. Whoever has a key encrypts always: else anybody could say
    anything in the sender's name."""
    if not service_data:
        raise DecodeError("device information needs 1 bytes, 0 are left of ")
    info, at = service_data[0], 1
    if info >> 5 != VERSION:
        raise DecodeError(f"BTHome version {info >> 5}: this gateway reads {VERSION}")
    address = None
    if info & ADDRESS_INCLUDED:
        at += ADDRESS_BYTES
        address = service_data[1:at][::-1]
        if len(address) < ADDRESS_BYTES:
            raise DecodeError(f"address needs 6 bytes, {len(address)} are left of {service_data.hex(' ')}")
    if info & ENCRYPTED:
        return _opened(service_data, at, address, sender)
    if sender.key is not None:
        raise DecodeError("not encrypted, though this device has a key: anybody could have sent it")
    return service_data[at:], None


def walk(payload: bytes) -> tuple[list[tuple[int, bytes]], int]:
    """The objects, and where the first one begins that is not in the table."""
    objects: list[tuple[int, bytes]] = []
    at, end = 0, len(payload)
    while at < end:
        number, began = payload[at], at + 1
        size = _SIZES[number]
        if size < 0:
            if size == _UNKNOWN:
                return objects, at
            size, began = _own_size(number, payload, began)
        ended = began + size
        if ended > end:
            raise DecodeError(f"object {number:#04x} needs {size} bytes, {end - began} are left of {payload.hex(' ')}")
        objects.append((number, payload[began:ended]))
        at = ended
    return objects, at


def _own_size(number: int, payload: bytes, at: int) -> tuple[int, int]:
    if at == len(payload):
        raise DecodeError(f"object {number:#04x} needs a length, 0 bytes are left of {payload.hex(' ')}")
    if number == Object.COMMAND:
        return (payload[at] & 0x1F) + 1, at + 1  # the arguments, and the command itself; its upper bits are reserved
    return payload[at], at + 1


def _opened(service_data: bytes, at: int, address: bytes | None, sender: Sender) -> tuple[bytes, int]:
    if sender.key is None:
        raise DecodeError("encrypted, and there is no key for this device")
    ended = len(service_data) - COUNTER_BYTES - MIC_BYTES
    if ended < at:
        raise DecodeError(f"an encrypted frame ends with 8 bytes of counter and check: {service_data.hex(' ')}")
    counter, mic = service_data[ended : ended + COUNTER_BYTES], service_data[ended + COUNTER_BYTES :]
    nonce = _nonce(address or _address_bytes(sender), service_data[0], counter)
    from cryptography.exceptions import InvalidTag  # here: most gateways have no sensor that encrypts, and it is large

    try:
        payload = _cipher(sender.key).decrypt(nonce, service_data[at:ended] + mic, None)
    except InvalidTag as error:
        raise DecodeError("cannot be opened with this device's key: it is another one, or the bytes changed") from error
    return payload, int.from_bytes(counter, "little")


def sealed(plain: bytes, *, sender: Sender, counter: int) -> bytes:
    """An encrypted frame of a plain one: for the device's side."""
    assert sender.key is not None and not plain[0] & (ENCRYPTED | ADDRESS_INCLUDED), plain
    info, count = plain[0] | ENCRYPTED, counter.to_bytes(COUNTER_BYTES, "little")
    content = _cipher(sender.key).encrypt(_nonce(_address_bytes(sender), info, count), plain[1:], None)
    return bytes((info,)) + content[:-MIC_BYTES] + count + content[-MIC_BYTES:]


def _nonce(address: bytes, info: int, counter: bytes) -> bytes:
    return address + _UUID_ON_AIR + bytes((info,)) + counter


def _address_bytes(sender: Sender) -> bytes:
    return bytes.fromhex(sender.address.replace(":", ""))


@lru_cache(maxsize=CIPHERS_KEPT)
def _cipher(key: bytes) -> "AESCCM":
    from cryptography.hazmat.primitives.ciphers.aead import AESCCM

    assert len(key) == KEY_BYTES, len(key)
    return AESCCM(key, tag_length=MIC_BYTES)
