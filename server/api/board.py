"""The board in one piece: cursors and state of the same instant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from http import HTTPStatus

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Response

from devices.vocabulary import KINDS, Kind
from server.access import Deed
from server.api import schemas, shapes
from server.api.desk import Desk, DeskOfApp, Token
from server.api.problems import RefusedError
from server.store import board

BATTERY = KINDS[Kind.BATTERY].number
AT_ONCE = 2  # a board is mostly work of this process: more at a time only make each of them later
WAITING_MAX = 200


class Boards:
    """Boards are built in threads of their own, so that whoever acknowledges an alert never waits behind them."""

    def __init__(self) -> None:
        self._turn = CapacityLimiter(AT_ONCE)

    async def build(self, desk: Desk, token: str | None) -> bytes:
        if self._turn.statistics().tasks_waiting >= WAITING_MAX:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many screens ask for their board just now: try again in a few seconds.",
                headers={"Retry-After": "5"},
            )
        return await to_thread.run_sync(_build, desk, token, limiter=self._turn)


def router(boards: Boards) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["board"])

    @routes.get("/board", response_model=schemas.Board)
    async def get_board(desk: DeskOfApp, token: Token) -> Response:
        """Say hello on the socket with this epoch and these cursors: what happened since is then replayed."""
        return Response(await boards.build(desk, token), media_type="application/json")

    return routes


def _build(desk: Desk, token: str | None) -> bytes:
    with desk.work(token, snapshot=True) as work:
        seen = board.snapshot(work.conn, work.teams(Deed.SEE_PATIENTS), work.now)
    return as_json(seen, work.now)


def as_json(seen: board.Snapshot, now: datetime) -> bytes:
    return _board(seen, now).model_dump_json().encode()


def _board(seen: board.Snapshot, now: datetime) -> schemas.Board:
    return schemas.Board(
        epoch=seen.epoch,
        cursors=dict(seen.heads),
        at=now,
        practice=any(patient.virtual for patient in seen.patients),
        alerts=[shapes.alert(row) for row in seen.alerts],
        patients=_patients(seen),
        homes=shapes.homes(seen.homes),
        gateways=shapes.gateways(seen.gateways),
    )


def _patients(seen: board.Snapshot) -> list[schemas.PatientRow]:
    vitals, off, gateways = _vitals(seen), _sensors_off(seen.sensors_off), _gateways(seen.gateways)
    return [
        shapes.patient(
            row,
            vitals=vitals.get(row.id, []),
            sensors_off=off.get(row.id, []),
            gateways=gateways.get(row.home, []),
        )
        for row in seen.patients
    ]


def _vitals(seen: board.Snapshot) -> Mapping[int, list[schemas.Vital]]:
    vitals: defaultdict[int, list[schemas.Vital]] = defaultdict(list)
    for row in sorted(seen.values, key=lambda each: each.kind):
        if row.kind != BATTERY:
            vitals[row.patient].append(shapes.vital(row, seen.sparks.get((row.patient, row.kind))))
    return vitals


def _gateways(rows: Iterable[board.GatewayRow]) -> Mapping[int | None, list[str]]:
    """By home; who has no home has no gateway."""
    standing: defaultdict[int | None, list[str]] = defaultdict(list)
    for row in rows:
        if row.home is not None:
            standing[row.home].append(row.id)
    return standing


def _sensors_off(rows: Iterable[tuple[int, str]]) -> Mapping[int, list[str]]:
    off: defaultdict[int, list[str]] = defaultdict(list)
    for patient, device in rows:
        off[patient].append(device)
    return off
