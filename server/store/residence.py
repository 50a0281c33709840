"""Where a home is and how one gets in: whole versions, of which the newest counts. Everything goes through row-level
security: call `sessions.identify` first. The code is opened here for who asked, and nowhere else."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from psycopg import Connection

from server.errors import CareError
from server.store import queries
from server.store.sealing import Purpose, Seals

SQL: Final = queries.load("residence")
VERSIONS_SHOWN: Final = 50


class Address(NamedTuple):
    """`to_at` None: until further notice. `doubt`: why it may be wrong."""

    id: int
    address: str
    doubt: str
    from_at: datetime
    to_at: datetime | None
    by: int | None
    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Access:
    """How one gets in. `code` is opened only when it is asked for."""

    id: int
    key_box: str
    way_in: str
    sealed: bytes | None
    by: int | None
    at: datetime
    reason: str


def addresses(conn: Connection, home: int) -> list[Address]:
    given = {"home": home, "most": VERSIONS_SHOWN}
    return [Address._make(row) for row in conn.execute(SQL["addresses"], given)]


def first_address(conn: Connection, home: int) -> str:
    row = conn.execute(SQL["first_address"], {"home": home}).fetchone()
    assert row is not None, "a patient's home is seen by who sees the patient"
    return str(row[0])


def set_address(
    conn: Connection,
    home: int,
    address: str,
    *,
    doubt: str,
    from_at: datetime,
    to_at: datetime | None,
    by: int,
    now: datetime,
    reason: str,
) -> int:
    if to_at is not None and to_at <= from_at:
        raise CareError("The address ends before it begins: give an end after its beginning, or none.")
    given = {"home": home, "address": address, "doubt": doubt, "from_at": from_at, "to_at": to_at}
    row = conn.execute(SQL["set_address"], {**given, "by": by, "now": now, "reason": reason}).fetchone()
    assert row is not None
    return int(row[0])


def access(conn: Connection, home: int) -> Access | None:
    row = conn.execute(SQL["access"], {"home": home}).fetchone()
    if row is None:
        return None
    id_, key_box, way_in, sealed, by, at, reason = row
    return Access(id=id_, key_box=key_box, way_in=way_in, sealed=sealed, by=by, at=at, reason=reason)


def code(seals: Seals, home: int, found: Access) -> str | None:
    return None if found.sealed is None else seals.open(found.sealed, of_home(home), Purpose.HOMES)


def set_access(
    conn: Connection,
    seals: Seals,
    home: int,
    *,
    key_box: str,
    way_in: str,
    code: str | None,
    by: int,
    now: datetime,
    reason: str,
) -> int:
    sealed = None if not code else seals.seal(code, of_home(home), Purpose.HOMES)
    given = {"home": home, "key_box": key_box, "way_in": way_in, "sealed": sealed, "by": by, "now": now}
    row = conn.execute(SQL["set_access"], {**given, "reason": reason}).fetchone()
    assert row is not None
    return int(row[0])


def of_home(home: int) -> bytes:
    return b"access to home %d" % home
