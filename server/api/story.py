"""What happened to one patient: alerts and what was done, events, what did not come, readings as stored."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query

from devices.vocabulary import KINDS, Kind
from server.api import case, equipment, shapes, story_schemas, technical_schemas
from server.api.case import PatientId
from server.api.desk import DeskOfApp, Token, Work
from server.api.fields import Instant
from server.api.problems import RefusedError
from server.store import board, decisions, story
from server.store.decisions import Whose

LONGEST: Final = timedelta(days=400)
MISSED_LONGEST: Final = timedelta(days=92)
READINGS_AT_ONCE: Final = 2000
NEVER: Final = datetime.min.replace(tzinfo=UTC)

From = Annotated[Instant, Query(alias="from")]
router = APIRouter(prefix="/api/v1/patients/{patient}", tags=["story"], dependencies=case.SIGNED_IN)


@router.get("/story")
def get_story(patient: PatientId, from_: From, to: Instant, desk: DeskOfApp, token: Token) -> story_schemas.Story:
    """Alerts of the patient and of the home, what staff did about them, events, and measurements that did not come."""
    _must_span(from_, to)
    with case.look(desk, token, patient, f"story {from_:%Y-%m-%d} to {to:%Y-%m-%d}") as work:
        alerts, more_alerts = story.alerts(work.conn, patient, from_, to)
        deeds = story.deeds(work.conn, [alert.id for alert in alerts])
        events, more_events = story.events(work.conn, patient, from_, to)
        missed_since = max(from_, to - MISSED_LONGEST)
        missed = _missed(work, patient, missed_since, to)
    return story_schemas.Story(
        patient=patient,
        from_at=from_,
        to_at=to,
        alerts=[
            story_schemas.ToldAlert(
                alert=shapes.alert(alert), deeds=[shapes.history(each) for each in deeds.get(alert.id, ())]
            )
            for alert in alerts
        ],
        more_alerts=more_alerts,
        events=[story_schemas.ToldEvent.model_validate(each._asdict()) for each in events],
        more_events=more_events,
        missed=[story_schemas.MissedMeasurement(kind=each.kind, due=each.due) for each in missed],
        missed_since=missed_since,
    )


@router.get("/readings")
def get_readings(
    patient: PatientId,
    kind: Kind,
    from_: From,
    to: Instant,
    desk: DeskOfApp,
    token: Token,
    before: Annotated[Instant | None, Query(description="`next` of the page before")] = None,
    most: Annotated[int, Query(ge=1, le=READINGS_AT_ONCE)] = 500,
) -> story_schemas.StoredReadings:
    """As they are stored, with what measured them. A page ends with all readings of its last instant."""
    _must_span(from_, to)
    what = f"readings {kind} {from_:%Y-%m-%d} to {to:%Y-%m-%d}"
    with case.look(desk, token, patient, what) as work:
        until = to if before is None else min(before, to)
        found = story.readings(work.conn, patient, kind, from_, until, most)
    facts = KINDS[kind]
    return story_schemas.StoredReadings(
        patient=patient,
        kind=kind,
        unit=facts.ucum,
        decimals=facts.decimals,
        readings=[_reading(each) for each in found],
        next=found[-1].taken_at if len(found) >= most else None,
    )


@router.get("/devices")
def get_devices(patient: PatientId, desk: DeskOfApp, token: Token) -> story_schemas.PatientDevices:
    """What is bound to the patient and to the home now, and what their gateways say of it."""
    with case.look(desk, token, patient, "devices") as work:
        rows = story.devices(work.conn, patient, work.now)
        heard = [
            (gateway, said)
            for gateway in story.gateways(work.conn, patient, case.followed(work, patient).team)
            for said in equipment.devices(gateway)
        ]
    return story_schemas.PatientDevices(
        patient=patient,
        devices=[_device(row, [each for each in heard if each[1].device == row.device]) for row in rows],
    )


def _missed(work: Work, patient: int, since: datetime, to: datetime) -> list[story.MissedRow]:
    mine = case.followed(work, patient)
    plans = decisions.plans(work.conn, Whose(patient=patient, team=mine.team, pathway=mine.pathway))
    return story.missed(work.conn, patient, [each.item for each in plans], since, to, work.now)


def _must_span(from_at: datetime, to_at: datetime) -> None:
    if not timedelta(0) < to_at - from_at <= LONGEST:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"`from` must be before `to`, by at most {LONGEST.days} days."
        )


def _reading(row: story.ReadingRow) -> story_schemas.StoredReading:
    return story_schemas.StoredReading(
        at=row.taken_at,
        span_s=row.span_s,
        value=row.value,
        low=row.low,
        high=row.high,
        n=row.n,
        sign=row.sign,
        quality=row.quality,
        clock=row.clock,
        received_at=row.received_at,
        device=row.device,
    )


def _device(
    row: story.DeviceRow, heard: Sequence[tuple[board.GatewayRow, technical_schemas.DeviceState]]
) -> story_schemas.PatientDevice:
    """Of several gateways in a home the one that heard it last."""
    gateway, said = max(heard, key=lambda each: each[1].seen_at or NEVER, default=(None, None))
    return story_schemas.PatientDevice(
        device=row.device,
        profile=row.profile,
        slot=row.slot,
        place=row.place,
        of_home=row.of_home,
        since=row.since,
        until=row.until,
        gateway=None if gateway is None else gateway.id,
        gateway_heard_at=None if gateway is None else gateway.heard_at,
        said=said,
    )
