"""Blood Pressure Service 1.1.1, as a spot-check device. While it pumps it notifies the pressure in the cuff."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bumble import att
from bumble.device import Connection
from bumble.gatt import Characteristic, Service

from devices.virtual.gatt_servers.connectable import (
    INDICATE,
    NOTIFY,
    READ,
    WRITE,
    WRITEABLE,
    characteristic,
    service,
)
from devices.virtual.gatt_servers.spot import SpotMeter
from devices.virtual.radio import Air

MEASUREMENT, CUFF, FEATURE = 0x2A35, 0x2A36, 0x2A49
CURRENT_TIME_SERVICE, CURRENT_TIME = 0x1805, 0x2A2B
SEVERAL_USERS = (1 << 4).to_bytes(2, "little")  # BLS 1.1.1, 3.3.1.1: multiple bond support
NOT_SET = bytes(10)


class BloodPressure(SpotMeter):
    """`wants_time`: like the meters that send nothing until somebody has set their clock, which they have lost with
    the battery. A clock that was set stands still: what was written last is what is read."""

    service_uuid = 0x1810

    def __init__(self, air: Air, *, wants_time: bool = False, **common: Any) -> None:
        super().__init__(air, **common)
        self._measurement = self.indicating(characteristic(MEASUREMENT, INDICATE))
        self._cuff = characteristic(CUFF, NOTIFY)
        self._feature = characteristic(FEATURE, READ, SEVERAL_USERS)
        self._wants_time = wants_time
        self._clock = NOT_SET
        self._current_time = characteristic(
            CURRENT_TIME,
            READ | WRITE,
            att.AttributeValue(read=lambda _reader: self._clock, write=self._on_time),
            WRITEABLE,
        )

    def services(self) -> Sequence[Service]:
        return [*super().services(), service(CURRENT_TIME_SERVICE, self._current_time)]

    def characteristics(self) -> Sequence[Characteristic[Any]]:
        return (self._measurement, self._cuff, self._feature)

    def is_ready(self, reader: Connection) -> bool:
        return not self._wants_time or self._clock != NOT_SET

    def set_clock(self, current_time: bytes) -> None:
        self._clock = current_time

    @property
    def clock(self) -> datetime | None:
        """What was set; None: nothing."""
        if self._clock == NOT_SET:
            return None
        year = int.from_bytes(self._clock[:2], "little")
        month, day, hour, minute, second = self._clock[2:7]
        return datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 - a device knows no zone

    def pump(self, cuff: bytes) -> int:
        """How many readers heard it."""
        return self.notify(self._cuff, cuff)

    def measure(self, measurement: bytes) -> None:
        self.keep((self._measurement, measurement))

    def _on_time(self, reader: Connection, current_time: bytes) -> None:
        self.set_clock(current_time)
        self.begin_sending(reader)
