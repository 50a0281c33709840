"""How a gateway gets to be one of ours: what stands on its box, and what it says to the server over HTTPS.

Everything here is JSON, versioned like the messages on MQTT. What is secret: the code until it is accepted, the ticket.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from devices.errors import WireError
from devices.wire.codec import read
from devices.wire.messages import Millis, Versioned
from devices.wire.topics import BUCKETS, GATEWAY_ID

MAX_BYTES: Final = 16_384  # of one of these; a certificate has about 800
# Crockford's base 32 without its vowels (Y, too: this is Norway), so that no code is a word.
SYMBOLS: Final = "0123456789BCDFGHJKMNPQRSTVWXZ"
CODE_LENGTH: Final = 12
_GROUP: Final = 4
_MISREAD: Final = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})

_SYMBOL: Final = f"[{SYMBOLS}]"
_END: Final = r"$(?!\n)"  # a `$` alone lets a line end follow
Code = Annotated[str, Meta(pattern=f"^{_SYMBOL}{{4}}-{_SYMBOL}{{4}}-{_SYMBOL}{{4}}{_END}")]
Fingerprint = Annotated[str, Meta(pattern=f"^[0-9a-f]{{64}}{_END}")]
Ticket = Annotated[str, Meta(pattern=f"^[0-9a-f]{{32}}{_END}")]
GatewayName = Annotated[str, Meta(pattern=f"^{GATEWAY_ID.pattern}{_END}")]
Request = Annotated[str, Meta(pattern="^-----BEGIN CERTIFICATE REQUEST-----\n", max_length=4096)]
Certificate = Annotated[str, Meta(pattern="^-----BEGIN CERTIFICATE-----\n", max_length=8192)]
Signature = Annotated[str, Meta(pattern=f"^[A-Za-z0-9+/]{{80,120}}={{0,2}}{_END}")]
Seconds = Annotated[int, Meta(ge=1, le=3600)]

PATH: Final = "/api/v1/enrolment"
TICKET_PATH: Final = "/api/v1/enrolment/ticket"
RENEWAL_PATH: Final = "/api/v1/enrolment/renewal"
AUTHORITY_PATH: Final = "/api/v1/authority"


class Birth(Versioned, frozen=True, kw_only=True, omit_defaults=True):
    """All that a gateway is born with. `server`: where its HTTPS is, with no path. `authority`: SHA-256 of the server's
    own CA certificate (DER), so that whoever stands between is found out."""

    server: Annotated[str, Meta(pattern=rf"^https?://[^/?#\s]+{_END}", max_length=200)]
    authority: Fingerprint
    code: Code


class EnrolRequest(Versioned, frozen=True, kw_only=True, omit_defaults=True):
    """`csr`: PKCS#10 in PEM with an EC key on P-256, signed by it. `model`, `version`: of the gateway and its program.

    The same code and request again is the same request, and gets the same ticket."""

    code: Code
    csr: Request
    model: Annotated[str, Meta(max_length=80, pattern=r"^[^\x00-\x1f]*$")] = ""
    version: Annotated[str, Meta(max_length=40, pattern=r"^[^\x00-\x1f]*$")] = ""


class TicketQuestion(Versioned, frozen=True, kw_only=True, omit_defaults=True):
    ticket: Ticket


class Renewal(Versioned, frozen=True, kw_only=True, omit_defaults=True):
    """`certificate`: the one in use. `csr`: as in EnrolRequest, with a new key. `signature`: base64 of the DER of an
    ECDSA signature with SHA-256 by the key of `certificate` over `to_sign(csr, at)`.

    The answer may be waiting, with a ticket, until the new one is signed: ask with it, or ask the same again."""

    certificate: Certificate
    csr: Request
    at: Millis
    signature: Signature


class State(StrEnum):
    WAITING = "waiting"  # for a technician, or for the certificate: ask again with the ticket
    ISSUED = "issued"
    REFUSED = "refused"  # `why` is a sentence; this request comes to nothing
    REVOKED = "revoked"  # this gateway is none of ours any more: it wipes what it has been told


class EnrolAnswer(Versioned, frozen=True, kw_only=True, omit_defaults=True):
    """`ticket` once, in the answer to an EnrolRequest. `again_s`: when to ask again, while waiting. An issued answer
    has all from `certificate` to `at`: its own certificate, those of whom it trusts in PEM, its name, the bucket of its
    home, the broker, and the server's clock. `signs`: this server proves its commands; one that does not is not
    believed any more."""

    state: State
    ticket: Ticket | None = None
    again_s: Seconds | None = None
    certificate: Certificate | None = None
    authority: Certificate | None = None
    gateway: GatewayName | None = None
    bucket: Annotated[int, Meta(ge=0, le=BUCKETS - 1)] | None = None
    mqtt: Annotated[str, Meta(pattern=rf"^mqtts?://[^/?#\s]+{_END}", max_length=200)] | None = None
    at: Millis | None = None
    why: Annotated[str, Meta(max_length=500)] | None = None
    signs: bool = False


Enrolling = Birth | EnrolRequest | TicketQuestion | Renewal | EnrolAnswer

_ENCODER: Final = msgspec.json.Encoder()
_BIRTH: Final = msgspec.json.Decoder(Birth)
_REQUEST: Final = msgspec.json.Decoder(EnrolRequest)
_TICKET: Final = msgspec.json.Decoder(TicketQuestion)
_RENEWAL: Final = msgspec.json.Decoder(Renewal)
_ANSWER: Final = msgspec.json.Decoder(EnrolAnswer)
_ISSUED: Final = ("certificate", "authority", "gateway", "bucket", "mqtt", "at")
_QR: Final = re.compile(r"(?P<server>https?://[^/?#\s]+)/montering#(?P<v>\d+)\.(?P<code>[^.]*)\.(?P<authority>[^.]*)")


def encode(message: Enrolling) -> bytes:
    """What it lets out, every decoder lets in: it reads its own bytes again and raises WireError on a breach."""
    payload = _ENCODER.encode(message)
    match message:
        case Birth():
            decode_birth(payload)
        case EnrolRequest():
            decode_request(payload)
        case TicketQuestion():
            decode_ticket(payload)
        case Renewal():
            decode_renewal(payload)
        case EnrolAnswer():
            decode_answer(payload)
    return payload


def decode_birth(payload: bytes) -> Birth:
    """The file as it is, or the text of the QR code."""
    told = _QR.fullmatch(payload.decode("ascii", "replace").strip())
    birth = read(_BIRTH, _bounded(payload) if told is None else _plain_birth(told))
    _check_server(birth.server)
    return birth


def decode_request(payload: bytes) -> EnrolRequest:
    return read(_REQUEST, _bounded(payload))


def decode_ticket(payload: bytes) -> TicketQuestion:
    return read(_TICKET, _bounded(payload))


def decode_renewal(payload: bytes) -> Renewal:
    return read(_RENEWAL, _bounded(payload))


def decode_answer(payload: bytes) -> EnrolAnswer:
    answer = read(_ANSWER, _bounded(payload))
    for wrong in _wrong_in(answer):
        raise WireError(wrong)
    return answer


def code_of(typed: str) -> Code:
    """As somebody typed or scanned it: in any case, with or without hyphens, O for 0, I and L for 1."""
    code = typed.upper().translate(_MISREAD)
    if len(code) != CODE_LENGTH or set(code) - set(SYMBOLS):
        raise WireError(f"a code has {CODE_LENGTH} of the signs {SYMBOLS}")
    return "-".join(code[start : start + _GROUP] for start in range(0, CODE_LENGTH, _GROUP))


def qr_text(birth: Birth) -> str:
    """For the box: a phone's camera opens the page of the technician with it; what follows # is sent to nobody."""
    return f"{birth.server}/montering#{birth.v}.{birth.code}.{birth.authority}"


def to_sign(csr: Request, at: Millis) -> bytes:
    return csr.encode() + b"\n" + str(at).encode()


def _bounded(payload: bytes) -> bytes:
    if len(payload) > MAX_BYTES:
        raise WireError(f"{len(payload)} bytes: this has at most {MAX_BYTES}")
    return payload


def _plain_birth(told: "re.Match[str]") -> bytes:
    said: dict[str, str | int] = {**told.groupdict(), "v": int(told["v"])}
    return _ENCODER.encode(said)


def _check_server(url: str) -> None:
    try:
        parts = urlsplit(url)
        right = bool(parts.hostname) and parts.port != 0 and parts.username is None
    except ValueError:
        right = False
    if not right:
        raise WireError(f"{url!r} is not the address of a server, such as https://hjemvakt.kommune.example")


def _wrong_in(answer: EnrolAnswer) -> Iterator[str]:
    if answer.state is State.ISSUED:
        missing = [name for name in _ISSUED if getattr(answer, name) is None]
        if missing:
            yield f"an issued answer without {', '.join(missing)}"
    elif answer.certificate is not None:
        yield f"a certificate in an answer that is {answer.state}"
    if answer.state is State.WAITING and answer.again_s is None:
        yield "a waiting answer without again_s"
    if answer.state is State.REFUSED and not answer.why:
        yield "a refusal without a reason"
