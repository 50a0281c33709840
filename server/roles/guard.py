"""The guard of one broker: tells it which gateways may come in, shows out those that no longer may, and keeps its
certificate in time. One beside each server of a broker; what it knows it reads from the database, and keeps in memory
while that is gone."""

import contextlib
import json
import logging
import ssl
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import psycopg

from server import own_certificate
from server.doors import BROKER, Door, Known
from server.doors.mosquitto import MosquittoDoor
from server.doors.nats import NatsDoor
from server.doors.nats_settings import AUTHORITY, CERTIFICATE, SETTINGS, settings
from server.errors import TrustError
from server.files import write_whole
from server.nkeys import AccountKey
from server.own_certificate import Held
from server.store import authority, enrolments, parts, pool, signals
from server.store.enrolments import InForce

LOOK_S: Final = 10.0  # what ends by itself, and a signal that was lost
RETRY_S: Final = 0.5
QUIET_S: Final = 0.1

log = logging.getLogger(__name__)


def _now() -> datetime:
    return datetime.now(UTC)


class Guard:
    def __init__(self, *, dsn: str, broker: str, directory: Path, hosts: Sequence[str], key: AccountKey) -> None:
        """`broker`: nats://HOST:PORT or tls://HOST:PORT, or mosquitto: and the path of its pid file. `directory`:
        shared with it. `hosts`: what gateways and monitors call it."""
        self._dsn, self._directory, self._hosts, self._key = dsn, directory, tuple(hosts), key
        self._stopping = threading.Event()
        self._lookup = Lookup(dsn)
        self._door: Door = (
            MosquittoDoor(directory, Path(broker.removeprefix("mosquitto:")))
            if broker.startswith("mosquitto:")
            else NatsDoor(broker, key, self._lookup.find, self._shows)
        )

    def _shows(self) -> ssl.SSLContext:
        """The broker's own certificate, to the broker: TrustError while there is none."""
        held = kept_in(self._directory)
        if held is None:
            raise TrustError("The guard has no certificate yet.")
        return own_certificate.showing(held)

    def run(self) -> None:
        self._door.open()
        try:
            while not self._stopping.is_set():
                try:
                    with contextlib.closing(pool.connect(self._dsn, name="guard", autocommit=True)) as conn:
                        signals.listen(conn, [signals.Channel.TRUST])
                        self._work(conn)
                except psycopg.Error as error:
                    log.warning("guard: the database is gone: %s", " ".join(str(error).split()))
                self._stopping.wait(RETRY_S)
        finally:
            self._door.close()
            self._lookup.close()

    def stop(self) -> None:
        self._stopping.set()

    def _work(self, conn: psycopg.Connection) -> None:
        while not self._stopping.is_set():
            self._door.know(known(conn, _now()))
            try:
                if self._keep_certificate(conn):
                    self._door.has_new_certificate()
                    continue  # it took a while, and what was said meanwhile was not heard
            except TrustError as error:
                log.error("the broker's certificate: %s", error)
            self._wait(conn)

    def _wait(self, conn: psycopg.Connection) -> None:
        end = time.monotonic() + LOOK_S
        while not self._stopping.is_set() and time.monotonic() < end:
            if signals.settle(conn, RETRY_S, QUIET_S):
                return

    def _attend(self, conn: psycopg.Connection) -> None:
        """Who is stolen now is shown out now, though the one who signs may be away."""
        if self._stopping.is_set():
            raise TrustError("the guard ends before somebody has signed it")
        self._door.know(known(conn, _now()))

    def _keep_certificate(self, conn: psycopg.Connection) -> bool:
        """True: there is a new one."""
        kept, ours = kept_in(self._directory), authority.find(conn)
        is_ours = kept is not None and ours is not None and kept.authority == ours.certificate
        if kept is not None and is_ours and not kept.is_due(_now()):
            return False
        held = own_certificate.obtain(conn, BROKER, self._hosts, _now, meanwhile=lambda: self._attend(conn))
        write_whole(self._directory / SETTINGS, json.dumps(settings(self._key), indent=2) + "\n")
        write_whole(self._directory / AUTHORITY, held.authority)
        write_whole(self._directory / CERTIFICATE, held.certificate + held.key)
        return True


class Lookup:
    """One certificate, from any thread."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._lock = threading.Lock()
        self._conn: psycopg.Connection | None = None

    def find(self, serial: str) -> InForce | None:
        """None, too, while the database is gone: who is not known is not let in."""
        with self._lock:
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = pool.connect(self._dsn, name="guard-lookup", autocommit=True)
                return enrolments.standing_of(self._conn, serial, _now())
            except psycopg.Error as error:
                log.warning("guard: the database is gone: %s", " ".join(str(error).split()))
                self.close()
                return None

    def close(self) -> None:
        if self._conn is not None:
            self._conn.close()


def known(conn: psycopg.Connection, now: datetime) -> Known:
    """The list first: what is revoked between the two is not called listed."""
    listed = parts.revocation_list(conn)
    of = parts.digest(each.serial for each in enrolments.revoked(conn, now))
    return Known(
        standing={each.serial: each for each in enrolments.in_force(conn, now)},
        outsiders=enrolments.outsiders(conn, now),
        revoked=None if listed is None else listed.pem,
        is_listed=listed is not None and listed.of == of,
    )


def kept_in(directory: Path) -> Held | None:
    """None: there is none, or half of it."""
    try:
        both = (directory / CERTIFICATE).read_text(encoding="ascii")
        authority = (directory / AUTHORITY).read_text(encoding="ascii")
        certificate, begins, key = both.partition("-----BEGIN PRIVATE KEY-----")
        held = Held(certificate=certificate, key=begins + key, authority=authority)
        held.is_due(_now())
    except (OSError, UnicodeDecodeError, TrustError):
        return None
    return held if key else None
