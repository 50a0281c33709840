"""Advertising data, both ways: what a peripheral puts on the air and what a scanner makes of it.

Core Specification Supplement part A gives the fields; Assigned Numbers 2.3 their type numbers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

FLAGS = 0x01
SHORTENED_NAME, COMPLETE_NAME = 0x08, 0x09
TX_POWER = 0x0A
COMPLETE_UUIDS_16 = 0x03
SERVICE_DATA_16 = 0x16
MANUFACTURER_DATA = 0xFF
UUID_LIST_WIDTH = {0x02: 2, 0x03: 2, 0x04: 4, 0x05: 4, 0x06: 16, 0x07: 16}
SERVICE_DATA_UUID_WIDTH = {0x16: 2, 0x20: 4, 0x21: 16}

LEGACY_ADVERT_BYTES = 31
GENERAL_DISCOVERABLE_NO_CLASSIC = b"\x06"
BLUETOOTH_BASE = "-0000-1000-8000-00805f9b34fb"


@dataclass(frozen=True, kw_only=True, slots=True)
class Advert:
    local_name: str | None = None
    manufacturer_data: dict[int, bytes] = field(default_factory=dict)
    service_data: dict[str, bytes] = field(default_factory=dict)
    service_uuids: tuple[str, ...] = ()
    tx_power_dbm: int | None = None


@lru_cache(maxsize=512)
def parse_advert(data: bytes) -> Advert:
    """Read what can be read; a field that runs past the end is where the advert stops."""
    name: str | None = None
    manufacturer: dict[int, bytes] = {}
    service_data: dict[str, bytes] = {}
    uuids: list[str] = []
    tx_power_dbm: int | None = None
    for kind, value in _fields(data):
        if kind == COMPLETE_NAME or (kind == SHORTENED_NAME and name is None):
            name = value.decode(errors="replace")
        elif width := UUID_LIST_WIDTH.get(kind):
            uuids += [uuid_text(value[i : i + width]) for i in range(0, len(value) - width + 1, width)]
        elif (width := SERVICE_DATA_UUID_WIDTH.get(kind)) and len(value) >= width:
            service_data[uuid_text(value[:width])] = value[width:]
        elif kind == MANUFACTURER_DATA and len(value) >= 2:
            manufacturer[int.from_bytes(value[:2], "little")] = value[2:]
        elif kind == TX_POWER and len(value) == 1:
            tx_power_dbm = int.from_bytes(value, signed=True)
    return Advert(
        local_name=name,
        manufacturer_data=manufacturer,
        service_data=service_data,
        service_uuids=tuple(uuids),
        tx_power_dbm=tx_power_dbm,
    )


def build_advert(
    name: str, *, service_uuids: Sequence[int] = (), service_data: Sequence[tuple[int, bytes]] = ()
) -> bytes:
    """Flags, 16-bit services, service data, and as much of the name as fits into a legacy advert."""
    data = _field(FLAGS, GENERAL_DISCOVERABLE_NO_CLASSIC)
    if service_uuids:
        data += _field(COMPLETE_UUIDS_16, b"".join(uuid.to_bytes(2, "little") for uuid in service_uuids))
    for uuid, value in service_data:
        data += _field(SERVICE_DATA_16, uuid.to_bytes(2, "little") + value)
    if len(data) > LEGACY_ADVERT_BYTES:
        raise ValueError(f"{name}: {len(data)} bytes do not fit into an advert of {LEGACY_ADVERT_BYTES}")
    label, room = name.encode(), LEGACY_ADVERT_BYTES - len(data) - 2
    if len(label) <= room:
        return data + _field(COMPLETE_NAME, label)
    return data + _field(SHORTENED_NAME, label[:room]) if room > 0 else data


def uuid_text(little_endian: bytes) -> str:
    """The 128-bit form that bleak uses, of a UUID of 2, 4 or 16 bytes as sent."""
    digits = little_endian[::-1].hex()
    if len(digits) < 32:
        return digits.rjust(8, "0") + BLUETOOTH_BASE
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 1 < len(data) and data[at] and at + 1 + data[at] <= len(data):
        yield data[at + 1], data[at + 2 : at + 1 + data[at]]
        at += 1 + data[at]


def _field(kind: int, value: bytes) -> bytes:
    return bytes([len(value) + 1, kind]) + value
