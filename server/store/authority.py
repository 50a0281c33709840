"""Our own certificate authority: made when it is first needed, its key sealed. A new one may come beside it: both are
trusted until nobody needs the old one."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server import pki
from server.errors import TrustError
from server.store import commands, queries, signals
from server.store.sealing import Purpose, Seals

SQL: Final = queries.load("authority")
NAME: Final = "Hjemvakt gateways"
RENEW: Final = "renew"
BROKER_WITHIN: Final = timedelta(minutes=10)  # it trusts a new authority by then, or has no guard
TOLD_AT_ONCE: Final = 50
BOUND_TO: Final = b"authority"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """`sealed_key` None: another program signs."""

    id: int
    certificate: str
    sealed_key: bytes | None
    made_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """`certificate`: all that are trusted in PEM, the newest first."""

    certificate: str
    standing: Sequence[Standing]

    @property
    def newest(self) -> Standing:
        return self.standing[0]

    @property
    def oldest(self) -> Standing:
        return self.standing[-1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Needing:
    """`what`: a gateway, or a box that knows the old authority alone. `orders`: it renews when it is told to; else by
    itself, before `until_at`."""

    what: str
    name: str
    team: int | None
    until_at: datetime | None
    orders: bool


def find(conn: Connection) -> Kept | None:
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        standing = cursor.execute(SQL["find"]).fetchall()
    return Kept(certificate="".join(each.certificate for each in standing), standing=standing) if standing else None


def told(conn: Connection) -> str | None:
    """For whoever may not see the rest. None: there is none yet."""
    row = conn.execute(SQL["told"]).fetchone()
    return None if row is None else row[0]


def ours(conn: Connection, seals: Seals, now: datetime) -> pki.Authority:
    """The newest."""
    return all_of_ours(conn, seals, now)[0]


def all_of_ours(conn: Connection, seals: Seals, now: datetime) -> list[pki.Authority]:
    """Makes it if there is none; the newest first. TrustError: another program signs here. SealError: the key file is
    another one."""
    kept = find(conn)
    if kept is None:
        _keep(conn, *_made(seals, now), now)
        kept = find(conn)
    assert kept is not None, "one always stands"
    return [_opened(each, seals) for each in kept.standing]


def of_another_program(conn: Connection, certificates: str, now: datetime) -> Kept:
    """The newest first; one that we do not know comes beside the one that stands. What it prints no more, or still
    prints, is trusted as long as it stands here. TrustError: gateways here trust another one already."""
    printed = pki.each_of(certificates)
    _keep(conn, printed[-1], None, now)
    kept = _stands(conn)
    known = pki.fingerprints(kept.certificate)
    if not set(known) & set(pki.fingerprints(certificates)):
        raise TrustError("The authority's program has another certificate than the gateways here trust.")
    if pki.fingerprint(printed[0]) not in known:
        given = {"certificate": printed[0], "sealed_key": None, "now": now}
        if conn.execute(SQL["beside"], given).fetchone() is None:
            raise TrustError(
                "A new authority stands beside the old one already: a third one waits until that has ended."
            )
        signals.send(conn, signals.Channel.TRUST)
    return _stands(conn)


def begin(conn: Connection, seals: Seals, now: datetime) -> None:
    """A new one beside the old. TrustError: why not."""
    kept = find(conn)
    if kept is None:
        raise TrustError("There is no authority yet: the clock makes it when it first runs.")
    if kept.newest.sealed_key is None:
        raise TrustError("Another program signs here: let it print the new certificate before the old one.")
    _opened(kept.newest, seals)  # with the right key file, or not at all
    certificate, sealed_key = _made(seals, now)
    given = {"certificate": certificate, "sealed_key": sealed_key, "now": now}
    if conn.execute(SQL["beside"], given).fetchone() is None:
        raise TrustError("A new authority stands beside the old one already.")
    signals.send(conn, signals.Channel.TRUST)


def needing(conn: Connection, which: Standing, now: datetime) -> list[Needing]:
    with conn.cursor(row_factory=class_row(Needing)) as cursor:
        return cursor.execute(SQL["needed"], {"id": which.id, "now": now}).fetchall()


def end(conn: Connection, which: Standing, now: datetime) -> bool:
    """Whoever needs it is lost. False: it is the only one."""
    ended = conn.execute(SQL["end"], {"id": which.id, "now": now}).fetchone() is not None
    signals.send(conn, signals.Channel.TRUST)
    return ended


def is_trusted_by_brokers(conn: Connection, which: Standing, broker: str, now: datetime) -> bool:
    if now - which.made_at > BROKER_WITHIN:
        return True
    row = conn.execute(SQL["broker_knows"], {"broker": broker, "since": which.made_at}).fetchone()
    return row == (True,)


def tell_to_renew(conn: Connection, newest: Standing, now: datetime) -> int:
    """Gateways need not wait for the end of what they have; how many were told."""
    given = {"newest": newest.id, "since": newest.made_at, "now": now, "most": TOLD_AT_ONCE}
    found = conn.execute(SQL["to_renew"], given).fetchall()
    for gateway, name in found:
        commands.order(conn, gateway, name, RENEW, now)
    return len(found)


def born(conn: Connection, code: str, gateway: str, now: datetime) -> None:
    """The code before this one, of the same name, opens nothing any more by itself."""
    conn.execute(SQL["born"], {"code": code, "gateway": gateway, "now": now})


def _stands(conn: Connection) -> Kept:
    kept = find(conn)
    assert kept is not None, "one always stands"
    return kept


def _made(seals: Seals, now: datetime) -> tuple[str, bytes]:
    made = pki.make_authority(f"{NAME} {now:%Y-%m-%d %H:%M:%S}", now)
    return made.certificate, seals.seal(made.key, BOUND_TO, Purpose.AUTHORITY)


def _opened(which: Standing, seals: Seals) -> pki.Authority:
    if which.sealed_key is None:
        raise TrustError("Another program has signed here until now: set HJEMVAKT_AUTHORITY_COMMAND to it.")
    key = seals.open(which.sealed_key, BOUND_TO, Purpose.AUTHORITY)
    return pki.Authority(certificate=which.certificate, key=key)


def _keep(conn: Connection, certificate: str, sealed_key: bytes | None, now: datetime) -> None:
    conn.execute(SQL["keep"], {"certificate": certificate, "sealed_key": sealed_key, "now": now})
