"""Where the api meets the database: every request is one transaction in the name of the staff member who asks."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, TypeAlias

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from psycopg import Connection
from psycopg_pool import ConnectionPool

from server.access import OPENS, Deed
from server.api.problems import RefusedError
from server.store import board, machines, sessions
from server.store.sessions import Caller

COOKIE = "hjemvakt_session"
BEGIN_CODES = "urn:hjemvakt:begin-codes"
BEGIN_FIRST = "A code is demanded of your role: begin with the codes of an app first."
cookie_of = APIKeyCookie(name=COOKIE, auto_error=False, description="set by POST /api/v1/session")

bearer_of = HTTPBearer(auto_error=False, description="of another program, made by `hjemvakt token add`")


def cookie_name(scheme: str) -> str:
    """Under https one that no other host, no path and nothing in the open can have set (RFC 6265bis, 4.1.3.2)."""
    return f"__Host-{COOKIE}" if scheme in ("https", "wss") else COOKIE


class MachineToken(str):
    """Of another program, presented for one operation."""

    __slots__ = ("operation",)

    def __new__(cls, token: str, operation: str) -> "MachineToken":
        made = super().__new__(cls, token)
        made.operation = operation
        return made

    operation: str


def _token(
    request: Request,
    _documented: Annotated[str | None, Security(cookie_of)],
    bearer: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_of)],
) -> str | None:
    if bearer is not None:  # whoever says so is a program, whatever cookies it has
        return MachineToken(bearer.credentials, request.scope["route"].name)
    return request.cookies.get(cookie_name(request.url.scheme))


Token: TypeAlias = Annotated[str | None, Depends(_token)]
Pool: TypeAlias = ConnectionPool[Connection]


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """One request's transaction. It ends well only with the `with` block of `Desk.work`."""

    conn: Connection
    caller: Caller
    now: datetime

    def teams(self, deed: Deed) -> frozenset[int]:
        """The caller's teams for this; refused when there is none."""
        teams = self.caller.teams(deed)
        if not teams:
            raise RefusedError(HTTPStatus.FORBIDDEN, "Your role does not include this: ask your coordinator.")
        return teams


@dataclass(frozen=True, kw_only=True, slots=True)
class Desk:
    pool: Pool
    now: Callable[[], datetime]

    @contextmanager
    def work(self, token: str | None, *, snapshot: bool = False, beginners: bool = False) -> Iterator[Work]:
        """`snapshot`: read only, and every read sees the same instant. `beginners`: also for whoever must
        begin with codes before anything else."""
        now = self.now()
        with self.pool.connection() as conn:
            machine = _machine(conn, token, now) if isinstance(token, MachineToken) else None
            if snapshot:
                board.begin_snapshot(conn)
            caller = machine or (sessions.find(conn, digest(token), now, beginners=True) if token else None)
            if caller is None:
                raise RefusedError(HTTPStatus.UNAUTHORIZED, "You are not signed in, or your session is over: sign in.")
            if caller.code_awaited and not beginners:
                raise RefusedError(HTTPStatus.UNAUTHORIZED, BEGIN_FIRST, type_=BEGIN_CODES)
            if not snapshot and machine is None:  # a snapshot is read only
                sessions.used(conn, [caller], now)
            sessions.identify(conn, caller.staff)
            yield Work(conn=conn, caller=caller, now=now)


def _machine(conn: Connection, token: MachineToken, now: datetime) -> Caller:
    """In a transaction of its own: that it was used is remembered, whatever becomes of what it asks."""
    with conn.transaction():
        machine = machines.find(conn, digest(token), now)
    if machine is None:
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "This token is not in force: sign in with another one.")
    if not any(token.operation in OPENS[scope] for scope in machine.scopes):
        scopes = ", ".join(sorted(machine.scopes))
        raise RefusedError(HTTPStatus.FORBIDDEN, f"This token is not for that; its scopes are: {scopes}.")
    return machine.caller


def digest(token: str) -> bytes:
    """Only this is stored. A token has 256 random bits, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def _desk(request: Request) -> Desk:
    desk = request.app.state.desk
    assert isinstance(desk, Desk)
    return desk


DeskOfApp: TypeAlias = Annotated[Desk, Depends(_desk)]
