"""Weight Scale Service 1.0 and Body Composition Service 1.0 in one scale, as a spot-check device."""

from collections.abc import Sequence
from typing import Any

from bumble.gatt import Characteristic, Service

from devices.virtual.gatt_servers.connectable import INDICATE, READ, characteristic, service
from devices.virtual.gatt_servers.spot import SpotMeter
from devices.virtual.radio import Air

WEIGHT, WEIGHT_FEATURE = 0x2A9D, 0x2A9E
BODY_COMPOSITION_SERVICE, COMPOSITION, COMPOSITION_FEATURE = 0x181B, 0x2A9C, 0x2A9B
# WSS 1.0, 3.1 and BCS 1.0, 3.1: time, several users, BMI; body water; weighs by 0.1 kg.
WEIGHT_FEATURES = (0b111 | 3 << 3).to_bytes(4, "little")
COMPOSITION_FEATURES = (1 << 7 | 3 << 11).to_bytes(4, "little")


class Scale(SpotMeter):
    service_uuid = 0x181D

    def __init__(self, air: Air, **common: Any) -> None:
        super().__init__(air, **common)
        self._weight = self.indicating(characteristic(WEIGHT, INDICATE))
        self._composition = self.indicating(characteristic(COMPOSITION, INDICATE))
        self._weight_feature = characteristic(WEIGHT_FEATURE, READ, WEIGHT_FEATURES)
        self._composition_feature = characteristic(COMPOSITION_FEATURE, READ, COMPOSITION_FEATURES)

    def services(self) -> Sequence[Service]:
        composition = service(BODY_COMPOSITION_SERVICE, self._composition, self._composition_feature)
        return [*super().services(), composition]

    def characteristics(self) -> Sequence[Characteristic[Any]]:
        return (self._weight, self._weight_feature)

    def weigh(self, weight: bytes, *compositions: bytes) -> None:
        self.keep((self._weight, weight), *((self._composition, each) for each in compositions))
