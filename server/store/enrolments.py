"""Who asks to be a gateway of ours, who was let in, and which certificates are good.

The api writes through functions of the database alone; what is accepted, a thread of the clock role signs."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from devices.wire.diagnosis import Diagnosis
from devices.wire.enrolment import EnrolRequest
from server.pki import Issued
from server.store import people, queries, signals
from server.store.enrolment import EnrolledGateway

SQL: Final = queries.load("enrolments")
WAITS: Final = timedelta(days=7)
WAITING_MAX: Final = 100  # strangers; a code that was made here always finds a place
SIGNED_AT_ONCE: Final = 50
SIGN_AGAIN: Final = timedelta(seconds=30)


class Asked(StrEnum):
    WAITING = "waiting"
    FULL = "full"
    TRIED = "tried"  # the code came with other keys already
    UNKNOWN = "unknown"  # of a renewal: no certificate that we know
    RENEWED = "renewed"  # its successor has been used
    REPLACED = "replaced"
    LOST = "lost"
    STOLEN = "stolen"
    RETURNED = "returned"


GONE: Final = frozenset({Asked.LOST, Asked.STOLEN, Asked.RETURNED})


class Accepted(StrEnum):
    ACCEPTED = "accepted"
    FORBIDDEN = "forbidden"
    GONE = "gone"
    DECIDED = "decided"
    DOUBTFUL = "doubtful"
    HOME = "home"
    NAME = "name"


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """`revoked`: why its certificate is not good any more, in words of `Asked`; None: it is."""

    state: str
    why: str
    gateway: str | None
    bucket: int | None
    certificate: str | None
    revoked: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """`key`: SHA-256 of its public key. `born`: how it is to be called, if its code was made here. `doubtful`: somebody
    else asks with the same code. `fault`: why it is let in and has no certificate yet."""

    id: int
    code: str
    key: str
    model: str
    version: str
    asked_at: datetime
    heard_at: datetime
    state: str
    gateway: str | None
    fault: str
    born: str | None
    doubtful: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsigned:
    """`renews`: the serial of the certificate before; None: the first one. `depot_team`: whose it is without a home."""

    id: int
    csr: str
    gateway: str
    home: str | None
    depot_team: int | None
    renews: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class InForce:
    """`key`: SHA-256 of the public key (SubjectPublicKeyInfo), in hex."""

    serial: str
    key: str
    gateway: str
    bucket: int
    not_after: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Revoked:
    serial: str
    gateway: str
    revoked_at: datetime
    why: str


def ticket_of(csr: str, about: str) -> str:
    """The same question has the same ticket. Who does not know the request, signed at random, cannot guess it."""
    return hashlib.sha256(f"ticket\n{about}\n{csr}".encode()).hexdigest()[:32]


def ask(conn: Connection, request: EnrolRequest, key: str, ticket: str, now: datetime) -> Asked:
    given = {
        "code": request.code,
        "key": key,
        "csr": request.csr,
        "model": request.model,
        "version": request.version,
        "ticket": _hash(ticket),
        "now": now,
        "lasts": WAITS,
        "most": WAITING_MAX,
    }
    return Asked(_word(conn, "ask", given))


def renew(conn: Connection, serial: str, key: str, csr: str, ticket: str, now: datetime) -> Asked:
    given = {"serial": serial, "key": key, "csr": csr, "ticket": _hash(ticket), "now": now}
    return Asked(_word(conn, "renew", given))


def standing(conn: Connection, ticket: str) -> Standing | None:
    with conn.cursor(row_factory=class_row(Standing)) as cursor:
        return cursor.execute(SQL["standing"], {"ticket": _hash(ticket)}).fetchone()


def hand_in(conn: Connection, serial: str, said: Diagnosis, content: str, now: datetime) -> bool:
    """False: nobody asked the gateway of this certificate for it."""
    given = {"serial": serial, "gateway": said.gateway, "command": said.command, "content": content, "now": now}
    return _one(conn, "hand_in", given) is True


def waiting(conn: Connection) -> list[Waiting]:
    """The oldest first; nothing for who installs nothing."""
    with conn.cursor(row_factory=class_row(Waiting)) as cursor:
        return cursor.execute(SQL["waiting"], {"most": 2 * WAITING_MAX}).fetchall()


def accept(conn: Connection, id_: int, home: int | None, name: str, now: datetime, team: int | None = None) -> Accepted:
    """`home` None: it stands at the depot of `team`."""
    return Accepted(_word(conn, "accept", {"id": id_, "home": home, "team": team, "name": name, "now": now}))


def refuse(conn: Connection, id_: int, why: str, now: datetime) -> bool:
    """False: it does not wait."""
    return _one(conn, "refuse", {"id": id_, "why": why, "now": now}) is True


def revoke(conn: Connection, name: str, why: str, now: datetime) -> int | None:
    """How many certificates ended; None: the caller has no such gateway."""
    ended = _one(conn, "revoke", {"name": name, "why": why, "now": now})
    assert ended is None or isinstance(ended, int)
    return ended


# ---- of the clock role


def unsigned(conn: Connection, now: datetime) -> list[Unsigned]:
    with conn.cursor(row_factory=class_row(Unsigned)) as cursor:
        return cursor.execute(SQL["unsigned"], {"now": now, "most": SIGNED_AT_ONCE}).fetchall()


def issued(conn: Connection, row: Unsigned, certificate: Issued, by: int) -> bool:
    """`by`: the authority's number. The gateway is one of ours from now on, and awaited. False: somebody revoked it
    meanwhile, or it asked anew."""
    with conn.transaction():
        conn.execute(SQL["hold"])
        if conn.execute(SQL["issued"], {"id": row.id, "csr": row.csr}).fetchone() is None:
            return False
        if row.renews is None:
            if row.home is None:
                conn.execute(SQL["put_depot_gateway"], {"name": row.gateway, "team": row.depot_team})
            else:
                people.put_gateways(conn, [EnrolledGateway(name=row.gateway, home=row.home)])
            signals.send(conn, signals.Channel.ENROLMENT)
        given = {
            "serial": certificate.serial,
            "id": row.id,
            "pem": certificate.pem,
            "key": certificate.key,
            "not_before": certificate.not_before,
            "not_after": certificate.not_after,
            "name": row.gateway,
            "by": by,
        }
        conn.execute(SQL["put_certificate"], given)
        signals.send(conn, signals.Channel.TRUST)
    return True


def put_off(conn: Connection, row: Unsigned, fault: str, now: datetime) -> None:
    conn.execute(SQL["fault"], {"id": row.id, "fault": fault[:500], "next_at": now + SIGN_AGAIN})


def end_followed(conn: Connection, now: datetime) -> None:
    """Gateways say which certificate they are connected by: its first use ends those before it."""
    if conn.execute(SQL["shown"]).fetchone() is None:
        return
    with conn.transaction():
        conn.execute(SQL["hold"])
        conn.execute(SQL["used"], {"now": now})
        signals.send(conn, signals.Channel.TRUST)


# ---- of whoever guards a broker


def in_force(conn: Connection, now: datetime) -> list[InForce]:
    """Two of one gateway while it renews."""
    with conn.cursor(row_factory=class_row(InForce)) as cursor:
        return cursor.execute(SQL["in_force"], {"now": now}).fetchall()


def revoked(conn: Connection, now: datetime) -> list[Revoked]:
    with conn.cursor(row_factory=class_row(Revoked)) as cursor:
        return cursor.execute(SQL["revoked"], {"now": now}).fetchall()


def standing_of(conn: Connection, serial: str, now: datetime) -> InForce | None:
    """None: nobody may come in by it."""
    with conn.cursor(row_factory=class_row(InForce)) as cursor:
        return cursor.execute(SQL["standing_of"], {"serial": serial, "now": now}).fetchone()


def outsiders(conn: Connection, now: datetime) -> frozenset[str]:
    """Gateways that had a certificate, and have none that is in force."""
    return frozenset(name for (name,) in conn.execute(SQL["outsiders"], {"now": now}))


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode()).digest()


def _word(conn: Connection, name: str, given: dict[str, object]) -> str:
    return str(_one(conn, name, given))


def _one(conn: Connection, name: str, given: dict[str, object]) -> object:
    row = conn.execute(SQL[name], given).fetchone()
    assert row is not None, "a function answers"
    return row[0]
