"""Heart Rate Service 1.0: a chest strap. A live stream, nothing is kept."""

from collections.abc import Sequence
from typing import Any

from bumble.gatt import Service

from devices.virtual.gatt_servers.connectable import NOTIFY, READ, ConnectablePeripheral, characteristic, service
from devices.virtual.radio import Air

MEASUREMENT, BODY_SENSOR_LOCATION = 0x2A37, 0x2A38
CHEST = 1


class HeartRate(ConnectablePeripheral):
    service_uuid = 0x180D

    def __init__(self, air: Air, *, body_sensor_location: int = CHEST, **common: Any) -> None:
        super().__init__(air, **common)
        self._measurement = characteristic(MEASUREMENT, NOTIFY)
        self._location = characteristic(BODY_SENSOR_LOCATION, READ, bytes([body_sensor_location]))

    def services(self) -> Sequence[Service]:
        return [service(self.service_uuid, self._measurement, self._location)]

    async def publish(self, measurement: bytes) -> int:
        """How many readers heard it."""
        return self.notify(self._measurement, measurement)
