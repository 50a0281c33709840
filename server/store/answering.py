"""What staff need to know to answer an alert. Goes through row-level security: call `sessions.identify` first."""

from typing import Final

from psycopg import Connection

from server.access import MAY, Deed, Role
from server.alerts.model import Alert
from server.store import alerts, queries
from server.store.clinic import StaffRow

SQL: Final = queries.load("answering")


def beside(conn: Connection, alert_id: int) -> list[Alert]:
    """What is open about the same subject as a held alert."""
    row = conn.execute(SQL["subject_of_alert"], {"id": alert_id}).fetchone()
    return [] if row is None else alerts.open_alerts(conn, [row[0]])


def members(conn: Connection, team_id: int) -> list[tuple[StaffRow, Role]]:
    """Who works in a team now, and as what."""
    return [
        (StaffRow(id=id_, name=name, initials=initials), Role(role))
        for id_, name, initials, role in conn.execute(SQL["staff_of_team"], {"team": team_id})
    ]


def may_answer(conn: Connection, team_id: int) -> list[StaffRow]:
    """Who of a team may be given its alerts."""
    return [row for row, role in members(conn, team_id) if Deed.HANDLE_ALERTS in MAY[role]]
