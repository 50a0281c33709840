"""What a gateway hands in when it is asked how it is: over HTTPS, and with the proof of its certificate's key.

Nothing in it is about a person: no value, no name, no key. Of its log only what the program itself had written down
long before anybody was measured: the sentence without what was put into it."""

from typing import Annotated, Final

import msgspec
from msgspec import Meta

from devices.errors import WireError
from devices.wire.codec import read
from devices.wire.enrolment import Certificate, Signature
from devices.wire.messages import Address, Mark, Millis, OutboxId, Versioned
from devices.wire.topics import GATEWAY_ID

MAX_BYTES: Final = 131_072
MOST_LINES: Final = 300
PATH: Final = "/api/v1/enrolment/diagnosis"
Short = Annotated[str, Meta(max_length=120)]


class LogLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`said`: the sentence, without what was put into it. `times`: in a row."""

    at: Millis
    level: Annotated[str, Meta(max_length=10)]
    where: Short
    said: Annotated[str, Meta(max_length=200)]
    error: Short = ""
    times: Annotated[int, Meta(ge=1, le=2**31)] = 1


class DeviceCondition(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    device: Address
    profile: Short
    state: Short
    seen_at: Millis | None = None
    rssi_dbm: Annotated[int, Meta(ge=-127, le=20)] | None = None
    battery_percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    refused: Mark = 0
    bonded: bool | None = None


class Diagnosis(Versioned, frozen=True, kw_only=True, omit_defaults=True):
    """`troubles`: what is wrong, by subject; as the gateway says it in each Status."""

    gateway: Annotated[str, Meta(pattern=f"^{GATEWAY_ID.pattern}$(?!\\n)")]
    command: OutboxId
    made_at: Millis
    program: Short
    python: Short
    system: Short
    model: Short
    machine_up_s: Mark
    running_s: Mark
    is_clock_set: bool
    is_clock_wrong: bool
    memory_kib: Mark
    disk_free_mib: Mark
    disk_mib: Mark
    load_percent: Mark
    outbox_kib: Mark
    waiting_alarm: Mark
    waiting_bulk: Mark
    set_aside: Mark
    connections: Mark = 0
    config: Mark = 0
    config_refused: bool = False
    certificate_ends_at: Millis | None = None
    adapters: Annotated[list[Short], Meta(max_length=8)]
    devices: Annotated[list[DeviceCondition], Meta(max_length=64)]
    troubles: Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(max_length=20)]
    log: Annotated[list[LogLine], Meta(max_length=MOST_LINES)]


class Handed(Versioned, frozen=True, kw_only=True, omit_defaults=True):
    """`content`: a Diagnosis as JSON. `signature`: base64 of the DER of an ECDSA signature with SHA-256 by the key of
    `certificate` over `to_sign(content)`."""

    certificate: Certificate
    content: Annotated[str, Meta(max_length=MAX_BYTES)]
    signature: Signature


_ENCODER: Final = msgspec.json.Encoder()
_DIAGNOSIS: Final = msgspec.json.Decoder(Diagnosis)
_HANDED: Final = msgspec.json.Decoder(Handed)


def encode(diagnosis: Diagnosis) -> bytes:
    """WireError: it is too long, or not what it should be."""
    payload = _ENCODER.encode(diagnosis)
    decode(payload)
    return payload


def encode_handed(handed: Handed) -> bytes:
    payload = _ENCODER.encode(handed)
    decode_handed(payload)
    return payload


def decode(payload: bytes) -> Diagnosis:
    return read(_DIAGNOSIS, _bounded(payload, MAX_BYTES))


def decode_handed(payload: bytes) -> Handed:
    return read(_HANDED, _bounded(payload, 2 * MAX_BYTES))


def to_sign(content: str) -> bytes:
    return b"hjemvakt diagnosis 1\n" + content.encode()


def _bounded(payload: bytes, most: int) -> bytes:
    if len(payload) > most:
        raise WireError(f"{len(payload)} bytes: this has at most {most}")
    return payload
