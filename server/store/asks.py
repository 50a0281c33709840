"""New measurements that somebody asked for while answering an alert, as rows; what becomes of them: measured.py."""

from typing import Final

from psycopg import Connection

from devices.vocabulary import KINDS
from server.alerts.model import Action, Change
from server.store import queries

SQL: Final = queries.load("asks")


def follow(conn: Connection, change: Change, alert_id: int) -> None:
    """After a change of an alert was written, in its transaction."""
    if change.action is not Action.MEASUREMENT_ASKED or change.kind is None:
        return
    conn.execute(SQL["supersede"], {"alert": alert_id, "now": change.at})
    asked = {"alert": alert_id, "kind": KINDS[change.kind].number, "now": change.at}
    conn.execute(SQL["ask"], {**asked, "by": change.staff, "until": change.until})
