"""Which member of the staff the identity provider means. Links are made by whoever runs the server."""

from datetime import datetime
from typing import Final

from psycopg import Connection

from server.errors import ConfigError
from server.store import queries

SQL: Final = queries.load("identity")
WAY: Final = "oidc"  # of sessions


def staff_of(conn: Connection, issuer: str, subject: str) -> int | None:
    row = conn.execute(SQL["staff_of"], {"issuer": issuer, "subject": subject}).fetchone()
    return None if row is None else row[0]


def link(conn: Connection, login: str, issuer: str, subject: str, now: datetime) -> None:
    """A subject is one person's."""
    given = {"login": login, "issuer": issuer, "subject": subject, "now": now}
    with conn.transaction():
        conn.execute(SQL["forget_other"], given)
        conn.execute(SQL["link"], given)
        whose = conn.execute(SQL["linked_to"], given).fetchone()
        if whose is None:
            raise ConfigError(f"Nobody who works here has the login {login}.")
        if whose != (login,):
            raise ConfigError(f"This subject is linked to {whose[0]}: unlink that login first.")


def unlink(conn: Connection, login: str) -> bool:
    """False: it was not linked."""
    row = conn.execute(SQL["unlink"], {"login": login}).fetchone()
    return row is not None and row[0] > 0
