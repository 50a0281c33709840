"""Who looked at whom: only ever added to, by everybody; read by auditors. Call `sessions.identify` first.

A board is one entry for each team, not one for each of its 500 patients: it is one look, screens fetch it often, and
written one by one the looks that somebody chose to make would drown among those that every screen makes. Which patients
it showed stays exact: the entry names the roster, the set of patients that the team had then.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal

from psycopg import Connection
from psycopg.rows import class_row

from server.store import queries

SQL: Final = queries.load("access_log")

Deed = Literal["look", "change", "board", "live", "emergency", "log"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """`role`: of the staff member in the patient's team, then; None: a member of another team, who gave a `reason`.
    `patient` None: a board with `shown` patients, or (None, too) the log itself."""

    id: int
    at: datetime
    deed: Deed
    what: str
    role: str | None
    staff_id: int
    staff_name: str
    staff_initials: str
    patient: int | None
    patient_name: str | None
    team: int
    team_name: str | None
    shown: int | None
    reason: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """None: of everybody, at any time. `before`: the id of an entry."""

    patient: int | None = None
    staff: int | None = None
    from_at: datetime | None = None
    to_at: datetime | None = None
    before: int | None = None


def remember(conn: Connection, patient: int, deed: Literal["look", "change", "log"], what: str, now: datetime) -> None:
    conn.execute(SQL["remember"], {"patient": patient, "deed": deed, "what": what, "now": now})


def remember_rosters(
    conn: Connection, shown: Mapping[int, Collection[int] | None], deed: Literal["board", "live"], now: datetime
) -> None:
    """`shown`: the patients of each team; None: all whom it has."""
    for team in sorted(shown):
        patients = shown[team]
        given = {"team": team, "shown": None if patients is None else list(patients), "deed": deed, "now": now}
        conn.execute(SQL["remember_roster"], given)


def remember_reading(conn: Connection, what: str, now: datetime) -> None:
    conn.execute(SQL["remember_reading"], {"what": what, "now": now})


def entries(conn: Connection, asked: Asked, *, limit: int) -> list[Entry]:
    """The newest first."""
    given = {
        "patient": asked.patient,
        "staff": asked.staff,
        "from_at": asked.from_at,
        "to_at": asked.to_at,
        "before": asked.before,
        "limit": limit,
    }
    with conn.cursor(row_factory=class_row(Entry)) as cursor:
        return cursor.execute(SQL["entries"], given).fetchall()


def audited_patient(conn: Connection, patient: int) -> tuple[str, date] | None:
    """Name and day of birth of a patient of a team that the caller audits."""
    return conn.execute(SQL["audited_patient"], {"patient": patient}).fetchone()
