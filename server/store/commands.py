"""What gateways are told at once: that a person has the alert that is sounding at home."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np
import psycopg

from devices.vocabulary import KINDS, EventType
from devices.wire.codec import encode
from devices.wire.columns import to_millis
from devices.wire.messages import Command
from devices.wire.topics import Channel, Topic
from server.alerts.model import Alert
from server.store import queries, signals

SQL: Final = queries.load("commands")
ACKNOWLEDGED: Final = "acknowledged"
PROVE: Final = "prove"
GIVEN_FOR: Final = timedelta(minutes=10)
OPEN_MAX: Final = 2000  # looked at in one round, the oldest first
_EVENTS: Final = frozenset(EventType)
_COMMAND: Final = msgspec.json.Decoder(Command)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Source:
    device: str | None
    slot: int


def acknowledged(conn: psycopg.Connection, alert: Alert, now: datetime) -> int:
    """A person has this alert: in the transaction in which he took it. How many gateways will be told."""
    event, kind = alert.evidence.event, alert.evidence.kind
    if event not in _EVENTS and kind is None:
        return 0  # nothing sounds at home for it
    subject = {"home": alert.subject.home, "patient": alert.subject.patient}
    gateways = conn.execute(SQL["gateways_of"], subject).fetchall()
    if not gateways:
        return 0
    source = _source(conn, alert)
    for id_, name in gateways:
        command = Command(
            gateway=name,
            command=ACKNOWLEDGED,
            id=secrets.token_hex(8),
            at=to_millis(now),
            until=to_millis(now + GIVEN_FOR),
            device=source.device,
            slot=source.slot,
            type=EventType(event) if event is not None else None,
            kind=kind,
            occurred_at=to_millis(alert.last_at),
        )
        _give(conn, id_, command, now)
    signals.send(conn, signals.Channel.COMMAND)
    return len(gateways)


def prove(conn: psycopg.Connection, gateway_id: int, name: str, now: datetime) -> str:
    """Ask a gateway to try the way of its alarms; the command's id."""
    id_ = secrets.token_hex(8)
    at, until = to_millis(now), to_millis(now + GIVEN_FOR)
    _give(conn, gateway_id, Command(gateway=name, command=PROVE, id=id_, at=at, until=until), now)
    signals.send(conn, signals.Channel.COMMAND)
    return id_


def still_open(conn: psycopg.Connection, now: datetime) -> dict[str, tuple[Topic, bytes]]:
    """By id: what has still to be said."""
    found = conn.execute(SQL["open"], {"now": now, "limit": OPEN_MAX})
    return {
        id_: (Topic(bucket=bucket, gateway=name, channel=Channel.COMMAND), encode(_COMMAND.decode(content)))
        for id_, name, bucket, content in found
    }


def done(conn: psycopg.Connection, ids: Sequence[tuple[int, str]], now: datetime) -> None:
    """Gateways' ids, and those of the commands that they carried out."""
    if ids:
        gateways = np.array([gateway for gateway, _ in ids], np.int32)
        conn.execute(SQL["done"], {"gateways": gateways, "ids": [id_ for _, id_ in ids], "now": now})


def prune(conn: psycopg.Connection, before: datetime) -> int:
    return conn.execute(SQL["prune"], {"before": before}).rowcount


def _give(conn: psycopg.Connection, gateway_id: int, command: Command, now: datetime) -> None:
    row = {"id": command.id, "gateway": gateway_id, "content": encode(command).decode(), "now": now}
    conn.execute(SQL["give"], {**row, "until": now + GIVEN_FOR})


def _source(conn: psycopg.Connection, alert: Alert) -> _Source:
    """An event's alert knows its device; of a limit it is the one that measured last."""
    row = None
    if alert.evidence.event is not None:
        event = {"device": alert.subject.device, "type": alert.evidence.event, "at": alert.last_at}
        row = conn.execute(SQL["source_of_event"], event).fetchone()
    elif alert.evidence.kind is not None:
        kind = KINDS[alert.evidence.kind].number
        row = conn.execute(SQL["source_of_reading"], {"patient": alert.subject.patient, "kind": kind}).fetchone()
    return _Source(device=None, slot=0) if row is None else _Source(device=row[0], slot=row[1])
