"""What a device is that keeps records and hands them out through the record access control point: Glucose Service
1.0.1, 3.4 and 3.5; Continuous Glucose Monitoring Service 1.0.2, 3.10."""

import asyncio
from collections.abc import Sequence
from typing import Any

from bumble import att
from bumble.device import Connection

from devices.virtual.gatt_servers import racp
from devices.virtual.gatt_servers.connectable import (
    INDICATE,
    INDICATIONS_ON,
    NEEDS_ENCRYPTION,
    NOTIFICATIONS_ON,
    NOTIFY,
    WRITE,
    WRITEABLE,
    ConnectablePeripheral,
    characteristic,
)
from devices.virtual.radio import Air

RECORD_ACCESS = 0x2A52
# Core Specification Supplement part B 1.2: common profile error codes
CCCD_IMPROPERLY_CONFIGURED, PROCEDURE_IN_PROGRESS = 0xFD, 0xFE


class Recorder(ConnectablePeripheral):
    """Subclasses keep the records, by numbers that a reader can ask for. A reader waits `pace_s` for each."""

    def __init__(
        self, air: Air, *, measurement: int, needs_bond: bool = False, pace_s: float = 0.0, **common: Any
    ) -> None:
        super().__init__(air, **common)
        self._pace_s = pace_s
        self._busy: set[Connection] = set()
        self._aborting: set[Connection] = set()
        self._measurement = characteristic(measurement, NOTIFY)
        self._record_access = characteristic(
            RECORD_ACCESS,
            WRITE | INDICATE,
            att.AttributeValue(write=self._on_request),
            WRITEABLE | NEEDS_ENCRYPTION if needs_bond else WRITEABLE,
        )

    def numbers(self) -> Sequence[int]:
        """Of the records that there are, ascending."""
        raise NotImplementedError

    def send(self, reader: Connection, number: int) -> None:
        """Nothing, when it is not there any more."""
        raise NotImplementedError

    def delete(self, numbers: Sequence[int]) -> racp.Answer:
        """For subclasses whose records can be deleted."""
        return racp.Answer.OP_CODE_NOT_SUPPORTED

    def reported(self, numbers: Sequence[int]) -> None:
        """A reader has had all of these, and has confirmed it."""

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
        decision = racp.decide(request, self.numbers())
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
            case racp.Work(op=racp.Op.COUNT, sequence_numbers=numbers):
                await self._respond(reader, racp.count_response(len(numbers)))
            case racp.Work(op=racp.Op.DELETE, sequence_numbers=numbers):
                await self._respond(reader, racp.response(racp.Op.DELETE, self.delete(numbers)))
            case racp.Work(op=racp.Op.REPORT, sequence_numbers=numbers):
                await self._report(reader, numbers)
            case racp.Work(op=op):
                await self._respond(reader, racp.response(op, racp.Answer.SUCCESS))
        self.changed()

    async def _report(self, reader: Connection, numbers: Sequence[int]) -> None:
        for number in numbers:
            await asyncio.sleep(self._pace_s)
            if reader not in self.connections:
                return
            if reader in self._aborting:
                await self._respond(reader, racp.response(racp.Op.ABORT, racp.Answer.SUCCESS))
                return
            self.send(reader, number)
        if await self._respond(reader, racp.response(racp.Op.REPORT, racp.Answer.SUCCESS)):
            self.reported(numbers)

    async def _respond(self, reader: Connection, value: bytes) -> bool:
        self._busy.discard(reader)  # the reader may ask again as soon as it has this
        return await self.indicate(self._record_access, value, reader)
