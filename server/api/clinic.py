"""What is calculated of one patient: NEWS2, the glucose report, worsening of KOLS. Every look is remembered."""

from datetime import date, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query

from server.api import case, clinic_schemas, clinic_shapes
from server.api.case import PatientId
from server.api.desk import DeskOfApp, Token
from server.api.fields import Day, Instant
from server.api.problems import RefusedError
from server.clinical import copd, glucose, glucose_day, glucose_days, glucose_episodes, glucose_targets, news2_trail
from server.clinical.glucose_targets import Group
from server.clinical.here import HERE
from server.store import clinic, facts

NEWS2_LOOKS_BACK: Final = timedelta(days=7)  # an older reading is as good as none
TRAIL_REMEMBERS: Final = timedelta(days=1)
TRAIL_LONGEST_DAYS: Final = 31
TRAIL_OF_QUARTERS_DAYS: Final = 3
HOUR: Final = timedelta(hours=1)
REPORT_LONGEST: Final = timedelta(days=92)
CURVES_LONGEST: Final = timedelta(days=31)
SYMPTOM_DAYS: Final = 60
SEEN: Final = ("oxygen_seen", "consciousness", "news2_scale")

router = APIRouter(prefix="/api/v1/patients/{patient}", tags=["clinic"], dependencies=case.SIGNED_IN)


@router.get("/news2")
def get_news2(patient: PatientId, desk: DeskOfApp, token: Token) -> clinic_schemas.News2:
    """From the newest of each parameter, as of now."""
    with case.look(desk, token, patient, "news2") as work:
        said = facts.of_patients(work.conn, [patient], SEEN)[patient]
        points = news2_trail.trail(
            clinic.newest(work.conn, patient, work.now, NEWS2_LOOKS_BACK),
            on_oxygen=[each for each in said.oxygen_seen if work.now - NEWS2_LOOKS_BACK <= each.at <= work.now],
            consciousness=[each for each in said.consciousness if work.now - NEWS2_LOOKS_BACK <= each.at <= work.now],
            scale_2=said.scale_2,
            since=work.now - NEWS2_LOOKS_BACK,
        )
        newest = points[-1] if points else news2_trail.NOTHING
        chosen = newest.score.scale_2
        by = case.people(work, [None if chosen is None else chosen.by])
    return clinic_shapes.news2_now(patient, newest, by)


@router.get("/news2/trail")
def get_news2_trail(
    patient: PatientId,
    desk: DeskOfApp,
    token: Token,
    days: Annotated[int, Query(ge=1, le=TRAIL_LONGEST_DAYS)] = 7,
) -> clinic_schemas.News2Trail:
    """The last days: up to 3 in quarters of an hour, more as the worst of each hour."""
    with case.look(desk, token, patient, f"news2 {days} days") as work:
        since = work.now - timedelta(days=days)
        said = facts.of_patients(work.conn, [patient], SEEN)[patient]
        points = news2_trail.trail(
            clinic.measured(work.conn, patient, since - TRAIL_REMEMBERS, work.now),
            on_oxygen=[each for each in said.oxygen_seen if each.at <= work.now],
            consciousness=[each for each in said.consciousness if each.at <= work.now],
            scale_2=said.scale_2,
            since=since,
        )
    every = news2_trail.EVERY if days <= TRAIL_OF_QUARTERS_DAYS else HOUR
    shown = points if every == news2_trail.EVERY else news2_trail.worst_of_each(points, every)
    return clinic_shapes.trail(patient, shown, from_at=since, to_at=work.now, every=every)


@router.get("/glucose")
def get_glucose(
    patient: PatientId,
    from_: Annotated[Instant, Query(alias="from")],
    to: Instant,
    desk: DeskOfApp,
    token: Token,
    group: Group = Group.ADULT,
) -> clinic_schemas.GlucoseReport:
    """Of a continuous glucose sensor: time in ranges, GMI, the usual day (AGP), episodes. `group`: whose targets."""
    if not timedelta(0) < to - from_ <= REPORT_LONGEST:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"`from` must be before `to`, by at most {REPORT_LONGEST.days} days."
        )
    with case.look(desk, token, patient, f"glucose {from_:%Y-%m-%d} to {to:%Y-%m-%d}") as work:
        until = _not_in_the_future(from_, to, work.now)
        found = clinic.sensor_readings(work.conn, patient, from_, until)
    readings = found.series
    figures, episodes = glucose.metrics(readings, from_at=from_, to_at=until), glucose_episodes.episodes(readings)
    return clinic_schemas.GlucoseReport(
        patient=patient,
        from_at=from_,
        to_at=until,
        cadence_min=readings.cadence_ms / 60_000,
        doubted=found.doubted,
        metrics=clinic_shapes.metrics(figures),
        group=group.value,
        targets=clinic_shapes.targets(figures, glucose_targets.TARGETS[group]),
        profile=clinic_shapes.profile(glucose_day.day_profile(readings, HERE)),
        counts=clinic_shapes.episode_counts(episodes),
        episodes=clinic_shapes.episodes(episodes),
        references=clinic_shapes.references(
            (*glucose.REFERENCES, *glucose_day.REFERENCES, *glucose_episodes.REFERENCES, glucose_targets.REFERENCE)
        ),
    )


@router.get("/glucose/days")
def get_glucose_days(
    patient: PatientId,
    from_: Annotated[Day, Query(alias="from")],
    to: Day,
    desk: DeskOfApp,
    token: Token,
) -> clinic_schemas.GlucoseDays:
    """Curve and figures of each day in Norway from `from` to `to`, both included, as far as they have come."""
    if not timedelta(0) <= to - from_ < CURVES_LONGEST:
        raise RefusedError(
            HTTPStatus.UNPROCESSABLE_ENTITY, f"`from` must not be after `to`, and they span {CURVES_LONGEST.days} days."
        )
    with case.look(desk, token, patient, f"glucose days {from_} to {to}") as work:
        begins, ends = glucose_days.midnight(from_, HERE), glucose_days.midnight(to + timedelta(days=1), HERE)
        readings = clinic.sensor_readings(work.conn, patient, begins, min(ends, max(work.now, begins))).series
    found = glucose_days.days(readings, from_, to, HERE, now=work.now)
    return clinic_schemas.GlucoseDays(patient=patient, days=[clinic_shapes.glucose_day(each) for each in found])


@router.get("/exacerbation")
def get_exacerbation(patient: PatientId, desk: DeskOfApp, token: Token) -> clinic_schemas.Exacerbation:
    """Worsening of KOLS by the symptoms that were reported in the last 60 days (Anthonisen)."""
    with case.look(desk, token, patient, "exacerbation") as work:
        said = facts.of_patients(work.conn, [patient], ("symptoms",))[patient]
        since = _today(work.now) - timedelta(days=SYMPTOM_DAYS)
    reported = {day: symptoms for day, symptoms in said.symptoms.items() if day >= since}
    return clinic_shapes.exacerbation(patient, copd.exacerbation(reported), reported)


def _not_in_the_future(from_at: datetime, to_at: datetime, now: datetime) -> datetime:
    """What has not come was not missed."""
    if from_at >= now:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "`from` is in the future: nothing was measured since then.")
    return min(to_at, now)


def _today(now: datetime) -> date:
    return now.astimezone(HERE).date()
