"""One message to one browser: RFC 8030, encrypted, and with our name on it.

With the standard library: a redirect is never followed, a name is resolved once and what it resolves to is what is
connected to, and the service's own answer (410: the subscription is gone) reaches whoever must know it.
"""

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from server.ways import endpoints
from server.ways.encryption import BrowserKeys, encrypt
from server.ways.endpoints import Endpoint
from server.ways.outcome import Failed, Sent, Why, passing
from server.ways.said import Message
from server.ways.vapid import Identity

WHOLE_S: Final = 15.0  # from the first step to the last
STEP_S: Final = 10.0
ANSWER_MAX: Final = 2000
KEPT_FOR: Final = timedelta(hours=1)  # while the phone is off [proposal]: later the alert itself says more
TAKEN: Final = frozenset({HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT})
GONE: Final = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.GONE})
BUSY: Final = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
# Of our own name or clock: the same message may go once that is right.
OURS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})


class NotPublicError(OSError):
    """The name stands for an address inside the house."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Subscription:
    endpoint: Endpoint
    keys: BrowserKeys


def send(message: Message, to: Subscription, identity: Identity, now: datetime) -> Sent | Failed:
    body = encrypt(json.dumps({"text": message.text, "link": message.link, "id": message.id}).encode(), to.keys)
    headers = {
        "Authorization": identity.authorization(to.endpoint.origin, now),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
        "TTL": str(int(KEPT_FOR.total_seconds())),
        "Urgency": "high",
        "Topic": message.topic,
    }
    try:
        with _connection(to.endpoint) as connection:
            connection.request("POST", to.endpoint.target, body, headers)
            answer = connection.getresponse()
            answer.read(ANSWER_MAX)
            return outcome(answer.status, dict(answer.headers))
    except NotPublicError as error:
        return Failed(why=Why.REFUSED, fault=str(error))
    except ssl.SSLError as error:
        return passing(f"{to.endpoint.host}: no trust ({error.reason or type(error).__name__})")
    except (
        OSError,
        http.client.HTTPException,
        AttributeError,
    ) as error:  # the last: closed under its hands by the limit
        return passing(f"{to.endpoint.host}: {_said(error)}")


def outcome(status: int, headers: Mapping[str, str]) -> Sent | Failed:
    if status in TAKEN:
        return Sent(provider_id=headers.get("Location"))
    fault = f"the push service answered {status}"
    if status in GONE:
        return Failed(why=Why.GONE, fault=f"{fault}: the browser does not listen any more")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in BUSY or status in OURS:
        return Failed(why=Why.PASSING, fault=fault, retry_after_s=_seconds(headers.get("Retry-After")))
    return Failed(why=Why.REFUSED, fault=fault)


def _seconds(retry_after: str | None) -> float | None:
    return float(retry_after) if retry_after is not None and retry_after.isdecimal() else None


def _said(error: BaseException) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


@contextlib.contextmanager
def _connection(to: Endpoint) -> Iterator[http.client.HTTPSConnection]:
    """Over after WHOLE_S, however slowly its other end speaks."""
    connection = http.client.HTTPSConnection(to.host, to.port, timeout=STEP_S, context=ssl.create_default_context())
    connection.sock = _connected(to)
    limit = threading.Timer(WHOLE_S, _cut, [connection.sock])
    limit.daemon = True
    limit.start()
    try:
        connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=to.host)
        yield connection
    finally:
        limit.cancel()
        connection.close()


def _connected(to: Endpoint) -> socket.socket:
    found = socket.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    addresses = [place[4][:2] for place in found]
    if not to.own and not all(endpoints.is_public(str(address)) for address, _ in addresses):
        raise NotPublicError(f"{to.host} stands for an address that is not public")
    for address in addresses[:-1]:
        with contextlib.suppress(OSError):
            return socket.create_connection((str(address[0]), int(address[1])), STEP_S)
    return socket.create_connection((str(addresses[-1][0]), int(addresses[-1][1])), STEP_S)


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
