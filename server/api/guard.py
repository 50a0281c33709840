"""What every answer carries and every request must fit, whatever route it is for."""

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from server.api.auth import SAFE_METHODS, is_own_page
from server.api.problems import problem

BODY_MAX_BYTES: Final = 65_536

# Nothing inline and nothing from elsewhere: a name with a script in it stays a name.
CONTENT_SECURITY_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "media-src 'self'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
HEADERS: Final = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
}


class Guard:
    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope)
            await send(message)

        refusal = _refusal(scope["method"], Headers(scope=scope))
        await (refusal or self._app)(scope, receive, send_guarded)


def _add_headers(headers: MutableHeaders, scope: Scope) -> None:
    headers.update(HEADERS)
    if scope["scheme"] == "https":
        headers["Strict-Transport-Security"] = "max-age=31536000"
    if scope["path"].startswith("/api/"):
        headers["Cache-Control"] = "no-store"


def _refusal(method: str, headers: Headers) -> ASGIApp | None:
    if method in SAFE_METHODS:
        return None
    if not is_own_page(headers):
        return problem(HTTPStatus.FORBIDDEN, "Only this server's own pages may change anything here.")
    if "transfer-encoding" in headers:
        return problem(HTTPStatus.LENGTH_REQUIRED, "Say the length of the body (Content-Length).")
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_MAX_BYTES:
        return problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body may have {BODY_MAX_BYTES} bytes at most.")
    return None
