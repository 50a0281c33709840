"""A small enrolled world, and an Ingest that is fed by hand: what the store's tests share."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import psycopg
import pytest

from devices.vocabulary import Item
from devices.wire.codec import encode, pack
from devices.wire.messages import Batch, Lane, LinkState, Lost, Receipt, Status
from devices.wire.topics import Channel, Topic
from server.store import intake, pool
from server.store.arrival import Arrival
from server.store.ingest import Filed, Ingest, Watch
from tests.conftest import Database
from tests.integration.asked import Asked

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
OUTBOX = "00000000000000aa"
RUN = "00000000000000bb"
OXIMETER = "C0:00:00:00:00:01"
BUTTON = "C0:00:00:00:00:02"
DOOR = "C0:00:00:00:00:03"
METER = "C0:00:00:00:00:04"
STRANGER = "C0:00:00:00:00:99"

WORLD = """
insert into team (name) values ('Nord'), ('Sør');
insert into staff (login, name, initials, password_hash) values ('kari', 'Kari Test', 'KT', 'x');
insert into home (name, address, team_id, bucket)
values ('home-1', 'Testveien 1', 1, 7), ('home-2', 'Testveien 2', 2, 8);
insert into patient (reference, name, born_on, pathway, team_id, home_id)
values ('p1', 'Test En', '1950-01-01', 'kols', 1, 1), ('p2', 'Test To', '1951-01-01', 'diabetes', 2, 2);
insert into gateway (name, home_id, bucket, enrolled) values ('gw-one', 1, 7, true), ('gw-two', 2, 8, true);
insert into device (address, profile) values ('C0:00:00:00:00:01', 'oximeter'), ('C0:00:00:00:00:02', 'bthome'),
    ('C0:00:00:00:00:03', 'bthome'), ('C0:00:00:00:00:04', 'glucose');
insert into binding (device_id, slot, patient_id, home_id, place, valid_from)
values (1, 0, 1, null, null, '2025-01-01Z'), (2, 0, 1, null, null, '2025-01-01Z'),
       (3, 0, null, 1, 'front door', '2025-01-01Z'), (4, 0, 2, null, null, '2025-01-01Z');
"""


@dataclass(kw_only=True)
class Rig:
    dsn: str
    conn: psycopg.Connection
    watch: Watch
    ingest: Ingest
    asked: Asked = field(init=False)
    acknowledged: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.asked = Asked(self.dsn)

    def file(self, *arrivals: Arrival, now: datetime = NOW) -> Filed:
        filed = self.ingest.file([intake.open_one(arrival) for arrival in arrivals], now)
        self.compress()
        return filed

    def compress(self) -> None:
        """On TimescaleDB whatever is stored is compressed at once: what comes after it meets the hardest case."""
        if self.conn.execute("select from pg_extension where extname = 'timescaledb'").fetchone() is not None:
            self.conn.execute("select compress_chunk(chunk, true) from show_chunks('observation') chunk")

    def ask(self, question: str, *parameters: Any) -> list[tuple[Any, ...]]:
        return self.asked.sql(question, *parameters)

    def one(self, question: str, *parameters: Any) -> Any:
        return self.ask(question, *parameters)[0][0]

    def tell(self, statement: str, *parameters: Any) -> None:
        self.asked.sql(statement, *parameters)

    def close(self) -> None:
        self.conn.close()
        self.asked.let_go()

    def restart(self) -> None:
        """A monitor that knows nothing."""
        self.conn.close()
        self.conn = pool.connect(self.dsn, name="test", autocommit=True)
        self.watch = Watch()
        self.ingest = Ingest(self.conn, self.watch)


@pytest.fixture
def dsn(database: Database) -> str:
    """Of the database with this world, as its owner."""
    with psycopg.connect(database.owner) as conn:
        conn.execute(WORLD.encode())
    return database.owner


R = TypeVar("R", bound=Rig)


def build(dsn: str, kind: type[R]) -> R:
    """Close it."""
    conn = pool.connect(dsn, name="test", autocommit=True)
    watch = Watch()
    made = kind(dsn=dsn, conn=conn, watch=watch, ingest=Ingest(conn, watch))
    made.tell(WORLD)
    return made


def batch(
    items: Sequence[Item],
    *,
    first: int = 1,
    after: int | None = None,
    lane: Lane = Lane.BULK,
    gateway: str = "gw-one",
    outbox: str = OUTBOX,
    lost: Sequence[Lost] = (),
    last: int | None = None,
) -> Batch:
    """Rows numbered from `first`; by default everything before it is committed."""
    return Batch(
        gateway=gateway,
        outbox=outbox,
        lane=lane,
        after=first - 1 if after is None else after,
        first=first,
        last=first + len(items) - 1 if last is None else last,
        sent_at=int(NOW.timestamp() * 1000),
        lost=list(lost),
        body=pack([(first + place, item) for place, item in enumerate(items)]),
    )


def arrival(payload: bytes, channel: Channel = Channel.OBS, *, gateway: str = "gw-one", at: datetime = NOW) -> Arrival:
    bucket = {"gw-one": 7, "gw-two": 8}.get(gateway, 0)
    topic = Topic(bucket=bucket, gateway=gateway, channel=channel)
    return Arrival(topic=str(topic), payload=payload, received_at=at, acknowledge=lambda: None)


def sent(message: Batch, *, topic_gateway: str | None = None, at: datetime = NOW) -> Arrival:
    channel = Channel.ALARM if message.lane is Lane.ALARM else Channel.OBS
    return arrival(encode(message), channel, gateway=topic_gateway or message.gateway, at=at)


def beat(
    *,
    at: datetime = NOW,
    state: LinkState = LinkState.ONLINE,
    gateway: str = "gw-one",
    outbox: str = OUTBOX,
    run: str = RUN,
    hello: bool = False,
    every_s: float = 30.0,
) -> Arrival:
    status = Status(gateway=gateway, state=state, outbox=outbox, started=run, hello=hello, every_s=every_s)
    return arrival(encode(status), Channel.STATUS, gateway=gateway, at=at)


def receipt_of(filed: Filed, gateway: str = "gw-one") -> Receipt:
    (receipt,) = [receipt for topic, receipt in filed.receipts if topic.gateway == gateway]
    return receipt


def seconds(n: float) -> timedelta:
    return timedelta(seconds=n)
