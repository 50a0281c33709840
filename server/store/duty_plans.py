"""Duty as it is planned ahead, and how the clock carries it out.

As staff read and change it, everything goes through row-level security: call `sessions.identify` first."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.alerts.escalation import Part
from server.alerts.handing_over import is_last
from server.errors import CareError
from server.store import chains, clinic, duty, queries

SQL: Final = queries.load("duty_plans")
PLANNED_MAX: Final = 1000
TEAM_IS_DECIDED_FOR: Final = "hjemvakt.care.team"


@dataclass(frozen=True, kw_only=True, slots=True)
class Planned:
    """`begun_at` None: not yet."""

    id: int
    part: str
    staff: int
    from_at: datetime
    to_at: datetime
    set_by: int
    set_at: datetime
    begun_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Due:
    id: int
    staff: int
    part: str
    from_at: datetime
    to_at: datetime
    set_by: int
    begun_at: datetime | None


def planned(conn: Connection, team: int) -> list[Planned]:
    """What is not over, the first one first."""
    with conn.cursor(row_factory=class_row(Planned)) as cursor:
        return cursor.execute(SQL["planned"], {"team": team, "most": PLANNED_MAX}).fetchall()


def put(
    conn: Connection, team: int, staff: int, part: Part, from_at: datetime, to_at: datetime, *, by: int, now: datetime
) -> None:
    """Whoever decides for the team holds it."""
    if not from_at < to_at or to_at <= now:
        raise CareError("A duty that is planned ends after it begins, and not in the past.")
    duty.must_be_able_to(conn, team, staff)
    given = {"team": team, "staff": staff, "part": str(part), "from_at": from_at, "to_at": to_at}
    row = conn.execute(SQL["overlaps"], given).fetchone()
    if row is not None and row[0]:
        raise CareError("This person is planned for this part then already.")
    if len(planned(conn, team)) >= PLANNED_MAX:
        raise CareError(f"More than {PLANNED_MAX} duties cannot be planned at a time.")
    conn.execute(SQL["put"], {**given, "by": by, "now": now})


def take_back(conn: Connection, team: int, id_: int, *, by: int, now: datetime) -> None:
    """Whoever decides for the team holds it."""
    if conn.execute(SQL["take_back"], {"team": team, "id": id_, "by": by, "now": now}).fetchone() is None:
        raise CareError("No duty that is planned and has not begun has this number.")


def carry_out(conn: Connection, now: datetime) -> int:
    """The clock's. Who is to go off duty while nobody else is there stays until somebody is. How many changed."""
    teams = [team for (team,) in conn.execute(SQL["teams_due"], {"now": now}).fetchall()]
    return sum(_carry_out(conn, team, now) for team in teams)


def _carry_out(conn: Connection, team: int, now: datetime) -> int:
    with conn.transaction():
        clinic.hold(conn, TEAM_IS_DECIDED_FOR, team)
        with conn.cursor(row_factory=class_row(_Due)) as cursor:
            found = cursor.execute(SQL["due"], {"team": team, "now": now}).fetchall()
        return sum(_step(conn, team, each, now) for each in found)


def _step(conn: Connection, team: int, due: _Due, now: datetime) -> bool:
    if due.begun_at is None and now < due.to_at:
        return _begin(conn, team, due, now)
    if due.begun_at is not None and not _leave(conn, team, due, now):
        return False
    conn.execute(SQL["ended"], {"id": due.id, "now": now})
    return True


def _begin(conn: Connection, team: int, due: _Due, now: datetime) -> bool:
    """Whoever cannot be on duty any more is not: nobody there is an alert of its own."""
    try:
        duty.begin(conn, team, due.staff, Part(due.part), by=due.set_by, now=now)
    except CareError:
        conn.execute(SQL["ended"], {"id": due.id, "now": now})
    else:
        conn.execute(SQL["begun"], {"id": due.id, "now": now})
    return True


def _leave(conn: Connection, team: int, due: _Due, now: datetime) -> bool:
    """False: there is nobody to leave it to. Somebody who went off duty already is gone."""
    roster, part = chains.roster(conn, team), Part(due.part)
    parts = [each for each, people in roster.on_duty.items() if any(person.staff == due.staff for person in people)]
    if part not in parts:
        return True
    if parts == [part] and is_last(roster, due.staff):
        return False
    duty.leave(conn, team, due.staff, part, by=due.set_by, now=now)
    return True
