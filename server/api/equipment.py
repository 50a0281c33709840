"""A gateway as its technician sees it: what it says of itself, its devices, its clock and its configuration."""

from typing import Final

from devices.wire.columns import from_millis
from devices.wire.messages import DeviceHealth
from server.api import shapes, technical_schemas
from server.api.heard import ahead_s, status_of
from server.store import board
from server.store.proofs import ProofRow
from server.store.technical import ConfigRow

DEVICES_MAX: Final = 64


def gateway(
    row: board.GatewayRow, config: ConfigRow | None, proof: ProofRow | None
) -> technical_schemas.TechnicalGateway:
    status = status_of(row.status)
    return technical_schemas.TechnicalGateway(
        **shapes.gateway(row).model_dump(),
        version="" if status is None else status.version,
        config=None if config is None else _config(config),
        proof=None if proof is None else alarm_proof(proof),
        devices=devices(row),
        clock_ahead_s=ahead_s(None if status is None else status.at, row.heard_at),
    )


def devices(row: board.GatewayRow) -> list[technical_schemas.DeviceState]:
    status = status_of(row.status)
    return [] if status is None else [_device(each) for each in status.devices[:DEVICES_MAX]]


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
