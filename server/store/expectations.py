"""Planned measurements as durable deadlines: a row for each kind of a patient awaits one window after the other.

A look is one transaction: under the locks of the patients' subjects the windows that have ended are judged from the
readings that are stored, alerts are written, and the rows say what is awaited next. Whoever dies in between has done
nothing, and whoever looks twice finds nothing to do. The order of locks is that of ingest.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import psycopg
from psycopg.types.json import Jsonb

from devices.profiles import PROFILES
from devices.vocabulary import KINDS, Kind
from server.alerts.findings import Concern, ConcernOver, Finding
from server.alerts.model import Priority, patient_subject
from server.clinical.plans import PlanItem, met_by
from server.detection import expected
from server.detection.expected import Awaited, Judged, Known, Missed, Period, Seen, Window
from server.detection.findings import Evidence
from server.store import alerts, excuses, queries, settings
from server.store.deadlines import DeadlineType

SQL: Final = queries.load("expectations")
PAGE: Final = 200  # patients in one step of planning
LOOKS_MAX: Final = 200  # rows in one look: readings of these patients wait for it
BACKLOG_WITHIN: Final = timedelta(minutes=30)  # a gateway that is back has sent what it kept [proposal]
ONLINE: Final = "online"


class Row(NamedTuple):
    """`awaited` None: nobody has looked at it yet."""

    id: int
    subject_id: int
    patient: int
    kind: Kind
    awaited: Awaited | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Facts:
    """By patient."""

    plans: Mapping[int, tuple[PlanItem, ...]]
    bound: Mapping[int, Sequence[tuple[frozenset[Kind], Period]]]
    excused: Mapping[int, tuple[Period, ...]]
    caught_up: Mapping[int, bool]

    def plan(self, patient: int, kind: Kind) -> list[PlanItem]:
        return [item for item in self.plans.get(patient, ()) if item.kind is kind and item.times and item.weekdays]

    def devices(self, patient: int, kind: Kind) -> list[Period]:
        return [period for measures, period in self.bound.get(patient, ()) if met_by(kind) & measures]

    def known(self, patient: int, kind: Kind) -> Known:
        return Known(
            bound=self.devices(patient, kind),
            excused=self.excused.get(patient, ()),
            caught_up=self.caught_up.get(patient, True),
        )

    def is_excused(self, patient: int, now: datetime) -> bool:
        return any(period.holds(now) for period in self.excused.get(patient, ()))


# ---- what is awaited


def plan(conn: psycopg.Connection, after: int, now: datetime) -> int | None:
    """Of the next patients after this id: what is awaited anew, or has changed. The last of them; None: no more."""
    patients = [id_ for (id_,) in conn.execute(SQL["patients"], {"after": after, "limit": PAGE})]
    if not patients:
        return None
    facts = _facts(conn, patients, now)
    wanted = _wanted(facts, patients, now)
    kept = conn.execute(SQL["kept"], {"references": [str(patient) for patient in patients]}).fetchall()
    known = {(patient, part) for _, patient, part, _, _ in kept}
    new = [key for key in wanted if key not in known]
    changed = {
        id_: (patient, part)
        for id_, patient, part, state, name in kept
        if wanted.get((patient, part)) != name or (state == "excused") != facts.is_excused(patient, now)
    }
    if new or changed:
        with conn.transaction():
            held = alerts.hold(conn, {patient_subject(patient) for patient, _ in [*new, *changed.values()]})
            conn.execute(SQL["look_now"], {"ids": np.array(sorted(changed), np.int64), "now": now})
            awaited = {
                "subjects": np.array([held[patient_subject(patient)] for patient, _ in new], np.int64),
                "parts": [part for _, part in new],
                "every_s": BACKLOG_WITHIN.total_seconds(),
            }
            conn.execute(SQL["await"], {**awaited, "now": now})
    return int(patients[-1])


def _wanted(facts: _Facts, patients: Iterable[int], now: datetime) -> dict[tuple[int, str], str]:
    """The name of the plan for each kind of each patient who has a device for it now."""
    return {
        (patient, str(kind)): _name(facts.plan(patient, kind))
        for patient in patients
        for kind in {item.kind for item in facts.plans.get(patient, ())}
        if facts.plan(patient, kind) and any(period.holds(now) for period in facts.devices(patient, kind))
    }


def _name(plan_: Sequence[PlanItem]) -> str:
    """Two plans of one name await the same."""
    words = [(sorted(item.weekdays), sorted(map(str, item.times)), str(item.before), str(item.after)) for item in plan_]
    return sha256(repr(words).encode()).hexdigest()[:16]


# ---- whether it came


def look(conn: psycopg.Connection, now: datetime) -> int:
    """One transaction; how many rows were due."""
    given = {"type": str(DeadlineType.MEASUREMENT), "now": now, "limit": LOOKS_MAX}
    found = conn.execute(SQL["due"], given).fetchall()
    if found:
        with conn.transaction():
            alerts.hold_ids(conn, {subject for _, subject in found})
            held = conn.execute(SQL["hold"], {"ids": np.array([id_ for id_, _ in found], np.int64), "now": now})
            _judge(conn, [_row(row) for row in held.fetchall()], now)
    return len(found)


def _judge(conn: psycopg.Connection, rows: Sequence[Row], now: datetime) -> None:
    facts = _facts(conn, {row.patient for row in rows}, now)
    judged = _judged(conn, rows, facts, now)
    findings = [finding for row, each in zip(rows, judged, strict=True) for finding in _findings(row, each.seen)]
    held = {patient_subject(row.patient): row.subject_id for row in rows}
    changes = alerts.decided(conn, held, findings, now) if findings else []
    over = [row.id for row, each in zip(rows, judged, strict=True) if each.due_at is None]
    stay = [(row, each) for row, each in zip(rows, judged, strict=True) if each.due_at is not None]
    settled = {
        "ids": np.array([row.id for row, _ in stay], np.int64),
        "dues": [each.due_at for _, each in stay],
        "states": [_state(each.awaited, is_excused=facts.is_excused(row.patient, now)) for row, each in stay],
        "details": [Jsonb(msgspec.to_builtins(asdict(each.awaited))) for _, each in stay],
    }
    conn.execute(SQL["settle"], settled)
    conn.execute(SQL["drop"], {"ids": np.array(over, np.int64)})
    alerts.apply(conn, changes, now)


def _judged(conn: psycopg.Connection, rows: Sequence[Row], facts: _Facts, now: datetime) -> list[Judged]:
    plans = [facts.plan(row.patient, row.kind) for row in rows]
    names = [_name(each) for each in plans]
    before = [row.awaited or expected.begin(name, now) for row, name in zip(rows, names, strict=True)]
    candidates = [
        expected.ended(awaited, each, name, now) for awaited, each, name in zip(before, plans, names, strict=True)
    ]
    asked = [expected.questions(awaited, each) for awaited, each in zip(before, candidates, strict=True)]
    answers = _first_values(conn, rows, asked)
    return [
        _judge_one(row, awaited, windows, values, each, name, facts, now)
        for row, awaited, windows, values, each, name in zip(
            rows, before, candidates, answers, plans, names, strict=True
        )
    ]


def _judge_one(
    row: Row,
    awaited: Awaited,
    windows: Sequence[Window],
    values: Sequence[datetime | None],
    plan_: Sequence[PlanItem],
    name: str,
    facts: _Facts,
    now: datetime,
) -> Judged:
    known = facts.known(row.patient, row.kind)
    judged = expected.judge(awaited, windows, values, known, now)
    has_device = any(period.ends > now for period in known.bound)
    return expected.look_ahead(judged, plan_ if has_device else (), name, now)


def _first_values(
    conn: psycopg.Connection, rows: Sequence[Row], asked: Sequence[Sequence[Period]]
) -> list[list[datetime | None]]:
    """Of each period: when the first of the kinds that meet the row's was taken."""
    every = [(row, period) for row, periods in zip(rows, asked, strict=True) for period in periods]
    flat = [(place, row, period, kind) for place, (row, period) in enumerate(every) for kind in met_by(row.kind)]
    parameters = {
        "places": np.array([place for place, *_ in flat], np.int32),
        "patients": np.array([row.patient for _, row, _, _ in flat], np.int32),
        "kinds": np.array([KINDS[kind].number for *_, kind in flat], np.int16),
        "begins": [period.begins for _, _, period, _ in flat],
        "ends": [period.ends for _, _, period, _ in flat],
    }
    found: dict[int, datetime] = dict(conn.execute(SQL["first_values"], parameters).fetchall()) if flat else {}
    answers = iter([found.get(place) for place in range(len(every))])
    return [[next(answers) for _ in periods] for periods in asked]


def _findings(row: Row, seen: Sequence[Seen]) -> Iterable[Finding]:
    subject, rule = patient_subject(row.patient), f"measurement:missed:{row.kind}"
    for place, each in enumerate(seen):
        if isinstance(each, Missed):
            yield Concern(
                subject=subject,
                rule=rule,
                priority=Priority.YELLOW,
                at=each.last.ends,
                began=each.first.due,
                late=place + 1 < len(seen),  # it was measured after it: known only now, and over already
                evidence=Evidence(
                    kind=row.kind, since=each.last.due, from_at=each.first.due, numbers={"in_a_row": each.count}
                ),
            )
        else:
            yield ConcernOver(subject=subject, rule=rule, at=each.at)


def _state(awaited: Awaited, *, is_excused: bool) -> str:
    if is_excused:
        return "excused"
    return "expired" if awaited.missed else "waiting"


def _row(row: tuple[Any, ...]) -> Row:
    id_, subject_id, patient, part, detail = row
    awaited = msgspec.convert(detail, Awaited) if detail else None
    return Row(id=id_, subject_id=subject_id, patient=patient, kind=Kind(part), awaited=awaited)


# ---- what decides


def _facts(conn: psycopg.Connection, patients: Iterable[int], now: datetime) -> _Facts:
    ids = sorted(patients)
    since = now - expected.LOOK_BACK - expected.AHEAD
    given = {"patients": np.array(ids, np.int32), "since": since}
    bound: defaultdict[int, list[tuple[frozenset[Kind], Period]]] = defaultdict(list)
    for patient, profile, begins, ends in conn.execute(SQL["bound"], given):
        if profile in PROFILES:
            bound[patient].append((PROFILES[profile].measures, Period(begins=begins, ends=ends)))
    caught_up: dict[int, bool] = {}
    for patient, state, state_since, waiting in conn.execute(SQL["gateways"], given):
        is_caught_up = state == ONLINE and (waiting == 0 or now - state_since >= BACKLOG_WITHIN)
        caught_up[patient] = caught_up.get(patient, True) and is_caught_up
    return _Facts(
        plans=settings.plans_of(conn, ids),
        bound=bound,
        excused=excuses.periods(conn, ids, since),
        caught_up=caught_up,
    )
