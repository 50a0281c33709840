"""Signing in and out, and the rule that only our own pages may change anything."""

import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Request, Response
from starlette.datastructures import Headers

from server.access import Deed
from server.api import passwords, second_factor
from server.api.access_schemas import OpenSession, OpenSessions
from server.api.desk import Desk, DeskOfApp, Token, Work, cookie_name, digest
from server.api.knocking import knock
from server.api.problems import RefusedError
from server.api.schemas import Me, StaffMember, TeamMembership
from server.api.seals import SealsOfApp
from server.api.sign_in_schemas import Credentials
from server.store import identity, knocks, sessions
from server.store.knocks import SIGN_IN
from server.store.sessions import SessionRow

SESSION_LASTS = timedelta(hours=12)
StaffId = Annotated[int, Path(ge=1, le=2**31 - 1)]
SessionId = Annotated[int, Path(ge=1, le=2**63 - 1)]
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})

router = APIRouter(prefix="/api/v1", tags=["session"])


@router.post("/session")
def sign_in(credentials: Credentials, request: Request, response: Response, desk: DeskOfApp, seals: SealsOfApp) -> Me:
    """Sets a cookie that lasts 12 hours. Whoever has codes is asked for one, when the password is right."""
    who = (credentials.login, request.client.host if request.client else "")
    knock(desk, SIGN_IN, who, "Too many tries with this login")
    staff = _verify(desk, credentials)
    coded = second_factor.check(desk, seals, staff, credentials.code, HTTPStatus.UNAUTHORIZED)
    with desk.pool.connection() as conn:
        knocks.opened(conn, SIGN_IN, who)
    token = enter(desk, request, response, staff, "password and code" if coded else "password")
    with desk.work(token, beginners=True) as work:
        return _me(work)


def enter(desk: Desk, request: Request, response: Response, staff: int, way: str) -> str:
    """A session, and its cookie in the answer; its token."""
    token = secrets.token_urlsafe(32)
    now = desk.now()
    with desk.pool.connection() as conn:
        sessions.open_session(
            conn, staff=staff, token_hash=digest(token), now=now, expires_at=now + SESSION_LASTS, way=way
        )
    response.set_cookie(
        cookie_name(request.url.scheme),
        token,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return token


@router.get("/me")
def who_am_i(desk: DeskOfApp, token: Token) -> Me:
    with desk.work(token, beginners=True) as work:
        return _me(work)


@router.delete("/session", status_code=HTTPStatus.NO_CONTENT)
def sign_out(request: Request, response: Response, desk: DeskOfApp, token: Token) -> None:
    """Closes the live sockets of the session too."""
    if token:
        with desk.pool.connection() as conn:
            sessions.close(conn, digest(token))
    scheme = request.url.scheme
    response.delete_cookie(cookie_name(scheme), httponly=True, samesite="strict", secure=scheme == "https")


@router.get("/staff/{staff}/sessions")
def get_sessions(staff: StaffId, desk: DeskOfApp, token: Token) -> OpenSessions:
    """Where somebody is signed in: oneself, or a member of a team that one administers."""
    with desk.work(token) as work:
        _must_be_mine(work, staff)
        found = sessions.of_staff(work.conn, staff, work.now)
        return OpenSessions(sessions=[_session(each, work) for each in found])


@router.delete("/staff/{staff}/sessions/{session}", status_code=HTTPStatus.NO_CONTENT)
def end_session(staff: StaffId, session: SessionId, desk: DeskOfApp, token: Token) -> None:
    """Its live sockets are closed at once."""
    with desk.work(token) as work:
        _must_be_mine(work, staff)
        if not sessions.end(work.conn, staff, session):
            raise RefusedError(HTTPStatus.NOT_FOUND, "There is no such session of this person that you may end.")


def _must_be_mine(work: Work, staff: int) -> None:
    if staff == work.caller.staff:
        return
    if not sessions.is_member(work.conn, staff, work.teams(Deed.END_SESSIONS)):
        raise RefusedError(HTTPStatus.NOT_FOUND, "Nobody of a team that you administer has this number.")


def _session(row: SessionRow, work: Work) -> OpenSession:
    return OpenSession(
        id=row.id,
        opened_at=row.opened_at,
        used_at=row.used_at,
        expires_at=row.expires_at,
        way=row.way,
        here=row.id == work.caller.session,
    )


def _verify(desk: Desk, credentials: Credentials) -> int:
    """The database connection is given back before the slow part."""
    with desk.pool.connection() as conn:
        known = sessions.password_of(conn, credentials.login)
    staff, password_hash = known or (0, None)
    if not passwords.is_right(password_hash, credentials.password):
        raise RefusedError(HTTPStatus.UNAUTHORIZED, "The login or the password is wrong.")
    return staff


def _me(work: Work) -> Me:
    (staff, name, initials), teams = sessions.whoami(work.conn, work.caller.staff)
    return Me(
        leave="/api/v1/oidc/leave" if work.caller.way == identity.WAY else None,
        staff=StaffMember(id=staff, name=name, initials=initials),
        code_awaited=work.caller.code_awaited,
        teams=[TeamMembership(id=team, name=name, role=work.caller.roles[team].value) for team, name in teams],
    )


def is_own_page(headers: Headers) -> bool:
    """Browsers say where a request comes from; what says nothing is no browser, and sends no cookie unasked."""
    if headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = headers.get("origin")
    return origin is None or urlsplit(origin).netloc == headers.get("host")
