"""Glucose Service 1.0.1: a meter with memory. Its records outlive links and readers, until a reader deletes them."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bumble import att
from bumble.device import Connection
from bumble.gatt import Characteristic, Service

from devices.virtual.gatt_servers import racp
from devices.virtual.gatt_servers.base import Advertising
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
from devices.virtual.radio import Air

MEASUREMENT, CONTEXT, FEATURE, RECORD_ACCESS = 0x2A18, 0x2A34, 0x2A51, 0x2A52
CURRENT_TIME_SERVICE, CURRENT_TIME = 0x1805, 0x2A2B
# Core Specification Supplement part B 1.2: common profile error codes
CCCD_IMPROPERLY_CONFIGURED, PROCEDURE_IN_PROGRESS = 0xFD, 0xFE
MEMORY_SLOTS = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    measurement: bytes
    context: bytes | None = None

    @property
    def sequence_number(self) -> int:
        return int.from_bytes(self.measurement[1:3], "little")  # 3.1.1.2, after the flags


class Glucose(ConnectablePeripheral):
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
        needs_bond: bool = False,
        is_always_on_the_air: bool = False,
        pace_s: float = 0.0,
        clock: Callable[[], bytes] | None = None,
        **common: Any,
    ) -> None:
        super().__init__(air, **common)
        self.lost = 0
        self._records: dict[int, Record] = {}
        self._unreported: set[int] = set()
        self._is_always_on_the_air = is_always_on_the_air
        self._pace_s = pace_s
        self._busy: set[Connection] = set()
        self._aborting: set[Connection] = set()
        self._measurement = characteristic(MEASUREMENT, NOTIFY)
        self._context = characteristic(CONTEXT, NOTIFY)
        self._feature = characteristic(FEATURE, READ, features)
        self._record_access = characteristic(
            RECORD_ACCESS,
            WRITE | INDICATE,
            att.AttributeValue(write=self._on_request),
            WRITEABLE | NEEDS_ENCRYPTION if needs_bond else WRITEABLE,
        )

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
        decision = racp.decide(request, sorted(self._records))
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
                for number in numbers:
                    self._forget(number)
                await self._respond(reader, racp.response(racp.Op.DELETE, racp.Answer.SUCCESS))
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
            if (record := self._records.get(number)) is not None:
                self._send(reader, record)
        if await self._respond(reader, racp.response(racp.Op.REPORT, racp.Answer.SUCCESS)):
            self._unreported.difference_update(numbers)

    def _send(self, reader: Connection, record: Record) -> None:
        self.notify_one(reader, self._measurement, record.measurement)
        if record.context is not None and self.is_subscribed(reader, self._context, NOTIFICATIONS_ON):
            self.notify_one(reader, self._context, record.context)

    async def _respond(self, reader: Connection, value: bytes) -> bool:
        self._busy.discard(reader)  # the reader may ask again as soon as it has this
        return await self.indicate(self._record_access, value, reader)

    def _forget(self, number: int) -> None:
        self._records.pop(number, None)
        self._unreported.discard(number)


def _current_time(clock: Callable[[], bytes]) -> Characteristic[bytes]:
    return characteristic(CURRENT_TIME, READ, att.AttributeValue(read=lambda _reader: clock()))
