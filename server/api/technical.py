"""What a technician must see. Others get the counts: that something is wrong is everybody's business."""

from fastapi import APIRouter

from server.access import Deed
from server.api import equipment, technical_schemas
from server.api.desk import DeskOfApp, Token, Work
from server.store import board, proofs, technical

router = APIRouter(prefix="/api/v1", tags=["technical"])


@router.get("/technical")
def get_technical(desk: DeskOfApp, token: Token) -> technical_schemas.Technical:
    """The lists are empty for a role that does not look after equipment; the counts are there for everybody."""
    with desk.work(token, snapshot=True) as work:
        teams = work.teams(Deed.COUNT_TROUBLES)
        sees = bool(work.caller.teams(Deed.SEE_TROUBLES))
        return technical_schemas.Technical(
            set_aside_count=technical.set_aside_count(work.conn),
            set_aside=_set_aside(technical.set_aside(work.conn)) if sees else [],
            unassigned=technical.unassigned(work.conn) if sees else {},
            lost_rows=technical.lost_rows(work.conn),
            unknown_fields=technical.unknown_fields(work.conn),
            gateways=_gateways(work, teams) if sees else [],
            local_alarms=_local_alarms(technical.local_alarms(work.conn, work.now)) if sees else [],
        )


def _gateways(work: Work, teams: frozenset[int]) -> list[technical_schemas.TechnicalGateway]:
    rows = board.gateways(work.conn, teams) + technical.homeless_gateways(work.conn)
    configs = technical.configs(work.conn, [row.id for row in rows])
    proven = proofs.newest(work.conn, [row.id for row in rows])
    return [equipment.gateway(row, configs.get(row.id), proven.get(row.id)) for row in rows]


def _local_alarms(rows: list[technical.LocalAlarmRow]) -> list[technical_schemas.LocalAlarm]:
    return [
        technical_schemas.LocalAlarm(gateway=row.gateway, device=row.device, at=row.at, received_at=row.received_at)
        for row in rows
    ]


def _set_aside(rows: list[technical.SetAsideRow]) -> list[technical_schemas.SetAside]:
    return [
        technical_schemas.SetAside(
            id=row.id, at=row.at, gateway=row.gateway, topic=row.topic, reason=row.reason, size=row.size
        )
        for row in rows
    ]
