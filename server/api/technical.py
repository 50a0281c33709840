"""What a technician must see. Others get the counts: that something is wrong is everybody's business."""

from datetime import date, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from server.access import Deed
from server.api import case, equipment, technical_schemas
from server.api.case import Asks
from server.api.desk import DeskOfApp, Token, Work
from server.api.problems import RefusedError
from server.api.schemas import StaffMember
from server.store import board, proofs, retries, technical

LONGEST: Final = timedelta(days=31)
MessageId = Annotated[int, Path(ge=1, le=2**63 - 1)]
router = APIRouter(prefix="/api/v1", tags=["technical"])


@router.get("/technical")
def get_technical(desk: DeskOfApp, token: Token) -> technical_schemas.Technical:
    """The lists are empty for a role that does not look after equipment; the counts are there for everybody."""
    with desk.work(token, snapshot=True) as work:
        teams = work.teams(Deed.COUNT_TROUBLES)
        sees = bool(work.caller.teams(Deed.SEE_TROUBLES))
        return technical_schemas.Technical(
            set_aside_count=technical.set_aside_count(work.conn),
            set_aside=_set_aside(work, technical.set_aside(work.conn)) if sees else [],
            unassigned=technical.unassigned(work.conn) if sees else {},
            lost_rows=technical.lost_rows(work.conn),
            unknown_fields=technical.unknown_fields(work.conn),
            gateways=_gateways(work, teams) if sees else [],
            local_alarms=_local_alarms(technical.local_alarms(work.conn, work.now)) if sees else [],
        )


@router.post("/technical/set-aside/{message}/try", dependencies=case.SIGNED_IN)
def try_set_aside(message: MessageId, wish: technical_schemas.TryAgain, asks: Asks) -> technical_schemas.SetAsideTry:
    """The monitor tries it again in a moment, as if it came now: what of it is stored already is not stored twice, and
    the gateway hears nothing of it. What became of it stands in `tries` of GET /technical."""
    with asks.desk.work(asks.token) as work:
        work.teams(Deed.RETRY_MESSAGES)

        def ask() -> technical_schemas.SetAsideTry:
            refusal = retries.ask(work.conn, message, work.now, wish.reason)
            if refusal is not None:
                status = HTTPStatus.NOT_FOUND if refusal == retries.UNKNOWN else HTTPStatus.UNPROCESSABLE_ENTITY
                raise RefusedError(status, retries.WHY_NOT[refusal])
            newest = retries.of(work.conn, [message])[message][0]
            return _try(newest, case.people(work, [newest.asked_by]))

        return case.once_only(work, asks.key, ("try", message), wish, ask, technical_schemas.SetAsideTry)


@router.get("/technical/proofs")
def get_proofs(
    from_: Annotated[date, Query(alias="from")], to: date, desk: DeskOfApp, token: Token
) -> technical_schemas.AlarmProofs:
    """Of the homes whose equipment the caller looks after. The days are those of Norway."""
    if not timedelta(0) <= to - from_ < LONGEST:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"`from` is the first day and `to` the last of at most {LONGEST.days}."
        )
    with desk.work(token) as work:
        rows = proofs.of_days(work.conn, work.teams(Deed.SEE_TROUBLES), from_, to)
    return technical_schemas.AlarmProofs(
        proofs=[
            technical_schemas.HomeProof(gateway=row.gateway, home=row.home, **equipment.alarm_proof(row).model_dump())
            for row in rows
            if row.home is not None
        ]
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


def _set_aside(work: Work, rows: list[technical.SetAsideRow]) -> list[technical_schemas.SetAside]:
    tries = retries.of(work.conn, [row.id for row in rows])
    people = case.people(work, [each.asked_by for found in tries.values() for each in found])
    return [
        technical_schemas.SetAside(
            id=row.id,
            at=row.at,
            gateway=row.gateway,
            topic=row.topic,
            reason=row.reason,
            size=row.size,
            tries=[_try(each, people) for each in tries.get(row.id, ())],
        )
        for row in rows
    ]


def _try(found: retries.Try, people: dict[int, StaffMember]) -> technical_schemas.SetAsideTry:
    return technical_schemas.SetAsideTry(
        id=found.id,
        asked_by=people[found.asked_by],
        asked_at=found.asked_at,
        reason=found.reason,
        tried_at=found.tried_at,
        stored=found.stored,
        events=found.events,
        refused=found.refused,
        why=found.why,
    )
