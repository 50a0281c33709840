"""How a gateway becomes one of the server's, over HTTPS.

With the standard library's http.client: four small questions need no more, it uses the very TLS context that MQTT does,
and a library that brings certificate authorities of its own would be one more thing to trust."""

import asyncio
import http.client
import json
import random
import ssl
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

import msgspec

from devices.errors import WireError
from devices.wire.columns import to_millis
from devices.wire.enrolment import (
    AUTHORITY_PATH,
    MAX_BYTES,
    PATH,
    RENEWAL_PATH,
    TICKET_PATH,
    Birth,
    EnrolAnswer,
    Enrolling,
    EnrolRequest,
    Renewal,
    State,
    TicketQuestion,
    decode_answer,
    encode,
    to_sign,
)
from edge.config import is_loopback
from edge.core.trust import Waiting
from edge.errors import EnrolmentRefused, IdentityError, ServerAway
from edge.identity import (
    Claim,
    Identity,
    IdentityFiles,
    Next,
    identity_of,
    new_key,
    request,
    signature,
    trusting,
    with_fingerprint,
)

TIMEOUT_S: Final = 15.0
SIGNING_TRIES, SIGNING_S = 10, 30.0  # a certificate is signed within a second or two
MOST_CERTIFICATES_BYTES: Final = 4 * MAX_BYTES
JSON: Final = {"Content-Type": "application/json"}
WORTH_ANOTHER_TRY: Final = (408, 425, 429)
GONE: Final = (404, 410)  # of a ticket: the server keeps a claim for a week
# X509_V_ERR_ of openssl/x509_vfy.h
X509_NOT_YET_VALID, X509_EXPIRED = 9, 10
X509_WRONG_NAME: Final = (62, 64)  # of a host, of an IP address

Tell = Callable[[str], None]


class Server:
    """One question, one connection. `authority` None: whoever answers is not asked who it is."""

    def __init__(self, url: str, authority: str | None, *, checks_time: bool) -> None:
        parts = urlsplit(url)
        self.url = url
        self._host, self._port, self._is_tls = str(parts.hostname), parts.port, parts.scheme == "https"
        if not self._is_tls and not is_loopback(self._host):
            raise EnrolmentRefused(f"{url} is not https, and everybody on the way could answer: give its https address")
        self._tls = (
            _nobody_asked() if authority is None else trusting(authority, checks_time=checks_time, and_the_system=True)
        )

    def get(self, path: str) -> bytes:
        return self._ask("GET", path, None)

    def post(self, path: str, message: Enrolling) -> EnrolAnswer:
        try:
            return decode_answer(self._ask("POST", path, encode(message)))
        except WireError as error:
            raise ServerAway(f"the server {self.url} gave an answer that makes no sense ({error})") from error

    def hand_in(self, path: str, content: bytes) -> None:
        self._ask("POST", path, content)

    def _ask(self, method: str, path: str, body: bytes | None) -> bytes:
        line = self._line()
        try:
            line.request(method, path, body, JSON if body else {})
            answer = line.getresponse()
            content = answer.read(MOST_CERTIFICATES_BYTES + 1)
        except ssl.SSLCertVerificationError as error:
            raise ServerAway(f"the server {self.url} is not the one that we know: {_meaning(error)}") from error
        except (OSError, http.client.HTTPException) as error:
            raise ServerAway(
                f"the server {self.url} does not answer ({_reason(error)}): is this network right?"
            ) from error
        finally:
            line.close()
        if len(content) > MOST_CERTIFICATES_BYTES:
            raise ServerAway(f"the server {self.url} gave an answer that is too long")
        if answer.status not in (200, 204):
            raise _refusal(self.url, answer.status, content)
        return content

    def _line(self) -> http.client.HTTPConnection:
        if self._is_tls:
            return http.client.HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=self._tls)
        return http.client.HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)


async def enrol(
    birth: Birth,
    files: IdentityFiles,
    *,
    model: str,
    version: str,
    is_clock_right: Callable[[], bool],
    tell: Tell,
    waiting: Waiting | None = None,
) -> Identity:
    """Until a technician has accepted us; a claim that was begun before goes on. EnrolmentRefused: this code comes to
    nothing. `tell` gets a sentence whenever something changes."""
    waiting, dice = waiting or Waiting(), random.Random()
    kept = files.claim()
    if kept is not None and kept.birth == birth:
        claim = kept
        await asyncio.sleep(waiting.begin_s(dice.random()))
    else:
        key = new_key()
        claim = Claim(birth=birth, key=key, csr=request(key))
        files.keep_claim(claim)
    while True:
        try:
            claim, answer = await asyncio.to_thread(_claim, claim, files, model, version, is_clock_right())
        except ServerAway as away:
            tell(f"{away}. Trying again")
            await asyncio.sleep(waiting.unanswered_s(dice.random()))
            continue
        if answer.state is State.ISSUED:
            return _begin(claim, answer, files)
        if answer.state is not State.WAITING:
            raise EnrolmentRefused(f"the server does not take this gateway: {answer.why or 'it gave no reason'}")
        tell(f"waiting until a technician accepts the code {birth.code} in Hjemvakt")
        await asyncio.sleep(waiting.told_s(answer.again_s or 1, dice.random()))


def _claim(
    claim: Claim, files: IdentityFiles, model: str, version: str, is_clock_right: bool
) -> tuple[Claim, EnrolAnswer]:
    """One step: whom to trust first, then the request, then its ticket."""
    birth = claim.birth
    if claim.authority is None:
        claim = msgspec.structs.replace(claim, authority=_known_authority(birth))
        files.keep_claim(claim)
    server = Server(birth.server, claim.authority, checks_time=is_clock_right)
    if claim.ticket is not None:
        try:
            return claim, server.post(TICKET_PATH, TicketQuestion(ticket=claim.ticket))
        except TicketGone:
            claim = msgspec.structs.replace(claim, ticket=None)
    answer = server.post(PATH, EnrolRequest(code=birth.code, csr=claim.csr, model=model, version=version))
    claim = msgspec.structs.replace(claim, ticket=answer.ticket)
    files.keep_claim(claim)
    return claim, answer


def _known_authority(birth: Birth) -> str:
    pem = Server(birth.server, None, checks_time=False).get(AUTHORITY_PATH).decode("ascii", "replace")
    try:
        found = with_fingerprint(pem, birth.authority)
    except IdentityError as error:
        raise ServerAway(f"{birth.server} is no Hjemvakt server, or somebody stands between ({error})") from error
    if found is None:
        raise EnrolmentRefused(
            f"the authority of {birth.server} has another fingerprint than {birth.authority}: somebody stands between, "
            "or what is written on the box is not of this server. Nothing was sent to it"
        )
    return found


def _begin(claim: Claim, answer: EnrolAnswer, files: IdentityFiles) -> Identity:
    assert claim.authority is not None
    try:
        identity = identity_of(answer, claim.key, claim.birth.server, claim.authority)
    except IdentityError as error:
        raise EnrolmentRefused(f"the server's answer cannot be used: {error}") from error
    files.begin(identity)
    return identity


async def renew(identity: Identity, wanted: Next, now: datetime, *, checks_time: bool) -> EnrolAnswer:
    """ServerAway: try again. EnrolmentRefused: the server gave a reason in HTTP. Still waiting: it takes its time; the
    same again later."""
    server = Server(identity.server, identity.authority, checks_time=checks_time)
    answer = await asyncio.to_thread(server.post, RENEWAL_PATH, _renewal(identity, wanted, now))
    for _ in range(SIGNING_TRIES):
        if answer.state is not State.WAITING or answer.ticket is None:
            break
        await asyncio.sleep(min(answer.again_s or 1, SIGNING_S))
        answer = await asyncio.to_thread(server.post, TICKET_PATH, TicketQuestion(ticket=answer.ticket))
    return answer


def _renewal(identity: Identity, wanted: Next, now: datetime) -> Renewal:
    at = to_millis(now)
    return Renewal(
        certificate=identity.certificate,
        csr=wanted.csr,
        at=at,
        signature=b64encode(signature(identity.key, to_sign(wanted.csr, at))).decode(),
    )


class TicketGone(EnrolmentRefused):
    """The server knows nothing of it."""


def _refusal(url: str, status: int, content: bytes) -> ServerAway | EnrolmentRefused:
    if status >= 500 or status in WORTH_ANOTHER_TRY:
        return ServerAway(f"the server {url} has no time now (HTTP {status})")
    said = f"the server {url} refuses (HTTP {status}{_detail(content)})"
    return TicketGone(said) if status in GONE else EnrolmentRefused(said)


def _detail(content: bytes) -> str:
    try:
        said = json.loads(content)
        detail = said["detail"] if isinstance(said, dict) else None
    except (ValueError, KeyError):
        return ""
    return f": {detail[:200]}" if isinstance(detail, str) else ""


def _meaning(error: ssl.SSLCertVerificationError) -> str:
    match error.verify_code:
        case code if code in (X509_NOT_YET_VALID, X509_EXPIRED):
            when = "is not valid yet" if code == X509_NOT_YET_VALID else "has ended"
            return f"its certificate {when} by our clock: is the time of this machine right?"
        case code if code in X509_WRONG_NAME:
            return "its certificate is for another name: is the address right?"
        case _:
            return f"nobody whom we trust vouches for it ({error.verify_message})"


def _reason(error: BaseException) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _nobody_asked() -> ssl.SSLContext:
    """For what is public and is checked by its fingerprint."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context
