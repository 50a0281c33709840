"""Certificates of our own parts, which ask for them here, and the list of revoked ones that brokers read."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.store import queries, signals

SQL: Final = queries.load("parts")
SIGNED_AT_ONCE: Final = 50
SIGN_AGAIN: Final = timedelta(seconds=30)
KEPT: Final = timedelta(days=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """`hosts`: what a server is called; none: it is a client."""

    name: str
    key: str
    csr: str
    hosts: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """`certificate` None: not yet; `fault`: why."""

    certificate: str | None
    fault: str


@dataclass(frozen=True, kw_only=True, slots=True)
class RevocationList:
    """`of`: a digest of the serials in it."""

    pem: str
    of: str
    made_at: datetime


def ask(conn: Connection, asking: Asking, now: datetime) -> None:
    given = {"name": asking.name, "key": asking.key, "csr": asking.csr, "hosts": list(asking.hosts), "now": now}
    with conn.transaction():
        conn.execute(SQL["ask"], given)
        signals.send(conn, signals.Channel.TRUST)


def answer(conn: Connection, asking: Asking) -> Answer | None:
    with conn.cursor(row_factory=class_row(Answer)) as cursor:
        return cursor.execute(SQL["answer"], {"name": asking.name, "key": asking.key}).fetchone()


def revocation_list(conn: Connection) -> RevocationList | None:
    with conn.cursor(row_factory=class_row(RevocationList)) as cursor:
        return cursor.execute(SQL["list"]).fetchone()


def digest(serials: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(serials)).encode()).hexdigest()


# ---- of the clock role


def unsigned(conn: Connection, now: datetime) -> list[Asking]:
    with conn.cursor(row_factory=class_row(Asking)) as cursor:
        return cursor.execute(SQL["unsigned"], {"now": now, "most": SIGNED_AT_ONCE}).fetchall()


def signed(conn: Connection, asking: Asking, pem: str) -> None:
    with conn.transaction():
        conn.execute(SQL["signed"], {"name": asking.name, "key": asking.key, "pem": pem})
        signals.send(conn, signals.Channel.TRUST)


def put_off(conn: Connection, asking: Asking, fault: str, now: datetime) -> None:
    given = {"name": asking.name, "key": asking.key, "fault": fault[:500], "next_at": now + SIGN_AGAIN}
    conn.execute(SQL["fault"], given)


def forget(conn: Connection, now: datetime) -> None:
    conn.execute(SQL["forget"], {"before": now - KEPT})


def keep_list(conn: Connection, pem: str, of: str, now: datetime) -> None:
    with conn.transaction():
        conn.execute(SQL["keep_list"], {"pem": pem, "of": of, "now": now})
        signals.send(conn, signals.Channel.TRUST)
