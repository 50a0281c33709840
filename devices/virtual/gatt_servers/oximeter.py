"""Pulse Oximeter Service 1.0: continuous measurements as a live stream, spot-checks as indications."""

from collections.abc import Sequence
from typing import Any

from bumble.gatt import Service

from devices.virtual.gatt_servers.connectable import (
    INDICATE,
    INDICATIONS_ON,
    NOTIFY,
    READ,
    ConnectablePeripheral,
    characteristic,
    service,
)
from devices.virtual.radio import Air

SPOT_CHECK, CONTINUOUS, FEATURES = 0x2A5E, 0x2A5F, 0x2A60


class PulseOximeter(ConnectablePeripheral):
    service_uuid = 0x1822

    def __init__(self, air: Air, *, features: bytes = b"\x00\x00", **common: Any) -> None:
        super().__init__(air, **common)
        self._spot_check = characteristic(SPOT_CHECK, INDICATE)
        self._continuous = characteristic(CONTINUOUS, NOTIFY)
        self._features = characteristic(FEATURES, READ, features)

    def services(self) -> Sequence[Service]:
        return [service(self.service_uuid, self._spot_check, self._continuous, self._features)]

    async def publish_continuous(self, measurement: bytes) -> int:
        """How many readers heard it."""
        return self.notify(self._continuous, measurement)

    async def publish_spot_check(self, measurement: bytes) -> int:
        """How many readers confirmed it; nothing is kept for later."""
        readers = self._subscribers(self._spot_check, INDICATIONS_ON)
        return sum([await self.indicate(self._spot_check, measurement, reader) for reader in readers])
