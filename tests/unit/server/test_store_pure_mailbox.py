import threading
from datetime import UTC, datetime

from devices.vocabulary import Kind, Observation
from devices.wire.codec import encode, pack
from devices.wire.messages import Batch, Lane
from devices.wire.topics import Channel, Topic
from server.store.arrival import Arrival
from server.store.intake import Opened, Parcel, Unusable, open_one
from server.store.mailbox import TAKEN_ROWS, Mailbox

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
LIMIT_S = 30.0


def message(rows: int) -> Opened:
    reading = Observation(device="C0:00:00:00:00:01", kind=Kind.SPO2, taken_at=NOW, value=95)
    batch = Batch(
        gateway="gw-one",
        outbox="0" * 16,
        lane=Lane.BULK,
        after=0,
        first=1,
        last=rows,
        sent_at=1_772_452_800_000,
        body=pack([(n, reading) for n in range(1, rows + 1)]),
    )
    topic = Topic(bucket=1, gateway="gw-one", channel=Channel.OBS)
    arrival = Arrival(topic=str(topic), payload=encode(batch), received_at=NOW, acknowledge=lambda: None)
    return open_one(arrival)


def test_what_came_first_is_taken_first_and_all_that_waits_at_once() -> None:
    box = Mailbox()
    messages = [message(n) for n in (1, 2, 3)]
    assert all(map(box.put, messages))
    assert box.take(LIMIT_S) == messages
    assert box.take(0) == []


def test_a_full_box_turns_away_and_counts_it() -> None:
    box = Mailbox(waiting_max=2)
    assert [box.put(message(1)) for _ in range(4)] == [True, True, False, False]
    assert box.turned_away == 2
    assert len(box.take(LIMIT_S)) == 2
    assert box.put(message(1))


def test_no_more_is_taken_than_one_transaction_should_hold() -> None:
    box = Mailbox()
    for _ in range(TAKEN_ROWS // 1000 + 3):
        box.put(message(1000))
    assert len(box.take(LIMIT_S)) * 1000 == TAKEN_ROWS
    assert len(box.take(LIMIT_S)) == 3


def test_who_waits_is_woken_by_the_first_message() -> None:
    box = Mailbox()
    taken: list[Opened] = []
    waiter = threading.Thread(target=lambda: taken.extend(box.take(LIMIT_S)))
    waiter.start()
    box.put(message(1))
    waiter.join(LIMIT_S)
    assert len(taken) == 1


def test_a_closed_box_takes_nothing_in_and_lets_nobody_wait() -> None:
    box = Mailbox()
    box.close()
    assert not box.put(message(1))
    assert box.take(LIMIT_S) == []


def test_every_arrival_becomes_something_that_can_be_filed() -> None:
    def came(topic: str, payload: bytes) -> Opened:
        return open_one(Arrival(topic=topic, payload=payload, received_at=NOW, acknowledge=lambda: None))

    strange_topic = came("hv/1/64/gw-one/up/obs", b"{}")
    assert isinstance(strange_topic, Unusable) and strange_topic.topic is None and strange_topic.refusal is None
    unreadable = came("hv/1/1/gw-one/up/obs", b"{}")
    assert isinstance(unreadable, Unusable) and unreadable.refusal is not None
    status = came("hv/1/1/gw-one/up/status", b"{}")
    assert isinstance(status, Unusable) and status.refusal is None
    assert isinstance(message(1), Parcel)
