"""Continuous Glucose Monitoring Service 1.0.2: a sensor that notifies each record and keeps it for its session."""

from collections.abc import Sequence
from typing import Any

from bumble.device import Connection
from bumble.gatt import Service

from devices.virtual.gatt_servers.connectable import READ, characteristic, service
from devices.virtual.gatt_servers.recorder import Recorder
from devices.virtual.radio import Air

MEASUREMENT, FEATURE, STATUS, SESSION_START, RUN_TIME = 0x2AA7, 0x2AA8, 0x2AA9, 0x2AAA, 0x2AAB
MEMORY_SLOTS = 20_160  # two weeks of minutes
INTERSTITIAL_WITHOUT_CRC = bytes.fromhex("00 00 00 59 ff ff")
NEVER_TOLD = bytes.fromhex("00 00 00 00 00 00 00 80 ff")


class GlucoseSensor(Recorder):
    """Always on the air. `session_start`: when it was started, as it was told. The records are in order of their
    minutes; a full memory loses the oldest."""

    service_uuid = 0x181F

    def __init__(
        self,
        air: Air,
        *,
        feature: bytes = INTERSTITIAL_WITHOUT_CRC,
        session_start: bytes = NEVER_TOLD,
        run_time: bytes = b"\xf0\x00",
        **common: Any,
    ) -> None:
        super().__init__(air, measurement=MEASUREMENT, **common)
        self._records: dict[int, bytes] = {}
        self._feature = characteristic(FEATURE, READ, feature)
        self._session_start = characteristic(SESSION_START, READ, session_start)
        self._run_time = characteristic(RUN_TIME, READ, run_time)
        self._status = characteristic(STATUS, READ, bytes(5))

    @property
    def records(self) -> tuple[bytes, ...]:
        return tuple(self._records.values())

    def services(self) -> Sequence[Service]:
        return [
            service(
                self.service_uuid,
                self._measurement,
                self._feature,
                self._status,
                self._session_start,
                self._run_time,
                self._record_access,
            )
        ]

    def restart(self, session_start: bytes) -> None:
        """A new session: nothing of the old one is kept."""
        self._records.clear()
        self._session_start.value = session_start

    def measure(self, record: bytes) -> int:
        """How many readers heard it; kept in any case."""
        minute = int.from_bytes(record[4:6], "little")  # 3.1.1.4, after size, flags and concentration
        self._records[minute] = record
        if len(self._records) > MEMORY_SLOTS:
            del self._records[next(iter(self._records))]
        return self.notify(self._measurement, record)

    def numbers(self) -> Sequence[int]:
        return list(self._records)

    def send(self, reader: Connection, number: int) -> None:
        if (record := self._records.get(number)) is not None:
            self.notify_one(reader, self._measurement, record)
