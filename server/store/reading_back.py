"""The histories of streams that are due, with few queries for all of them."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Final

import numpy as np
import psycopg

from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind, Observation, Sign
from devices.wire.columns import to_millis
from server.clinical.here import HERE
from server.detection.assess import DAYS_BACK
from server.detection.days import USUAL_DAYS, Hours
from server.detection.glucose_rate import points_of
from server.detection.histories import Beats, Histories, Pressures, RulesOf
from server.detection.home_pressure import DAYS as PRESSURE_DAYS
from server.detection.patient_rules import NEWS2_KINDS
from server.detection.rows import Floats, Ints
from server.detection.rules import CusumRule, DeviationRule, EwmaRule, Rule, TrendRule, WeightGainRule, WeightLossRule
from server.detection.slow_rules import MAD_FLOOR
from server.store import hours_back
from server.store.assessing import SQL, columns, millis

POINTS_BACK: Final = timedelta(hours=1)
BEATS_BACK: Final = timedelta(hours=2)  # a gateway keeps one unbroken row of beats each half hour
NEWEST_BACK: Final = timedelta(days=1)
LONGEST_DAYS: Final = 400  # nothing is kept in memory for longer, whatever a rule asks for
WEIGHT, SENSOR, BEAT = (KINDS[kind].number for kind in (Kind.WEIGHT, Kind.GLUCOSE_ISF, Kind.RR_INTERVAL))
SYSTOLIC, DIASTOLIC = KINDS[Kind.SYSTOLIC].number, KINDS[Kind.DIASTOLIC].number
NEWS2_NUMBERS: Final = frozenset(KINDS[kind].number for kind in NEWS2_KINDS)


def histories(
    conn: psycopg.Connection,
    since: Mapping[tuple[int, int], datetime],
    reported: Collection[int],
    rules: RulesOf,
    now: datetime,
) -> Histories:
    """`since`: of each (patient, kind's number) that is due, the oldest new reading."""
    days = [(patient, kind) for patient, kind in sorted(since) if not np.isnan(MAD_FLOOR[kind])]
    long, short = _days_looked_at(rules, any(kind == WEIGHT for _, kind in days))
    back = _days_back(since.values(), now)
    midnights = midnights_until(now, long + back)
    sensors = np.array([(patient << 16) | kind for patient, kind in sorted(since) if kind == SENSOR], np.int64)
    return Histories(
        midnights_ms=np.array([to_millis(each) for each in midnights], np.int64),
        hours=_hours(conn, days, midnights, short + back, now),
        since_ms={(patient << 16) | kind: to_millis(at) for (patient, kind), at in since.items()},
        sensors=sensors,
        points=_points(conn, sensors, now),
        pressures=_pressures(conn, _of(since, {SYSTOLIC, DIASTOLIC}), midnights[-PRESSURE_DAYS - 1], now),
        beats=_beats(conn, _of(since, {BEAT}), now),
        newest=_newest(conn, _of(since, NEWS2_NUMBERS) | set(reported), now),
        reported=sorted(reported),
    )


def midnights_until(now: datetime, days: int) -> list[datetime]:
    """Where the patients live: of so many days before today, of today, and the end of today."""
    today = now.astimezone(HERE).date()
    return [_midnight(today + timedelta(days=each)) for each in range(-days, 2)]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), HERE)


def _days_looked_at(rules: RulesOf, weights: bool) -> tuple[int, int]:
    """Before today: of weights, and of other kinds."""
    chosen = set().union(*rules.values())
    short = max((_days(rule) for rule in chosen if not isinstance(rule, WeightLossRule)), default=0)
    long = max((_days(rule) for rule in chosen), default=0) if weights else short
    least = PRESSURE_DAYS
    return min(max(long, least), LONGEST_DAYS), min(max(short, least), LONGEST_DAYS)


def _days_back(since: Iterable[datetime], now: datetime) -> int:
    """How many days before today may have to be judged."""
    oldest = min((*since, now)).astimezone(HERE).date()
    return min(max((now.astimezone(HERE).date() - oldest).days, 0), DAYS_BACK)


def _days(rule: Rule) -> int:
    match rule:
        case DeviationRule() | TrendRule() | EwmaRule() | CusumRule():
            return max(rule.days, USUAL_DAYS)
        case WeightGainRule():
            return rule.days
        case WeightLossRule():
            return rule.days + rule.week
        case _:
            return 0


def _hours(
    conn: psycopg.Connection,
    streams: Sequence[tuple[int, int]],
    midnights: Sequence[datetime],
    short: int,
    now: datetime,
) -> Hours:
    others = midnights[max(len(midnights) - 2 - short, 0)]
    patient = np.array([patient for patient, _ in streams], np.int32)
    kind = np.array([kind for _, kind in streams], np.int16)
    since = [_utc(midnights[0] if kind == WEIGHT else others) for _, kind in streams]
    return hours_back.read(conn, patient, kind, np.array(since, "datetime64[us]"), now)


def _points(conn: psycopg.Connection, sensors: Ints, now: datetime) -> Any:
    given = {"patients": (sensors >> 16).astype(np.int32), "kind": SENSOR, "since": now - POINTS_BACK, "now": now}
    found = columns(conn, "points", given) if len(sensors) else None
    if found is None:
        nothing = np.zeros(0, np.int64)
        return points_of(nothing, nothing, nothing, np.zeros(0), len(sensors))
    patient, taken, received, value = found
    stream = np.searchsorted(sensors >> 16, patient.astype(np.int64))
    return points_of(stream, millis(taken), millis(received), value, len(sensors))


def _beats(conn: psycopg.Connection, patients: Collection[int], now: datetime) -> dict[int, Beats]:
    given = {"patients": _ids(patients), "kind": BEAT, "since": now - BEATS_BACK, "now": now}
    found = columns(conn, "beats", given) if patients else None
    if found is None:
        return {}
    patient, taken, ms = found
    taken_ms, first = millis(taken), np.searchsorted(patient, np.unique(patient))
    pieces = zip(np.unique(patient).tolist(), np.split(taken_ms, first[1:]), np.split(ms, first[1:]), strict=True)
    return {each: Beats(taken_ms=taken_ms, rr_ms=rr_ms) for each, taken_ms, rr_ms in pieces}


def _pressures(conn: psycopg.Connection, patients: Collection[int], since: datetime, now: datetime) -> Pressures:
    given = {"patients": _ids(patients), "systolic": SYSTOLIC, "diastolic": DIASTOLIC, "since": since, "now": now}
    found = columns(conn, "pressures", given) if patients else None
    if found is None:
        nothing: Floats = np.zeros(0)
        return Pressures(
            patient=np.zeros(0, np.int32), taken_ms=np.zeros(0, np.int64), systolic=nothing, diastolic=nothing
        )
    patient, taken, systolic, diastolic = found
    return Pressures(patient=patient, taken_ms=millis(taken), systolic=systolic, diastolic=diastolic)


def _newest(conn: psycopg.Connection, patients: Collection[int], now: datetime) -> dict[int, list[Observation]]:
    readings: dict[int, list[Observation]] = {patient: [] for patient in patients}
    given = {"patients": _ids(patients), "kinds": np.array(sorted(NEWS2_NUMBERS), np.int16)}
    rows = conn.execute(SQL["newest"], {**given, "since": now - NEWEST_BACK, "now": now}) if patients else ()
    for patient, kind, taken_at, span_s, value, sign in rows:
        readings[patient].append(
            Observation(
                device="",
                kind=KIND_BY_NUMBER[kind],
                taken_at=taken_at,
                span_s=span_s,
                value=value,
                sign=Sign(sign),
            )
        )
    return readings


def _of(streams: Iterable[tuple[int, int]], kinds: Collection[int]) -> set[int]:
    return {patient for patient, kind in streams if kind in kinds}


def _ids(patients: Iterable[int]) -> Any:
    return np.array(sorted(patients), np.int32)


def _utc(at: datetime) -> np.datetime64:
    return np.datetime64(to_millis(at), "ms")
