"""A home with sensors in the small enrolled world, and a night in it: what the tests of homes share."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from devices.vocabulary import Event, EventType
from server.detection.home import Memory
from server.store import expiry
from tests.integration.ingest_rig import Rig, batch, beat, build, sent

NIGHT = datetime(2026, 1, 15, 1, 10, tzinfo=UTC)  # ten past two on the wall
HALL, KITCHEN, BED, FRONT = (f"C1:00:00:00:00:0{n}" for n in (1, 2, 3, 4))
SENSORS = """
insert into device (address, profile) values ('C1:00:00:00:00:01', 'bthome_motion'),
    ('C1:00:00:00:00:02', 'bthome_motion'), ('C1:00:00:00:00:03', 'bthome_bed'), ('C1:00:00:00:00:04', 'bthome_door');
insert into binding (device_id, home_id, place, valid_from)
values (5, 1, 'hall', '2025-01-01Z'), (6, 1, 'kitchen', '2025-01-01Z'), (7, 1, 'bed', '2025-01-01Z'),
       (8, 1, 'front door', '2025-01-01Z');
"""


def minutes(n: float) -> timedelta:
    return timedelta(minutes=n)


class Home(Rig):
    """Its gateway numbers its rows, and beats when asked."""

    rows = 0

    def say(self, *events: Event, at: datetime | None = None) -> None:
        """Heard at once, or as a backlog at `at`."""
        now = at or max(event.occurred_at for event in events)
        message = batch(events, first=self.rows + 1)
        self.rows += len(events)
        self.file(sent(message, at=now), now=now)

    def lives(self, at: datetime, **status: Any) -> None:
        self.file(beat(at=at, **status), now=at)

    def clock(self, at: datetime, *, heard: bool = True) -> None:
        """A round of the clock role, just after a heartbeat."""
        if heard:
            self.lives(at)
        while expiry.expire_due(self.conn, at, monitor_hears=True):
            pass

    def memory(self) -> Memory:
        return msgspec.convert(self.one("select state from home_state where home_id = 1"), Memory)

    def told(self) -> list[tuple[Any, ...]]:
        return self.ask("select rule, priority, state, began_at from alert where rule like 'home:%%' order by id")

    def awaited(self, of: int = 1) -> dict[str, datetime]:
        found = self.ask(
            "select d.part, d.due_at from deadline d join subject s on s.id = d.subject_id"
            " where d.type = 'home' and d.state = 'waiting' and s.reference = %s",
            str(of),
        )
        return {part: due_at for part, due_at in found}


def build_home(dsn: str) -> Iterator[Home]:
    made = build(dsn, Home)
    made.tell(SENSORS)
    yield made
    made.close()


def event(device: str, type_: EventType, at: datetime) -> Event:
    return Event(device=device, type=type_, occurred_at=at)


def fall_at_night() -> list[Event]:
    return [
        event(BED, EventType.OCCUPIED, NIGHT - minutes(210)),
        event(BED, EventType.VACANT, NIGHT),
        event(HALL, EventType.MOTION, NIGHT + minutes(1)),
    ]
