"""Generic Health Sensor Service 1.0 with Elapsed Time 1.0, as a spot-check device: it keeps its observations until a
reader has told it to start and has confirmed them."""

from collections.abc import Sequence
from typing import Any

from bumble import att
from bumble.device import Connection
from bumble.gatt import Characteristic, Service

from devices.virtual.gatt_servers.connectable import INDICATE, READ, WRITE, WRITEABLE, characteristic, service
from devices.virtual.gatt_servers.spot import SpotMeter
from devices.virtual.radio import Air

LIVE, STORED, FEATURES, CONTROL_POINT = 0x2B8B, 0x2BDD, 0x2BF3, 0x2BF4
ELAPSED_TIME_SERVICE, ELAPSED_TIME = 0x183F, 0x2BF2
START, STOP, SUCCESS, NOT_SUPPORTED = 0x01, 0x02, 0x80, 0x81
# No feature; two types of observation: MDC 152584 (peak flow) and 152586 (FEV1).
PEAK_FLOW_AND_FEV1 = bytes.fromhex("00 02 08 54 02 00 0a 54 02 00")


class HealthSensor(SpotMeter):
    """`clock`: what Elapsed Time says."""

    service_uuid = 0x1840

    def __init__(self, air: Air, *, features: bytes = PEAK_FLOW_AND_FEV1, clock: bytes = bytes(11), **common: Any):
        super().__init__(air, **common)
        self._started: set[Connection] = set()
        self._live = self.indicating(characteristic(LIVE, INDICATE))
        self._stored = characteristic(STORED, INDICATE)
        self._features = characteristic(FEATURES, READ, features)
        self._control_point = characteristic(
            CONTROL_POINT, WRITE | INDICATE, att.AttributeValue(write=self._on_order), WRITEABLE
        )
        self._elapsed_time = characteristic(ELAPSED_TIME, READ, clock)

    def services(self) -> Sequence[Service]:
        return [*super().services(), service(ELAPSED_TIME_SERVICE, self._elapsed_time)]

    def characteristics(self) -> Sequence[Characteristic[Any]]:
        return (self._live, self._stored, self._features, self._control_point)

    def is_ready(self, reader: Connection) -> bool:
        return reader in self._started

    def set_clock(self, elapsed_time: bytes) -> None:
        self._elapsed_time.value = elapsed_time

    def observe(self, *segments: bytes) -> None:
        self.keep(*((self._live, each) for each in segments))

    def on_disconnected(self, connection: Connection) -> None:
        self._started.discard(connection)
        super().on_disconnected(connection)

    def _on_order(self, reader: Connection, order: bytes) -> None:
        known = order in (bytes((START,)), bytes((STOP,)))
        if order == bytes((START,)):
            self._started.add(reader)
        elif known:
            self._started.discard(reader)
        self._spawn(self._answer(reader, SUCCESS if known else NOT_SUPPORTED))

    async def _answer(self, reader: Connection, answer: int) -> None:
        await self.indicate(self._control_point, bytes((answer,)), reader)
        self.begin_sending(reader)
