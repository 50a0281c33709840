"""What screens read. Everything goes through row-level security: call `sessions.identify` first."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, Final, NamedTuple, TypeVar

from psycopg import Connection, Cursor
from psycopg.rows import RowFactory, class_row, tuple_row

from devices.vocabulary import KINDS, Kind
from server.clinical.here import HERE
from server.store import queries, settings, sparks
from server.store.settings import LimitsOf
from server.store.sparks import Sparks

SQL: Final = queries.load("board")
SENSORS_OFF_WINDOW: Final = timedelta(days=14)
WEEK: Final = 7
QUIET_DAY: Final = "none"
GRAVEST: Final = ("technical", "missed", "yellow", "red")  # as the statement counts them
BITS_OF_A_DAY: Final = len(GRAVEST)

Conn = Connection
R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, slots=True)
class AlertRow:
    id: int
    team: int
    rev: int
    rule: str
    priority: str
    state: str
    patient: int | None
    home: int | None
    gateway: str | None
    device: str | None
    began_at: datetime
    raised_at: datetime
    last_at: datetime
    late: bool
    count: int
    condition_ended_at: datetime | None
    owner_id: int | None
    owner_name: str | None
    owner_initials: str | None
    acknowledged_at: datetime | None
    on_way_at: datetime | None
    there_at: datetime | None
    contact_at: datetime | None
    contact_needed: bool
    snoozed_until: datetime | None
    step: int
    next_at: datetime | None
    called: Sequence[Mapping[str, Any]]
    asked: Mapping[str, Any] | None
    quiet: bool
    response: str | None
    handler_id: int | None
    handler_name: str | None
    handler_initials: str | None
    handled_at: datetime | None
    outcome: str | None
    evidence: Mapping[str, Any]
    seen_on: int
    lives_there: list[int]


@dataclass(frozen=True, kw_only=True, slots=True)
class HistoryRow:
    rev: int
    at: datetime
    action: str
    staff_id: int | None
    staff_name: str | None
    staff_initials: str | None
    detail: Mapping[str, Any]
    to_id: int | None
    to_name: str | None
    to_initials: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CallRow:
    step: int
    at: datetime
    name: str
    staff: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientRow:
    id: int
    name: str
    born_on: date
    pathway: str
    team: int
    home: int | None
    virtual: bool
    municipality: str | None
    response: str | None


class ValueRow(NamedTuple):
    """`kind` is the number in the database. A team has thousands: as a dataclass each costs more than its query."""

    patient: int
    kind: int
    value: float | None
    sign: int
    quality: int
    mode: int
    clock: int
    taken_at: datetime
    span_s: float
    received_at: datetime
    batch: int
    device: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeRow:
    id: int
    address: str
    team: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayRow:
    """`status` is the gateway's last word, as it came on the wire."""

    id: str
    home: int | None
    team: int | None
    state: str
    state_since: datetime
    heard_at: datetime | None
    status: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bucket:
    """`at`: when its first reading began, `until`: when its last one ended."""

    at: datetime
    until: datetime
    value: float
    low: float
    high: float
    mode: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    epoch: str
    heads: Mapping[int, int]
    alerts: Sequence[AlertRow]
    patients: Sequence[PatientRow]
    weeks: Mapping[int, Sequence[str]]
    values: Sequence[ValueRow]
    limits: Mapping[int, LimitsOf]
    sparks: Sparks
    sensors_off: Sequence[tuple[int, str]]
    homes: Sequence[HomeRow]
    gateways: Sequence[GatewayRow]


def begin_snapshot(conn: Conn) -> None:
    """The first statement of a transaction whose reads all see the same instant."""
    conn.execute(SQL["snapshot"])


def snapshot(conn: Conn, teams: Collection[int], now: datetime) -> Snapshot:
    """After `begin_snapshot`: then the heads are those of exactly this state."""
    newest, kept = values(conn, teams), sparks.kept(conn, teams)
    with conn.pipeline():  # the database answers these while the charts are drawn here
        of_teams = {"teams": list(teams)}
        patients = _asked(conn, "patients", of_teams, class_row(PatientRow))
        weeks = _asked(conn, "weeks", of_teams | _week(now), tuple_row)
        places = _asked(conn, "homes", of_teams, class_row(HomeRow))
        standing = _asked(conn, "gateways", of_teams | {"names": None}, class_row(GatewayRow))
        off = _asked(conn, "sensors_off", of_teams | {"now": now, "spot_from": now - SENSORS_OFF_WINDOW}, tuple_row)
        charts = sparks.read(conn, newest, kept, now)
        rows = patients.fetchall()
        return Snapshot(
            epoch=epoch(conn),
            heads=heads(conn, teams),
            alerts=open_alerts(conn, teams),
            patients=rows,
            weeks=_colours(weeks),
            values=newest,
            limits=settings.limits_of(conn, [each.id for each in rows], now),
            sparks=charts,
            sensors_off=off.fetchall(),
            homes=places.fetchall(),
            gateways=standing.fetchall(),
        )


def _asked(conn: Conn, name: str, given: Mapping[str, Any], row: RowFactory[R]) -> Cursor[R]:
    return conn.cursor(row_factory=row).execute(SQL[name], given)


def epoch(conn: Conn) -> str:
    row = conn.execute(SQL["epoch"]).fetchone()
    assert row is not None, "the first migration writes it"
    return str(row[0])


def heads(conn: Conn, teams: Collection[int]) -> dict[int, int]:
    return dict(conn.execute(SQL["heads"], {"teams": list(teams)}).fetchall())


def open_alerts(conn: Conn, teams: Collection[int]) -> list[AlertRow]:
    ids = [row[0] for row in conn.execute(SQL["open_alerts"], {"teams": list(teams)})]
    found = alerts(conn, ids)
    return [found[each] for each in ids]


def alerts(conn: Conn, ids: Collection[int]) -> dict[int, AlertRow]:
    with conn.cursor(row_factory=class_row(AlertRow)) as cursor:
        return {row.id: row for row in cursor.execute(SQL["alerts"], {"ids": list(ids)})}


def history(conn: Conn, alert: int) -> list[HistoryRow]:
    with conn.cursor(row_factory=class_row(HistoryRow)) as cursor:
        return cursor.execute(SQL["history"], {"alert": alert}).fetchall()


def calls(conn: Conn, alert: int) -> list[CallRow]:
    with conn.cursor(row_factory=class_row(CallRow)) as cursor:
        return cursor.execute(SQL["calls"], {"alert": alert}).fetchall()


def values(conn: Conn, teams: Collection[int], *, after_batch: int = -1) -> list[ValueRow]:
    with conn.cursor(binary=True) as cursor:
        given = {"teams": list(teams), "after_batch": after_batch}
        return [ValueRow._make(row) for row in cursor.execute(SQL["values"], given).fetchall()]


def gateways(conn: Conn, teams: Collection[int], names: Collection[str] | None = None) -> list[GatewayRow]:
    with conn.cursor(row_factory=class_row(GatewayRow)) as cursor:
        given = {"teams": list(teams), "names": None if names is None else list(names)}
        return cursor.execute(SQL["gateways"], given).fetchall()


def team_of(conn: Conn, patient: int) -> int | None:
    row = conn.execute(SQL["patient_team"], {"patient": patient}).fetchone()
    return None if row is None else row[0]


def series(conn: Conn, patient: int, kind: Kind, *, from_at: datetime, to_at: datetime, buckets: int) -> list[Bucket]:
    bucket_s = (to_at - from_at).total_seconds() / buckets
    given = {
        "patient": patient,
        "kind": KINDS[kind].number,
        "from_at": from_at,
        "to_at": to_at,
        "bucket_s": bucket_s,
    }
    with conn.cursor(row_factory=class_row(Bucket)) as cursor:
        return cursor.execute(SQL["series"], given).fetchall()


def remember_look(conn: Conn, patient: int, what: str, now: datetime) -> None:
    conn.execute(SQL["look"], {"patient": patient, "what": what, "now": now})


def _week(now: datetime) -> dict[str, Any]:
    """The last seven days in Norway, today last."""
    today = now.astimezone(HERE).date()
    days = [datetime.combine(today + timedelta(days=each), time.min, HERE) for each in range(1 - WEEK, 2)]
    return {"days": days[:WEEK], "to_at": days[WEEK]}


def _colours(weeks: Iterable[tuple[int, int]]) -> dict[int, list[str]]:
    """Of patients about whom there was an alert: a word for each day."""
    return {patient: [_gravest(packed >> BITS_OF_A_DAY * place) for place in range(WEEK)] for patient, packed in weeks}


def _gravest(packed: int) -> str:
    """Of the day in the lowest bits."""
    seen = packed & (1 << BITS_OF_A_DAY) - 1
    return GRAVEST[seen.bit_length() - 1] if seen else QUIET_DAY
