"""Coming in by the identity provider: the browser goes there with what only we know, and comes back with a code."""

import base64
import binascii
import hmac
import json
import logging
import secrets
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse

from server.api.auth import enter
from server.api.desk import Desk, DeskOfApp, cookie_name
from server.api.knocking import BUSY, knock
from server.api.problems import RefusedError
from server.api.schemas import Problem
from server.api.seals import SealsOfApp, needed
from server.api.sign_in_schemas import SignInWays
from server.errors import ProviderError, SealError
from server.provider import Pending, Provider
from server.store import identity
from server.store.knocks import PROVIDER
from server.store.sealing import Purpose, Seals

PENDING: Final = "oidc"  # the cookie
PENDING_LASTS: Final = timedelta(minutes=10)
BOUND_TO: Final = b"oidc pending"
RANDOM_BYTES: Final = 32
NO_PROVIDER: Final = "This installation has no identity provider: sign in with login and password."
Said = Annotated[str | None, Query(max_length=4096)]
AWAY: Final[dict[int | str, dict[str, Any]]] = BUSY | {
    HTTPStatus.NOT_FOUND.value: {"model": Problem, "description": "No identity provider is set"},
}

log = logging.getLogger(__name__)
router = APIRouter(prefix="/api/v1", tags=["session"])
browser = APIRouter(prefix="/api/v1/oidc", tags=["session"], default_response_class=RedirectResponse, responses=AWAY)


def _provider(request: Request) -> Provider:
    provider = request.app.state.provider
    if provider is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, NO_PROVIDER)
    assert isinstance(provider, Provider)
    return provider


ProviderOfApp = Annotated[Provider, Depends(_provider)]


@router.get("/sign-in-ways")
def get_sign_in_ways(request: Request) -> SignInWays:
    """What the login offers beside login and password."""
    provider = request.app.state.provider
    return SignInWays(oidc=provider and provider.name)


@browser.get("/start", status_code=HTTPStatus.SEE_OTHER)
def start_oidc(request: Request, desk: DeskOfApp, seals: SealsOfApp, provider: ProviderOfApp) -> RedirectResponse:
    """For the browser itself: it leads to the identity provider."""
    knock(desk, PROVIDER, (_address(request),), "Too many tries from this address")
    state, nonce, verifier = (secrets.token_urlsafe(RANDOM_BYTES) for _ in range(3))
    pending = Pending(state=state, nonce=nonce, verifier=verifier)
    now = desk.now()
    try:
        answer = RedirectResponse(provider.asks(pending, now), HTTPStatus.SEE_OTHER)
    except ProviderError as error:
        return _back_to_login("failed", error)
    answer.set_cookie(
        _cookie(request),
        _sealed(needed(seals), pending, now),
        max_age=int(PENDING_LASTS.total_seconds()),
        httponly=True,
        samesite="lax",  # the provider's page leads back here
        secure=request.url.scheme == "https",
    )
    return answer


@browser.get("/callback", status_code=HTTPStatus.SEE_OTHER)
def finish_oidc(
    request: Request,
    desk: DeskOfApp,
    seals: SealsOfApp,
    provider: ProviderOfApp,
    state: Said = None,
    code: Said = None,
    iss: Said = None,
) -> RedirectResponse:
    """For the browser that the identity provider sends back. It leads to the board, or to the login and says why."""
    knock(desk, PROVIDER, (_address(request),), "Too many tries from this address")
    pending = _opened(needed(seals), request.cookies.get(_cookie(request)), desk.now())
    try:
        subject = _who(provider, desk.now(), pending, state, code, iss)
    except ProviderError as error:
        answer = _back_to_login("failed", error)
    else:
        answer = _let_in(request, desk, provider.issuer, subject)
    answer.delete_cookie(_cookie(request), httponly=True, samesite="lax", secure=request.url.scheme == "https")
    return answer


@browser.get("/leave", status_code=HTTPStatus.SEE_OTHER)
def leave_oidc(desk: DeskOfApp, provider: ProviderOfApp) -> RedirectResponse:
    """For the browser that has signed out here: it ends the identity provider's own session, too."""
    try:
        return RedirectResponse(provider.farewell(desk.now()) or "/", HTTPStatus.SEE_OTHER)
    except ProviderError as error:
        return _back_to_login("failed", error)


def _who(
    provider: Provider, now: datetime, pending: Pending | None, state: str | None, code: str | None, iss: str | None
) -> str:
    """The subject, when this browser began, and what comes back belongs to it."""
    if pending is None or not hmac.compare_digest(pending.state.encode(), (state or "").encode()):
        raise ProviderError("An answer of the identity provider that this browser did not ask for, or too late.")
    if code is None:
        raise ProviderError("The identity provider let nobody in.")
    return provider.who_came(code, iss, pending, now)


def _let_in(request: Request, desk: Desk, issuer: str, subject: str) -> RedirectResponse:
    with desk.pool.connection() as conn:
        staff = identity.staff_of(conn, issuer, subject)
    if staff is None:
        log.warning("nobody is linked to who came from the identity provider: `hjemvakt user link LOGIN %r`", subject)
        return _back_to_login("unknown")
    answer = RedirectResponse("/", HTTPStatus.SEE_OTHER)
    enter(desk, request, answer, staff, identity.WAY)
    return answer


def _back_to_login(why: str, error: ProviderError | None = None) -> RedirectResponse:
    """The screen says it in its own words; the sentence for whoever runs the server is in the log."""
    if error is not None:
        log.warning("%s", error)
    return RedirectResponse(f"/?login={why}", HTTPStatus.SEE_OTHER)


def _cookie(request: Request) -> str:
    return f"{cookie_name(request.url.scheme)}_{PENDING}"


def _address(request: Request) -> str:
    return request.client.host if request.client else ""


def _sealed(seals: Seals, pending: Pending, now: datetime) -> str:
    """In the browser alone: a stranger who begins a thousand times fills no table."""
    text = json.dumps([pending.state, pending.nonce, pending.verifier, (now + PENDING_LASTS).timestamp()])
    return base64.urlsafe_b64encode(seals.seal(text, BOUND_TO, Purpose.SIGN_IN)).decode()


def _opened(seals: Seals, cookie: str | None, now: datetime) -> Pending | None:
    try:
        text = seals.open(base64.urlsafe_b64decode(cookie or ""), BOUND_TO, Purpose.SIGN_IN)
    except (SealError, binascii.Error, ValueError):
        return None
    state, nonce, verifier, until = json.loads(text)
    return Pending(state=state, nonce=nonce, verifier=verifier) if now.timestamp() < until else None
