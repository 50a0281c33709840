"""Health Thermometer Service 1.0, as a spot-check device."""

from collections.abc import Sequence
from typing import Any

from bumble.gatt import Characteristic

from devices.virtual.gatt_servers.connectable import INDICATE, READ, characteristic
from devices.virtual.gatt_servers.spot import SpotMeter
from devices.virtual.radio import Air

MEASUREMENT, TEMPERATURE_TYPE = 0x2A1C, 0x2A1D
EAR = 3


class Thermometer(SpotMeter):
    service_uuid = 0x1809

    def __init__(self, air: Air, *, temperature_type: int = EAR, **common: Any) -> None:
        super().__init__(air, **common)
        self._measurement = self.indicating(characteristic(MEASUREMENT, INDICATE))
        self._type = characteristic(TEMPERATURE_TYPE, READ, bytes([temperature_type]))

    def characteristics(self) -> Sequence[Characteristic[Any]]:
        return (self._measurement, self._type)

    def measure(self, measurement: bytes) -> None:
        self.keep((self._measurement, measurement))
