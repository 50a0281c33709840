"""What the outbox knows of each device beside its rows: written with them, so that both are true after a power cut."""

import sqlite3
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

from devices.vocabulary import Event, EventType, Gap, Item, Mode, Observation
from devices.wire.columns import from_millis, to_millis
from edge.core.hearing import Remembered

SUBJECT: Final = {
    EventType.DOOR_OPENED: "door",
    EventType.DOOR_CLOSED: "door",
    EventType.SENSOR_ON: "contact",
    EventType.SENSOR_OFF: "contact",
    EventType.OCCUPIED: "presence",
    EventType.VACANT: "presence",
}


def note_items(db: sqlite3.Connection, items: Iterable[Item]) -> None:
    """The end of each continuous stream, and the last state of whatever has one."""
    items = list(items)
    streams = [
        (i.device, i.slot, _end_ms(i)) for i in items if isinstance(i, Observation) and i.mode is Mode.CONTINUOUS
    ]
    streams += [(i.device, i.slot, to_millis(i.to_at)) for i in items if isinstance(i, Gap)]
    db.executemany(
        "INSERT INTO stream VALUES (?1, ?2, ?3) ON CONFLICT (device, slot)"
        " DO UPDATE SET last_taken_at = max(last_taken_at, ?3)",
        streams,
    )
    db.executemany(
        "INSERT INTO standing VALUES (?1, ?2, ?3) ON CONFLICT (device, subject) DO UPDATE SET event = ?3",
        [(i.device, SUBJECT[i.type], i.type) for i in items if isinstance(i, Event) and i.type in SUBJECT],
    )


def _end_ms(one: Observation) -> int:
    return to_millis(one.taken_at + timedelta(seconds=one.span_s))


def note_known(db: sqlite3.Connection, known: Mapping[tuple[str, str], str]) -> None:
    db.executemany(
        "INSERT INTO known VALUES (?1, ?2, ?3) ON CONFLICT (device, what) DO UPDATE SET content = ?3",
        [(device, what, content) for (device, what), content in known.items()],
    )


def remembered(db: sqlite3.Connection) -> dict[str, Remembered]:
    taken = db.execute("SELECT device, slot, last_taken_at FROM stream").fetchall()
    standing = db.execute("SELECT device, event FROM standing").fetchall()
    known = db.execute("SELECT device, what, content FROM known").fetchall()
    events = {(device, EventType(event)) for device, event in standing}
    return {
        device: Remembered(
            last_taken={slot: from_millis(at) for whose, slot, at in taken if whose == device},
            on_body=_either(events, device, EventType.SENSOR_ON, EventType.SENSOR_OFF),
            opened=_either(events, device, EventType.DOOR_OPENED, EventType.DOOR_CLOSED),
            occupied=_either(events, device, EventType.OCCUPIED, EventType.VACANT),
            known={what: content for whose, what, content in known if whose == device},
        )
        for device in {device for device, *_ in taken + standing + known}
    }


def _either(events: set[tuple[str, EventType]], device: str, yes: EventType, no: EventType) -> bool | None:
    if (device, yes) in events:
        return True
    return False if (device, no) in events else None
