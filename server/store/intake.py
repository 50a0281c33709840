"""From bytes to what can be filed: every arrival is a batch, a heartbeat, or set aside with the reason. Pure."""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import msgspec

from devices.errors import HeaderError, WireError
from devices.wire.codec import check_gateway, decode_body, decode_header, decode_status, unknown_fields
from devices.wire.messages import Batch, Body, Lane, RawBatch, Refusal, Status
from devices.wire.topics import Channel, Topic
from devices.wire.topics import parse as parse_topic
from server.store.arrival import Arrival
from server.store.delivery import Aside
from server.store.newer import without_strange_words

LANES: Final = {Channel.ALARM: Lane.ALARM, Channel.OBS: Lane.BULK}
_topic = lru_cache(maxsize=65_536)(parse_topic)


@dataclass(frozen=True, kw_only=True, slots=True)
class Parcel:
    """A batch with a readable header. `aside`: its body is not readable, and goes there whole; or, when there is
    `strange`, it is kept because of those of its rows, which are not in `body`: they say words unknown here."""

    arrival: Arrival
    topic: Topic
    header: RawBatch
    body: Body
    aside: Aside | None
    strange: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Heartbeat:
    arrival: Arrival
    topic: Topic
    status: Status


@dataclass(frozen=True, kw_only=True, slots=True)
class Unusable:
    """Set aside; no watermark moves. `refusal` asks its gateway for the batch in halves."""

    arrival: Arrival
    aside: Aside
    topic: Topic | None = None
    refusal: Refusal | None = None


Opened = Parcel | Heartbeat | Unusable


def open_one(arrival: Arrival) -> Opened:
    try:
        topic = _topic(arrival.topic)
    except WireError as error:
        return Unusable(arrival=arrival, aside=_aside(arrival, None, str(error)))
    try:
        if topic.channel is Channel.STATUS:
            return _heartbeat(arrival, topic)
        return _parcel(arrival, topic)
    except WireError as error:
        return Unusable(arrival=arrival, topic=topic, aside=_aside(arrival, topic.gateway, str(error)))


def unknown_in(opened: Opened) -> int:
    """Fields that this server does not know, and ignores: the gateway is newer."""
    match opened:
        case Parcel(arrival=arrival):
            return unknown_fields(arrival.payload, Batch)
        case Heartbeat(arrival=arrival):
            return unknown_fields(arrival.payload, Status)
        case Unusable():
            return 0


def without_body(parcel: Parcel, reason: str) -> Parcel:
    """A batch whose rows the database refused: set aside like one that could not be decoded."""
    aside = _aside(parcel.arrival, parcel.topic.gateway, reason)
    return Parcel(arrival=parcel.arrival, topic=parcel.topic, header=parcel.header, body=Body(), aside=aside)


def unusable(arrival: Arrival, reason: str) -> Unusable:
    return Unusable(arrival=arrival, aside=_aside(arrival, None, reason))


def digest(payload: bytes) -> str:
    return hashlib.sha256(payload).hexdigest()[:16]


def _parcel(arrival: Arrival, topic: Topic) -> Opened:
    try:
        header = decode_header(arrival.payload)
    except WireError as error:
        why = "header: " if isinstance(error, HeaderError) else ""
        refusal = Refusal(digest=digest(arrival.payload), why=f"{why}{error}"[:200])
        aside = _aside(arrival, topic.gateway, refusal.why)
        return Unusable(arrival=arrival, topic=topic, aside=aside, refusal=refusal)
    check_gateway(topic, header)
    if header.lane is not LANES.get(topic.channel):
        raise WireError(f"lane {header.lane} does not belong on {topic.channel}")
    try:
        return Parcel(arrival=arrival, topic=topic, header=header, body=decode_body(header), aside=None)
    except WireError as error:
        return _newer(arrival, topic, header) or Parcel(
            arrival=arrival, topic=topic, header=header, body=Body(), aside=_aside(arrival, topic.gateway, str(error))
        )


def _newer(arrival: Arrival, topic: Topic, header: RawBatch) -> Parcel | None:
    """The rows of a body that say known words; None: that does not help."""
    strange = without_strange_words(bytes(header.body))
    if strange is None:
        return None
    try:
        body = decode_body(msgspec.structs.replace(header, body=msgspec.Raw(strange.body)))
    except WireError:
        return None
    why = f"{len(strange.seqs)} rows say what this server does not know yet: {', '.join(strange.words)}"
    aside = _aside(arrival, topic.gateway, why)
    return Parcel(arrival=arrival, topic=topic, header=header, body=body, aside=aside, strange=strange.seqs)


def _heartbeat(arrival: Arrival, topic: Topic) -> Heartbeat:
    status = decode_status(arrival.payload)
    check_gateway(topic, status)
    return Heartbeat(arrival=arrival, topic=topic, status=status)


def _aside(arrival: Arrival, gateway: str | None, reason: str) -> Aside:
    return Aside(gateway=gateway, topic=arrival.topic, reason=reason, payload=arrival.payload)
