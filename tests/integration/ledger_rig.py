"""The ledger over a small enrolled world, in virtual time: looks are called with the time they happen at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import Kind, Observation, Quality
from devices.wire.codec import encode
from devices.wire.columns import to_millis
from devices.wire.messages import DeviceHealth, LinkState, Status
from devices.wire.topics import Channel
from server.store import pool
from server.store.ledger import Ledger
from tests.integration.ingest_rig import OUTBOX, OXIMETER, RUN, Rig, arrival, batch, sent

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
MISSED = "measurement:missed:spo2"


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """March 2026 begins on a Sunday; 08:00 in Oslo is 07:00 here, and the morning's window 05:00 to 11:00."""
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


@dataclass(kw_only=True)
class World:
    rig: Rig
    ledger: Ledger = field(init=False)
    rows: int = 0

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """A clock that knows nothing."""
        if hasattr(self, "ledger"):
            self.ledger_conn.close()
        self.ledger_conn = pool.connect(self.rig.dsn, name="test-clock", autocommit=True)
        self.ledger = Ledger(self.ledger_conn)

    def close(self) -> None:
        self.ledger_conn.close()

    def round(self, now: datetime, *, monitor_hears: bool = True) -> None:
        self.ledger.round(now, monitor_hears=monitor_hears)

    def beat(
        self,
        now: datetime,
        *devices: DeviceHealth,
        waiting: int = 0,
        state: LinkState = LinkState.ONLINE,
        said_at: datetime | None = None,
        troubles: Sequence[str] = (),
    ) -> None:
        status = Status(
            gateway="gw-one",
            state=state,
            outbox=OUTBOX,
            started=RUN,
            at=None if state is LinkState.LOST else to_millis(said_at or now),
            waiting_bulk=waiting,
            devices=list(devices),
            troubles=list(troubles),
        )
        self.rig.file(arrival(encode(status), Channel.STATUS, at=now), now=now)

    def measure(
        self,
        taken_at: datetime,
        value: float | None = 96,
        *,
        kind: Kind = Kind.SPO2,
        device: str = OXIMETER,
        now: datetime | None = None,
    ) -> None:
        self.rows += 1
        quality = Quality.NO_READING if value is None else Quality.GOOD
        item = Observation(device=device, kind=kind, taken_at=taken_at, value=value, quality=quality)
        now = now or taken_at
        self.rig.file(sent(batch([item], first=self.rows), at=now), now=now)

    def alerts(self, rule: str = "%") -> list[tuple[str, str]]:
        question = "select rule, state from alert where rule like %s and rule not like 'limit:%%' order by id"
        return [(str(name), str(state)) for name, state in self.rig.ask(question, rule)]

    def awaited(self, part: str = "spo2") -> list[tuple[str, datetime]]:
        question = "select state, due_at from deadline where type = 'measurement' and part = %s"
        return [(str(state), due) for state, due in self.rig.ask(question, part)]


def health(address: str, seen_at: datetime | None = None, battery: int | None = None) -> DeviceHealth:
    seen_ms = None if seen_at is None else to_millis(seen_at)
    return DeviceHealth(device=address, state="heard", seen_at=seen_ms, battery_percent=battery)


@pytest.fixture
def kols(rig: Rig) -> Iterator[World]:
    """The first patient has an oximeter, a plan for every morning, and a gateway that is there all the time."""
    made = World(rig=rig)
    made.beat(at(2, 0))
    made.round(at(2, 0))
    yield made
    made.close()
