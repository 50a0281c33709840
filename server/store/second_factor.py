"""Codes beside the password: the secret sealed, each code taken once, codes on paper as hashes.

Of oneself after `sessions.identify`; of whoever is about to come in by number, as with passwords.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from server.store import queries
from server.store.sealing import Purpose, Seals

SQL: Final = queries.load("second_factor")


@dataclass(frozen=True, kw_only=True, slots=True)
class Factor:
    """`confirmed`: it is asked for."""

    sealed: bytes
    confirmed: bool

    def secret(self, seals: Seals, staff: int) -> bytes:
        return bytes.fromhex(seals.open(self.sealed, bound_to(staff), Purpose.CODES))


@dataclass(frozen=True, kw_only=True, slots=True)
class Mine:
    confirmed_at: datetime
    recovery_left: int


def of(conn: Connection, staff: int) -> Factor | None:
    with conn.cursor(row_factory=class_row(Factor)) as cursor:
        return cursor.execute(SQL["of"], {"staff": staff}).fetchone()


def take(conn: Connection, staff: int, step: int) -> bool:
    """False: the code of this step, or of a later one, was taken before."""
    return _true(conn, "take", staff=staff, step=step)


def take_recovery(conn: Connection, staff: int, hash_: bytes, now: datetime) -> bool:
    return _true(conn, "take_recovery", staff=staff, hash=hash_, now=now)


def mine(conn: Connection) -> Mine | None:
    with conn.cursor(row_factory=class_row(Mine)) as cursor:
        return cursor.execute(SQL["mine"]).fetchone()


def my_password(conn: Connection) -> str | None:
    row = conn.execute(SQL["my_password"]).fetchone()
    return None if row is None else row[0]


def begin(conn: Connection, seals: Seals, staff: int, secret: bytes, now: datetime) -> str | None:
    """The login that it is for; None: one is in use already."""
    if not _true(conn, "begin", sealed=seals.seal(secret.hex(), bound_to(staff), Purpose.CODES), now=now):
        return None
    row = conn.execute(SQL["my_login"]).fetchone()
    assert row is not None, "a session's staff exists"
    return str(row[0])


def confirm(conn: Connection, step: int, hashes: list[bytes], now: datetime) -> bool:
    """False: somebody was first."""
    return _true(conn, "confirm", step=step, hashes=hashes, now=now)


def end(conn: Connection) -> None:
    conn.execute(SQL["end"])


def reset(conn: Connection, login: str) -> bool:
    """By whoever runs the server. False: this login has none."""
    return conn.execute(SQL["reset"], {"login": login}).fetchone() == (1,)


def _true(conn: Connection, name: str, **given: Any) -> bool:
    return conn.execute(SQL[name], given).fetchone() == (True,)


def bound_to(staff: int) -> bytes:
    return b"second factor %d" % staff
