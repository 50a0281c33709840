"""Our own certificate authority: made when it is first needed, its key sealed with the key of the people's secrets."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server import pki
from server.errors import TrustError
from server.store import queries
from server.store.sealing import Seals

SQL: Final = queries.load("authority")
NAME: Final = "Hjemvakt gateways"
_BOUND_TO: Final = b"authority"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """`sealed_key` None: another program signs."""

    certificate: str
    sealed_key: bytes | None


def find(conn: Connection) -> Kept | None:
    with conn.cursor(row_factory=class_row(Kept)) as cursor:
        return cursor.execute(SQL["find"]).fetchone()


def told(conn: Connection) -> str | None:
    """For whoever may not see the rest. None: there is none yet."""
    row = conn.execute(SQL["told"]).fetchone()
    return None if row is None else row[0]


def ours(conn: Connection, seals: Seals, now: datetime) -> pki.Authority:
    """Makes it if there is none. TrustError: another program signs here. SealError: the key file is another one."""
    kept = find(conn)
    if kept is None:
        made = pki.make_authority(NAME, now)
        _keep(conn, made.certificate, seals.seal(made.key, _BOUND_TO), now)
        kept = find(conn)
    assert kept is not None, "it is never deleted"
    if kept.sealed_key is None:
        raise TrustError("Another program has signed here until now: set HJEMVAKT_AUTHORITY_COMMAND to it.")
    return pki.Authority(certificate=kept.certificate, key=seals.open(kept.sealed_key, _BOUND_TO))


def of_another_program(conn: Connection, certificate: str, now: datetime) -> None:
    """TrustError: gateways here trust another one already."""
    _keep(conn, certificate, None, now)
    kept = find(conn)
    if kept is None or pki.fingerprint(kept.certificate) != pki.fingerprint(certificate):
        raise TrustError("The authority's program has another certificate than the gateways here trust.")


def born(conn: Connection, code: str, gateway: str, now: datetime) -> None:
    """The code before this one, of the same name, opens nothing any more by itself."""
    conn.execute(SQL["born"], {"code": code, "gateway": gateway, "now": now})


def _keep(conn: Connection, certificate: str, sealed_key: bytes | None, now: datetime) -> None:
    conn.execute(SQL["keep"], {"certificate": certificate, "sealed_key": sealed_key, "now": now})
