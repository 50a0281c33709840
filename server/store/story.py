"""What happened to one patient: alerts and what was done, events, planned measurements that did not come, readings as
they are stored. Everything goes through row-level security: call `sessions.identify` first."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

import numpy as np
from psycopg import Connection
from psycopg.rows import class_row, namedtuple_row

from devices.profiles import PROFILES
from devices.vocabulary import KINDS, EventType, Kind
from server.clinical.plans import PlanItem
from server.detection import expected
from server.detection.expected import Known, Outcome, Period, Window
from server.store import board, excuses, queries
from server.store.expectations import BACKLOG_WITHIN, ONLINE

SQL: Final = queries.load("story")
ALERTS_SHOWN: Final = 300
EVENTS_SHOWN: Final = 1000
DEVICES_SHOWN: Final = 100

# What a person would tell of a day; steps on the floor and the bed's every stir are for the rules of the home.
TOLD: Final = [
    str(each)
    for each in EventType
    if each not in (EventType.MOTION, EventType.OCCUPIED, EventType.VACANT, EventType.VIBRATION, EventType.PROOF)
]


class EventRow(NamedTuple):
    at: datetime
    type: str
    device: str
    of_home: bool
    place: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadingRow:
    """`value` None: the device tried and has none. `low`, `high`, `n`: of an interval of `span_s`."""

    taken_at: datetime
    span_s: float
    value: float | None
    low: float | None
    high: float | None
    n: int
    sign: int
    quality: int
    clock: int
    mode: int
    received_at: datetime
    device: str


@dataclass(frozen=True, kw_only=True, slots=True)
class DeviceRow:
    device: str
    profile: str | None
    slot: int
    place: str
    of_home: bool
    since: datetime
    until: datetime | None


class MissedRow(NamedTuple):
    kind: Kind
    due: datetime


def alerts(conn: Connection, patient: int, from_at: datetime, to_at: datetime) -> tuple[list[board.AlertRow], bool]:
    """The newest first; True: there are more."""
    given = {"patient": patient, "from_at": from_at, "to_at": to_at, "limit": ALERTS_SHOWN + 1}
    ids = [id_ for (id_,) in conn.execute(SQL["alerts"], given)]
    found = board.alerts(conn, ids[:ALERTS_SHOWN])
    return [found[id_] for id_ in ids[:ALERTS_SHOWN]], len(ids) > ALERTS_SHOWN


def deeds(conn: Connection, alert_ids: Sequence[int]) -> Mapping[int, list[board.HistoryRow]]:
    """By alert."""
    found: defaultdict[int, list[board.HistoryRow]] = defaultdict(list)
    with conn.cursor(row_factory=namedtuple_row) as cursor:
        for row in cursor.execute(SQL["deeds"], {"alerts": list(alert_ids)}):
            said = row._asdict()
            found[said.pop("alert")].append(board.HistoryRow(**said))
    return found


def events(conn: Connection, patient: int, from_at: datetime, to_at: datetime) -> tuple[list[EventRow], bool]:
    """The newest first; True: there are more."""
    given = {"patient": patient, "from_at": from_at, "to_at": to_at, "types": TOLD, "limit": EVENTS_SHOWN + 1}
    rows = [EventRow._make(row) for row in conn.execute(SQL["events"], given).fetchall()]
    return rows[:EVENTS_SHOWN], len(rows) > EVENTS_SHOWN


def missed(
    conn: Connection, patient: int, plan: Sequence[PlanItem], from_at: datetime, to_at: datetime, now: datetime
) -> list[MissedRow]:
    """Planned measurements of which nothing came, by the plan that counts now, in order. What cannot be judged yet is
    not among them."""
    bound = _bound(conn, patient, from_at)
    excused = excuses.periods(conn, [patient], from_at).get(patient, ())
    caught_up = _caught_up(conn, patient, now)
    until = min(to_at, now - expected.SETTLES)
    asked: list[tuple[Kind, list[Window]]] = []
    for kind in dict.fromkeys(item.kind for item in plan):
        items = [item for item in plan if item.kind is kind and item.times and item.weekdays]
        over = [each for each in expected.windows(items, from_at, until) if from_at <= each.due and each.ends <= until]
        asked.append((kind, over))
    awaited = expected.begin("", from_at)
    periods = [(kind, period) for kind, over in asked for period in expected.questions(awaited, over)]
    answers = iter(_first_values(conn, patient, periods))
    found = []
    for kind, over in asked:
        known = Known(bound=[period for kinds, period in bound if kind in kinds], excused=excused, caught_up=caught_up)
        judged = expected.judge(awaited, over, [next(answers) for _ in over], known, now)
        found += [MissedRow(kind, window.due) for window, outcome in judged.settled if outcome is Outcome.MISSED]
    return sorted(found, key=lambda row: (row.due, row.kind))


def readings(
    conn: Connection, patient: int, kind: Kind, from_at: datetime, before: datetime, most: int
) -> list[ReadingRow]:
    """Of one instant all or none, so that a page may be a little longer than `most`."""
    given = {"patient": patient, "kind": KINDS[kind].number, "from_at": from_at, "before": before, "most": most}
    with conn.cursor(row_factory=class_row(ReadingRow)) as cursor:
        return cursor.execute(SQL["readings"], given).fetchall()


def devices(conn: Connection, patient: int, now: datetime) -> list[DeviceRow]:
    with conn.cursor(row_factory=class_row(DeviceRow)) as cursor:
        return cursor.execute(SQL["devices"], {"patient": patient, "now": now, "limit": DEVICES_SHOWN}).fetchall()


def gateways(conn: Connection, patient: int, team: int) -> list[board.GatewayRow]:
    """In the patient's home."""
    names = [name for (name,) in conn.execute(SQL["gateway_names"], {"patient": patient})]
    return board.gateways(conn, [team], names)


def _bound(conn: Connection, patient: int, from_at: datetime) -> list[tuple[frozenset[Kind], Period]]:
    rows = conn.execute(SQL["bound"], {"patient": patient, "from_at": from_at}).fetchall()
    return [
        (PROFILES[profile].measures, Period(begins=begins, ends=ends))
        for profile, begins, ends in rows
        if profile in PROFILES
    ]


def _caught_up(conn: Connection, patient: int, now: datetime) -> bool:
    """What was measured so far has come, as far as anybody can know."""
    rows = conn.execute(SQL["gateways"], {"patient": patient}).fetchall()
    return all(state == ONLINE and (waiting == 0 or now - since >= BACKLOG_WITHIN) for state, since, waiting in rows)


def _first_values(conn: Connection, patient: int, periods: Sequence[tuple[Kind, Period]]) -> list[datetime | None]:
    if not periods:
        return []
    given = {
        "patient": patient,
        "kinds": np.array([KINDS[kind].number for kind, _ in periods], np.int16),
        "begins": [period.begins for _, period in periods],
        "ends": [period.ends for _, period in periods],
    }
    found: dict[int, datetime] = dict(conn.execute(SQL["first_values"], given).fetchall())
    return [found.get(place) for place in range(1, len(periods) + 1)]
