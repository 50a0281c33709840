"""A gateway as its technician sees it: what it says of itself, its devices, its clock and its configuration."""

from datetime import datetime
from typing import Final

import msgspec

from devices.wire.columns import from_millis
from devices.wire.messages import DeviceHealth, Status
from server.api import shapes, technical_schemas
from server.store import board
from server.store.proofs import ProofRow
from server.store.technical import ConfigRow

DEVICES_MAX: Final = 64


def gateway(
    row: board.GatewayRow, config: ConfigRow | None, proof: ProofRow | None
) -> technical_schemas.TechnicalGateway:
    status = _status(row)
    return technical_schemas.TechnicalGateway(
        **shapes.gateway(row).model_dump(),
        version="" if status is None else status.version,
        config=None if config is None else _config(config),
        proof=None if proof is None else alarm_proof(proof),
        devices=devices(row),
        clock_ahead_s=_clock_ahead_s(status, row.heard_at),
    )


def devices(row: board.GatewayRow) -> list[technical_schemas.DeviceState]:
    status = _status(row)
    return [] if status is None else [_device(each) for each in status.devices[:DEVICES_MAX]]


def _status(row: board.GatewayRow) -> Status | None:
    """None: never heard, or the words of another version of this program."""
    try:
        return msgspec.convert(row.status, Status)
    except msgspec.ValidationError:
        return None


def _config(row: ConfigRow) -> technical_schemas.ConfigState:
    return technical_schemas.ConfigState(
        version=row.version,
        made_at=row.made_at,
        published_at=row.published_at,
        in_use=row.taken_version,
        taken_at=row.taken_at,
        refused=row.refused,
        fault=row.fault,
    )


def alarm_proof(row: ProofRow) -> technical_schemas.AlarmProof:
    return technical_schemas.AlarmProof(
        day=row.day, asked_at=row.asked_at, server_s=row.server_s, screen_s=row.screen_s
    )


def _device(said: DeviceHealth) -> technical_schemas.DeviceState:
    return technical_schemas.DeviceState(
        device=said.device,
        state=said.state,
        seen_at=None if said.seen_at is None else from_millis(said.seen_at),
        rssi_dbm=said.rssi_dbm,
        battery_percent=said.battery_percent,
        refused=said.refused,
        model=said.model,
    )


def _clock_ahead_s(status: Status | None, heard_at: datetime | None) -> float | None:
    if status is None or status.at is None or heard_at is None:
        return None
    return round((from_millis(status.at) - heard_at).total_seconds(), 1)
