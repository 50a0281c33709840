"""Device Information Service (180A): who made the device and which version it is. DIS 1.1, section 3; GATT
Specification Supplement 3, PnP ID. Read once at connect, by the profiles of whole devices."""

from collections.abc import Callable, Mapping
from enum import IntEnum
from functools import partial
from types import MappingProxyType
from typing import Final

from devices.errors import DecodeError
from devices.gatt import Reader
from devices.profiles.base import Identity, Said, uuid16

SERVICE: Final = uuid16(0x180A)
MODEL: Final = uuid16(0x2A24)
SERIAL: Final = uuid16(0x2A25)
FIRMWARE: Final = uuid16(0x2A26)
HARDWARE: Final = uuid16(0x2A27)
SOFTWARE: Final = uuid16(0x2A28)
MANUFACTURER: Final = uuid16(0x2A29)
PNP_ID: Final = uuid16(0x2A50)
READ: Final = (MODEL, MANUFACTURER, FIRMWARE)  # what a technician needs to know of a device that misbehaves


class Vendor(IntEnum):
    """Vendor ID Source: who gave the vendor its number."""

    BLUETOOTH = 1
    USB = 2


def decode_text(what: str, data: bytes) -> tuple[Said, ...]:
    """UTF-8. Devices fill their strings up with zeros or blanks; an empty one says nothing."""
    try:
        text = bytes(data).decode().rstrip("\0 ").strip()
    except UnicodeDecodeError as error:
        raise DecodeError(f"{what} is not UTF-8: {data.hex(' ')}") from error
    if not text.isprintable():
        raise DecodeError(f"{what} has characters that cannot be shown: {data.hex(' ')}")
    return (Identity(what=what, text=text),) if text else ()


def decode_pnp_id(data: bytes) -> tuple[Said, ...]:
    """The version is three decimal places as digits: 0x0213 is 2.1.3."""
    reader = Reader(data)
    source = reader.u8("vendor id source")
    vendor, product, version = reader.u16("vendor id"), reader.u16("product id"), reader.u16("product version")
    reader.end()
    if source not in set(Vendor):
        raise DecodeError(f"vendor id source {source}: 1 is Bluetooth, 2 is USB")
    dotted = f"{version >> 8:x}.{version >> 4 & 0xF:x}.{version & 0xF:x}"
    text = f"{Vendor(source).name} vendor {vendor:#06x} product {product:#06x} version {dotted}"
    return (Identity(what="pnp", text=text),)


DECODERS: Final[Mapping[str, Callable[[bytes], tuple[Said, ...]]]] = MappingProxyType(
    {
        MODEL: partial(decode_text, "model"),
        SERIAL: partial(decode_text, "serial"),
        FIRMWARE: partial(decode_text, "firmware"),
        HARDWARE: partial(decode_text, "hardware"),
        SOFTWARE: partial(decode_text, "software"),
        MANUFACTURER: partial(decode_text, "manufacturer"),
        PNP_ID: decode_pnp_id,
    }
)


def explain(uuid: str, data: bytes) -> list[str]:
    said = [f"{word.what}: {word.text}" for word in DECODERS[uuid](data) if isinstance(word, Identity)]
    return said or ["an empty text"]


def encode_text(text: str) -> bytes:
    return text.encode()


def encode_pnp_id(*, source: Vendor, vendor: int, product: int, version: tuple[int, int, int]) -> bytes:
    major, minor, patch = version
    numbers = (vendor, product, major << 8 | minor << 4 | patch)
    return bytes((source,)) + b"".join(number.to_bytes(2, "little") for number in numbers)
