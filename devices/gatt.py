"""Reading the fields of a Bluetooth characteristic one after the other; short or surplus bytes are a DecodeError."""

from datetime import datetime
from decimal import Decimal
from typing import Final

from devices.errors import DecodeError
from devices.ieee11073 import medfloat, sfloat

EARLIEST_YEAR: Final = 1582  # GATT Specification Supplement, Date Time: 1582 to 9999; 0 is "not known"


class Reader:
    """`what` names the field, for the message."""

    def __init__(self, data: bytes) -> None:
        self._data = bytes(data)
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def raw(self, size: int, what: str) -> bytes:
        began = self._at
        self._at = ended = began + size
        if ended > len(self._data):
            self._at = began
            raise DecodeError(f"{what} needs {size} bytes, {self.left} are left of {self._data.hex(' ')}")
        return self._data[began:ended]

    def u8(self, what: str) -> int:
        return self.raw(1, what)[0]

    def u16(self, what: str) -> int:
        return int.from_bytes(self.raw(2, what), "little")

    def u24(self, what: str) -> int:
        return int.from_bytes(self.raw(3, what), "little")

    def u32(self, what: str) -> int:
        return int.from_bytes(self.raw(4, what), "little")

    def s16(self, what: str) -> int:
        return int.from_bytes(self.raw(2, what), "little", signed=True)

    def sfloat(self, what: str) -> Decimal | None:
        return sfloat(self.u16(what))

    def medfloat(self, what: str) -> Decimal | None:
        return medfloat(self.u32(what))

    def date_time(self, what: str) -> datetime | None:
        """The device's local time, without a zone; None when it says that it does not know the date."""
        return date_time(self.raw(7, what), what)

    def end(self) -> None:
        if self.left:
            raise DecodeError(f"{self.left} surplus bytes at the end of {self._data.hex(' ')}")


def date_time(seven: bytes, what: str) -> datetime | None:
    """The device's local time, without a zone; None when it says that it does not know the date."""
    low, high, month, day, hour, minute, second = seven
    year = high << 8 | low
    if not (year and month and day):
        return None
    if year < EARLIEST_YEAR:
        raise DecodeError(f"{what}: year {year} is before {EARLIEST_YEAR}")
    try:
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - a device knows no zone
    except ValueError as error:
        raise DecodeError(f"{what}: {error}") from error


def date_time_bytes(local: datetime) -> bytes:
    year = local.year.to_bytes(2, "little")
    return year + bytes((local.month, local.day, local.hour, local.minute, local.second))
