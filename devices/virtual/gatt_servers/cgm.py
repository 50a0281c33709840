"""Continuous Glucose Monitoring Service 1.0.2: a sensor that notifies each record and keeps it for its session."""

import asyncio
from collections.abc import Sequence
from typing import Any

from bumble import att
from bumble.device import Connection
from bumble.gatt import Service

from devices.virtual.gatt_servers import racp
from devices.virtual.gatt_servers.connectable import (
    INDICATE,
    INDICATIONS_ON,
    NEEDS_ENCRYPTION,
    NOTIFICATIONS_ON,
    NOTIFY,
    READ,
    WRITE,
    WRITEABLE,
    ConnectablePeripheral,
    characteristic,
    service,
)
from devices.virtual.gatt_servers.glucose import CCCD_IMPROPERLY_CONFIGURED, PROCEDURE_IN_PROGRESS
from devices.virtual.radio import Air

MEASUREMENT, FEATURE, STATUS, SESSION_START, RUN_TIME = 0x2AA7, 0x2AA8, 0x2AA9, 0x2AAA, 0x2AAB
RECORD_ACCESS = 0x2A52
MEMORY_SLOTS = 20_160  # two weeks of minutes
INTERSTITIAL_WITHOUT_CRC = bytes.fromhex("00 00 00 59 ff ff")
NEVER_TOLD = bytes.fromhex("00 00 00 00 00 00 00 80 ff")


class GlucoseSensor(ConnectablePeripheral):
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
        needs_bond: bool = False,
        **common: Any,
    ) -> None:
        super().__init__(air, **common)
        self._records: dict[int, bytes] = {}
        self._busy: set[Connection] = set()
        self._aborting: set[Connection] = set()
        self._measurement = characteristic(MEASUREMENT, NOTIFY)
        self._feature = characteristic(FEATURE, READ, feature)
        self._session_start = characteristic(SESSION_START, READ, session_start)
        self._run_time = characteristic(RUN_TIME, READ, run_time)
        self._status = characteristic(STATUS, READ, bytes(5))
        self._record_access = characteristic(
            RECORD_ACCESS,
            WRITE | INDICATE,
            att.AttributeValue(write=self._on_request),
            WRITEABLE | NEEDS_ENCRYPTION if needs_bond else WRITEABLE,
        )

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

    def on_disconnected(self, connection: Connection) -> None:
        super().on_disconnected(connection)
        self._busy.discard(connection)
        self._aborting.discard(connection)

    def _on_request(self, reader: Connection, request: bytes) -> None:
        """Refusals of the protocol itself are ATT errors; everything else is answered by an indication."""
        op = request[0] if request else 0
        if not self._is_configured(reader, op):
            raise att.ATT_Error(CCCD_IMPROPERLY_CONFIGURED)
        if reader in self._busy and op != racp.Op.ABORT:
            raise att.ATT_Error(PROCEDURE_IN_PROGRESS)
        decision = racp.decide(request, list(self._records))
        if reader in self._busy:
            self._aborting.add(reader)  # the running report answers for both
            return
        self._busy.add(reader)
        self._aborting.discard(reader)
        self._spawn(self._answer(reader, decision))

    def _is_configured(self, reader: Connection, op: int) -> bool:
        return self.is_subscribed(reader, self._record_access, INDICATIONS_ON) and (
            op != racp.Op.REPORT or self.is_subscribed(reader, self._measurement, NOTIFICATIONS_ON)
        )

    async def _answer(self, reader: Connection, decision: racp.Work | racp.Refusal) -> None:
        match decision:
            case racp.Refusal(request_op=op, answer=answer):
                await self._respond(reader, racp.response(op, answer))
            case racp.Work(op=racp.Op.COUNT, sequence_numbers=minutes):
                await self._respond(reader, racp.count_response(len(minutes)))
            case racp.Work(op=racp.Op.REPORT, sequence_numbers=minutes):
                await self._report(reader, minutes)
            case racp.Work(op=racp.Op.DELETE):
                await self._respond(reader, racp.response(racp.Op.DELETE, racp.Answer.OP_CODE_NOT_SUPPORTED))
            case racp.Work(op=op):
                await self._respond(reader, racp.response(op, racp.Answer.SUCCESS))

    async def _report(self, reader: Connection, minutes: Sequence[int]) -> None:
        for minute in minutes:
            await asyncio.sleep(0)
            if reader not in self.connections:
                return
            if reader in self._aborting:
                await self._respond(reader, racp.response(racp.Op.ABORT, racp.Answer.SUCCESS))
                return
            if (record := self._records.get(minute)) is not None:
                self.notify_one(reader, self._measurement, record)
        await self._respond(reader, racp.response(racp.Op.REPORT, racp.Answer.SUCCESS))

    async def _respond(self, reader: Connection, value: bytes) -> bool:
        self._busy.discard(reader)  # the reader may ask again as soon as it has this
        return await self.indicate(self._record_access, value, reader)
