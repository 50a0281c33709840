"""The board in one piece: cursors and state of the same instant."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from fastapi import APIRouter

from devices.vocabulary import KINDS, Kind
from server.access import Deed
from server.api import schemas, shapes
from server.api.desk import DeskOfApp, Token
from server.store import board

BATTERY = KINDS[Kind.BATTERY].number
router = APIRouter(prefix="/api/v1", tags=["board"])


@router.get("/board")
def get_board(desk: DeskOfApp, token: Token) -> schemas.Board:
    """Say hello on the socket with this epoch and these cursors: what happened since is then replayed."""
    with desk.work(token, snapshot=True) as work:
        seen = board.snapshot(work.conn, work.teams(Deed.SEE_PATIENTS), work.now)
    return schemas.Board(
        epoch=seen.epoch,
        cursors=dict(seen.heads),
        at=work.now,
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
    sparks = {(spark.patient, spark.kind): spark for spark in seen.sparks}
    vitals: defaultdict[int, list[schemas.Vital]] = defaultdict(list)
    for row in sorted(seen.values, key=lambda each: each.kind):
        if row.kind != BATTERY:
            vitals[row.patient].append(shapes.vital(row, sparks.get((row.patient, row.kind))))
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
