"""Bytes to messages and back, strict and versioned.

A field that the contract does not know is ignored and counted (`unknown_fields`); an unknown version is a WireError.
"""

from collections.abc import Mapping
from typing import Any, Final, TypeVar, get_args, get_origin

import msgspec

from devices.errors import HeaderError, WireError
from devices.wire.columns import check_body, check_places, pack, unpack
from devices.wire.messages import (
    MAX_BYTES,
    VERSION,
    Batch,
    Body,
    Command,
    GatewayConfig,
    Header,
    Message,
    RawBatch,
    Receipt,
    Status,
    Versioned,
)
from devices.wire.topics import Topic

__all__ = [
    "check_gateway",
    "decode_body",
    "decode_command",
    "decode_config",
    "decode_header",
    "decode_receipt",
    "decode_status",
    "encode",
    "pack",
    "read",
    "undeclared",
    "unknown_fields",
    "unpack",
]

M = TypeVar("M", bound=Versioned)


class _Version(msgspec.Struct):
    v: int = VERSION


# What msgspec raises on bytes from outside; RecursionError comes from brackets nested without end.
_UNREADABLE: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)

_ENCODER: Final = msgspec.json.Encoder()
_VERSION: Final = msgspec.json.Decoder(_Version)
_HEADER: Final = msgspec.json.Decoder(RawBatch)
_BODY: Final = msgspec.json.Decoder(Body)
_STATUS: Final = msgspec.json.Decoder(Status)
_RECEIPT: Final = msgspec.json.Decoder(Receipt)
_CONFIG: Final = msgspec.json.Decoder(GatewayConfig)
_COMMAND: Final = msgspec.json.Decoder(Command)


def encode(message: Message) -> bytes:
    """What it lets out, every decoder lets in: it reads its own bytes again and raises WireError on a breach."""
    payload = _ENCODER.encode(message)
    match message:
        case Batch():
            decode_body(decode_header(payload))
        case Status():
            decode_status(payload)
        case Receipt():
            decode_receipt(payload)
        case GatewayConfig():
            decode_config(payload)
        case Command():
            decode_command(payload)
        case _:
            raise AssertionError(f"{type(message).__name__} is not sent by itself")
    return payload


def decode_header(payload: bytes) -> RawBatch:
    """HeaderError: ask the sender to halve the batch. WireError: a version that this side does not speak."""
    try:
        batch = read(_HEADER, payload)
    except WireError as error:
        if _version(payload) in (None, VERSION):
            raise HeaderError(str(error)) from error
        raise
    _check_header(batch)
    return batch


def decode_body(batch: RawBatch) -> Body:
    try:
        body = _BODY.decode(batch.body)
    except _UNREADABLE as error:
        raise WireError(f"body: {error}") from error
    check_body(body)
    check_places(body, batch.first, batch.last)
    return body


def decode_status(payload: bytes) -> Status:
    return read(_STATUS, payload)


def decode_receipt(payload: bytes) -> Receipt:
    return read(_RECEIPT, payload)


def decode_config(payload: bytes) -> GatewayConfig:
    return read(_CONFIG, payload)


def decode_command(payload: bytes) -> Command:
    return read(_COMMAND, payload)


def check_gateway(topic: Topic, message: Message) -> None:
    """The broker lets a gateway write only to its own topics, so the topic is who it is; the payload must agree."""
    if message.gateway != topic.gateway:
        raise WireError(f"the payload says gateway {message.gateway!r}, its topic says {topic.gateway!r}")


def undeclared(header: Header, body: Body) -> int:
    """How many rows of `after`..`last` are neither in the body nor declared lost. A whole batch has none."""
    sent = len(body.observations.seq) + len(body.events.seq) + len(body.gaps.seq)
    return header.last - header.after - sent - sum(lost.last - lost.first + 1 for lost in header.lost)


def read(decoder: "msgspec.json.Decoder[M]", payload: bytes) -> M:
    """WireError: it is none of these, too long, or of another version."""
    if len(payload) > MAX_BYTES:
        raise WireError(f"{len(payload)} bytes: a message has at most {MAX_BYTES}")
    try:
        message = decoder.decode(payload)
    except _UNREADABLE as error:
        if (version := _version(payload)) not in (None, VERSION):
            raise WireError(f"version {version}: this side speaks {VERSION}") from error
        raise WireError(str(error)) from error
    if message.v != VERSION:
        raise WireError(f"version {message.v}: this side speaks {VERSION}")
    return message


def _version(payload: bytes) -> int | None:
    """None: not even that can be read."""
    try:
        return _VERSION.decode(payload).v
    except _UNREADABLE:
        return None


def _check_header(header: Header) -> None:
    if not header.after < header.first <= header.last:
        raise HeaderError(f"after {header.after}, first {header.first}, last {header.last} do not ascend")
    end = header.after
    for lost in header.lost:
        if not end < lost.first <= lost.last <= header.last:
            raise HeaderError(
                f"lost {lost.first}..{lost.last} is out of order or outside {header.after}..{header.last}"
            )
        end = lost.last


def unknown_fields(payload: bytes, kind: type[Message]) -> int:
    """How many fields the contract does not know (Batch for a batch, its body included); 0 when it cannot be read."""
    try:
        _NAMES_ONLY[kind].decode(payload)
    except _UNREADABLE:
        return _count_unknown(_plain(payload), kind)
    return 0


def _plain(payload: bytes) -> Any:
    try:
        return msgspec.json.decode(payload)
    except _UNREADABLE:
        return None


def _inner_struct(field_type: Any) -> Any:
    """The Struct that a field is, or is a list of; None: neither."""
    inner = get_args(field_type)[0] if get_origin(field_type) is list else field_type
    return inner if isinstance(inner, type) and issubclass(inner, msgspec.Struct) else None


def _names_only(kind: Any) -> type[msgspec.Struct]:
    """A twin with the same field names and any content, that refuses other names: a look costs no object building."""
    fields = []
    for field in msgspec.structs.fields(kind):
        inner = _inner_struct(field.type)
        content: Any = msgspec.Raw if inner is None else _names_only(inner)
        if get_origin(field.type) is list and inner is not None:
            content = list[content]
        fields.append((field.encode_name, content | msgspec.UnsetType, msgspec.UNSET))
    return msgspec.defstruct(f"{kind.__name__}Names", fields, forbid_unknown_fields=True)


def _count_unknown(data: Any, kind: Any) -> int:
    if isinstance(data, list):
        return sum(_count_unknown(each, kind) for each in data)
    if kind is None or not isinstance(data, dict):
        return 0
    known = {field.encode_name: _inner_struct(field.type) for field in msgspec.structs.fields(kind)}
    return sum(1 if name not in known else _count_unknown(inner, known[name]) for name, inner in data.items())


_NAMES_ONLY: Final[Mapping[type[Message], "msgspec.json.Decoder[Any]"]] = {
    kind: msgspec.json.Decoder(_names_only(kind)) for kind in (Batch, Status, Receipt, GatewayConfig, Command)
}
