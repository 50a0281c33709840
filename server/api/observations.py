"""One kind of one patient over time, thinned so that neither an extreme nor a long silence is lost."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from http import HTTPStatus
from itertools import pairwise
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime

from devices.vocabulary import KINDS, Kind, Mode
from server.api import board_schemas, case
from server.api.desk import DeskOfApp, Token
from server.api.problems import RefusedError
from server.clinical.limits import join_within_s
from server.store import board, hours
from server.store.board import Bucket

LONGEST = timedelta(days=400)
GAPS_SHARE = 5  # one point in so many is kept for gaps

PatientId = Annotated[int, Path(ge=1, le=2**31 - 1)]
router = APIRouter(prefix="/api/v1", tags=["observations"])


@router.get("/patients/{patient}/series")
def get_series(
    patient: PatientId,
    kind: Kind,
    from_: Annotated[AwareDatetime, Query(alias="from")],
    to: AwareDatetime,
    desk: DeskOfApp,
    token: Token,
    points: Annotated[int, Query(ge=10, le=2000)] = 500,
) -> board_schemas.Series:
    """`value` null marks a gap: the points beside it are not joined. The look is remembered in the access log."""
    if not timedelta(0) < to - from_ <= LONGEST:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"`from` must be before `to`, by at most {LONGEST.days} days."
        )
    with case.look(desk, token, patient, f"series {kind}") as work:
        room_for_gaps = points // GAPS_SHARE
        of_hours = hours.series(work.conn, patient, kind, from_at=from_, to_at=to, buckets=points - room_for_gaps)
        buckets = of_hours or board.series(
            work.conn, patient, kind, from_at=from_, to_at=to, buckets=points - room_for_gaps
        )
    bucket_s = (to - from_).total_seconds() / (points - room_for_gaps)
    gaps = gaps_between(buckets, kind, bucket_s=bucket_s, at_most=room_for_gaps)
    return _series(patient, kind, buckets, gaps)


@router.get("/patients/{patient}/days")
def get_days(
    patient: PatientId,
    kind: Kind,
    from_: Annotated[date, Query(alias="from")],
    to: date,
    desk: DeskOfApp,
    token: Token,
) -> board_schemas.Days:
    """Days in Norway from `from` to `to`, both included; a day without a reading is not there."""
    if not timedelta(0) <= to - from_ <= LONGEST:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"`from` must not be after `to`, and at most {LONGEST.days} days before."
        )
    with case.look(desk, token, patient, f"days {kind}") as work:
        rows = hours.days(work.conn, patient, kind, first=from_, last=to)
    return board_schemas.Days(
        patient=patient,
        kind=kind,
        unit=KINDS[kind].ucum,
        days=[
            board_schemas.Day(day=row.day, mean=row.mean, low=row.low, high=row.high, readings=row.readings, n=row.n)
            for row in rows
        ],
    )


def gaps_between(buckets: Sequence[Bucket], kind: Kind, *, bucket_s: float, at_most: int) -> list[datetime]:
    """An instant inside each silence that must not be drawn over; of too many, those in the longest."""
    found = []
    for before, after in pairwise(buckets):
        silence = after.at - before.until
        joined_s = max(2 * bucket_s, join_within_s(kind, Mode(max(before.mode, after.mode))))
        if silence.total_seconds() > joined_s:
            found.append((silence, before.until + silence / 2))
    longest = sorted(found, reverse=True)[:at_most]
    return sorted(at for _, at in longest)


def _series(patient: int, kind: Kind, buckets: Sequence[Bucket], gaps: Sequence[datetime]) -> board_schemas.Series:
    points: list[tuple[datetime, Bucket | None]] = [(each.at, each) for each in buckets]
    points += [(at, None) for at in gaps]
    points.sort(key=lambda point: point[0])
    return board_schemas.Series(
        patient=patient,
        kind=kind,
        unit=KINDS[kind].ucum,
        continuous=any(each.mode == Mode.CONTINUOUS for each in buckets),
        at=[at for at, _ in points],
        until=[None if bucket is None else bucket.until for _, bucket in points],
        value=[None if bucket is None else bucket.value for _, bucket in points],
        low=[None if bucket is None else bucket.low for _, bucket in points],
        high=[None if bucket is None else bucket.high for _, bucket in points],
    )
