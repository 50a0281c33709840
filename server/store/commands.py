"""What gateways are told at once: that a person has the alert that is sounding at home, and what whoever looks after
them orders. Said in the name of whoever asks; what became of it is in gateway_log for ever."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec
import numpy as np
import psycopg
from msgspec.structs import replace

from devices.vocabulary import KINDS, EventType
from devices.wire.codec import encode
from devices.wire.columns import to_millis
from devices.wire.messages import Command, Status
from devices.wire.topics import Channel, Topic
from server.alerts.model import Alert
from server.store import queries, signals

SQL: Final = queries.load("commands")
ACKNOWLEDGED: Final = "acknowledged"
PROVE: Final = "prove"
LISTEN: Final = "listen"
GIVEN_FOR: Final = timedelta(minutes=10)
# What has to find the gateway at home, or takes it a while.
WITHIN: Final = {"renew": timedelta(days=7), "upgrade": timedelta(hours=2)}
DIAGNOSES_KEPT: Final = timedelta(days=30)
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


def prove(conn: psycopg.Connection, gateway_id: int, name: str, now: datetime, within: timedelta = GIVEN_FOR) -> str:
    """Ask a gateway to try the way of its alarms; the command's id."""
    return _say(conn, gateway_id, name, PROVE, now, within)


def listen(conn: psycopg.Connection, gateway_id: int, name: str, now: datetime, for_: timedelta) -> str:
    """Ask a gateway to say what it hears, until then and no longer; the command's id."""
    return _say(conn, gateway_id, name, LISTEN, now, for_)


def order(
    conn: psycopg.Connection,
    gateway_id: int,
    name: str,
    word: str,
    now: datetime,
    *,
    version: str | None = None,
    staff: int | None = None,
) -> str:
    """What only a proof opens; the command's id. `version`: of an upgrade. `staff` None: whoever works here now."""
    return _say(conn, gateway_id, name, word, now, WITHIN.get(word, GIVEN_FOR), version=version, staff=staff)


def still_open(conn: psycopg.Connection, now: datetime) -> dict[str, tuple[Topic, Command]]:
    """By id: what has still to be said, to the run of the agent that was last heard."""
    found = conn.execute(SQL["open"], {"now": now, "limit": OPEN_MAX})
    return {
        id_: (
            Topic(bucket=bucket, gateway=name, channel=Channel.COMMAND),
            replace(_COMMAND.decode(content), number=number, run=run),
        )
        for id_, name, bucket, content, number, run in found
    }


def done(conn: psycopg.Connection, said: Sequence[tuple[int, Status]], now: datetime) -> None:
    """What gateways, by id, say of the commands that they carried out or refused."""
    answers = [
        (gateway, id_, False, "")
        for gateway, status in said
        for id_ in set(status.done) - {each.id for each in status.answers}
    ]
    answers += [(gateway, each.id, each.refused, each.why) for gateway, status in said for each in status.answers]
    if answers:
        gateways, ids, refused, whys = zip(*answers, strict=True)
        given = {"ids": list(ids), "refused": list(refused), "whys": list(whys), "now": now}
        conn.execute(SQL["done"], {"gateways": np.array(gateways, np.int32), **given})


def prune(conn: psycopg.Connection, before: datetime) -> int:
    conn.execute(SQL["prune_diagnoses"], {"before": before - DIAGNOSES_KEPT})
    return conn.execute(SQL["prune"], {"before": before}).rowcount


def _say(
    conn: psycopg.Connection,
    gateway_id: int,
    name: str,
    word: str,
    now: datetime,
    within: timedelta,
    *,
    version: str | None = None,
    staff: int | None = None,
) -> str:
    id_, at, until = secrets.token_hex(8), to_millis(now), to_millis(now + within)
    command = Command(gateway=name, command=word, id=id_, at=at, until=until, version=version)
    _give(conn, gateway_id, command, now, within, staff)
    signals.send(conn, signals.Channel.COMMAND)
    return id_


def _give(
    conn: psycopg.Connection,
    gateway_id: int,
    command: Command,
    now: datetime,
    within: timedelta = GIVEN_FOR,
    staff: int | None = None,
) -> None:
    row = {"staff": staff, "id": command.id, "gateway": gateway_id, "content": encode(command).decode(), "now": now}
    conn.execute(SQL["give"], {**row, "until": now + within})


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
