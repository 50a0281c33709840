"""Glucose Service 1.0.1: a meter with memory. Its records outlive links and readers, until a reader deletes them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bumble import att
from bumble.device import Connection
from bumble.gatt import Characteristic, Service

from devices.virtual.gatt_servers import racp
from devices.virtual.gatt_servers.base import Advertising
from devices.virtual.gatt_servers.connectable import NOTIFICATIONS_ON, NOTIFY, READ, characteristic, service
from devices.virtual.gatt_servers.recorder import Recorder
from devices.virtual.radio import Air

MEASUREMENT, CONTEXT, FEATURE = 0x2A18, 0x2A34, 0x2A51
CURRENT_TIME_SERVICE, CURRENT_TIME = 0x1805, 0x2A2B
MEMORY_SLOTS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    measurement: bytes
    context: bytes | None = None

    @property
    def sequence_number(self) -> int:
        return int.from_bytes(self.measurement[1:3], "little")  # 3.1.1.2, after the flags


class Glucose(Recorder):
    """On the air while there is a record that no reader has had in a completed report, or always. `clock` answers who
    asks what time it has; without one it has no Current Time Service.

    When the memory is full the oldest record goes, and is counted in `lost` if it was never reported.
    """

    service_uuid = 0x1808

    def __init__(
        self,
        air: Air,
        *,
        features: bytes = b"\x00\x00",
        is_always_on_the_air: bool = False,
        clock: Callable[[], bytes] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(air, measurement=MEASUREMENT, **common)
        self.lost = 0
        self._records: dict[int, Record] = {}
        self._unreported: set[int] = set()
        self._is_always_on_the_air = is_always_on_the_air
        self._context = characteristic(CONTEXT, NOTIFY)
        self._feature = characteristic(FEATURE, READ, features)
        self._time = None if clock is None else _current_time(clock)

    @property
    def records(self) -> tuple[Record, ...]:
        return tuple(self._records[number] for number in sorted(self._records))

    def services(self) -> Sequence[Service]:
        meter = service(self.service_uuid, self._measurement, self._context, self._feature, self._record_access)
        return [meter] if self._time is None else [meter, service(CURRENT_TIME_SERVICE, self._time)]

    def measure(self, measurement: bytes, context: bytes | None = None) -> None:
        record = Record(measurement=measurement, context=context)
        if len(self._records) >= MEMORY_SLOTS and record.sequence_number not in self._records:
            oldest = min(self._records)
            self.lost += oldest in self._unreported
            self._forget(oldest)
        self._records[record.sequence_number] = record
        self._unreported.add(record.sequence_number)
        self.changed()

    def advertising(self) -> Advertising | None:
        return super().advertising() if self._unreported or self._is_always_on_the_air else None

    def numbers(self) -> Sequence[int]:
        return sorted(self._records)

    def send(self, reader: Connection, number: int) -> None:
        record = self._records.get(number)
        if record is None:
            return
        self.notify_one(reader, self._measurement, record.measurement)
        if record.context is not None and self.is_subscribed(reader, self._context, NOTIFICATIONS_ON):
            self.notify_one(reader, self._context, record.context)

    def delete(self, numbers: Sequence[int]) -> racp.Answer:
        for number in numbers:
            self._forget(number)
        return racp.Answer.SUCCESS

    def reported(self, numbers: Sequence[int]) -> None:
        self._unreported.difference_update(numbers)

    def _forget(self, number: int) -> None:
        self._records.pop(number, None)
        self._unreported.discard(number)


def _current_time(clock: Callable[[], bytes]) -> Characteristic[bytes]:
    return characteristic(CURRENT_TIME, READ, att.AttributeValue(read=lambda _reader: clock()))
