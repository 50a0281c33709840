import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import psycopg
import pytest

from devices.vocabulary import Kind, Mode, Observation
from devices.wire.codec import decode_receipt
from devices.wire.topics import Topic
from server.store.arrival import Arrival
from server.store.ingest import Watch
from server.store.intake import open_one
from server.store.lane import LaneWorker
from server.store.mailbox import Mailbox
from server.store.shares import Member
from tests.integration.ingest_rig import NOW, OXIMETER, Rig, batch, seconds, sent
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration


@dataclass(kw_only=True)
class Lane:
    worker: LaneWorker
    mailbox: Mailbox
    acknowledged: list[int] = field(default_factory=list)
    marks: list[int] = field(default_factory=list)

    def bring(self, *arrivals: Arrival) -> None:
        for number, arrival in enumerate(arrivals, start=len(self.acknowledged) + 1):
            acknowledge = lambda number=number: self.acknowledged.append(number)  # noqa: E731
            self.mailbox.put(open_one(replace(arrival, acknowledge=acknowledge)))


@pytest.fixture
def lane(rig: Rig) -> Iterator[Lane]:
    mailbox = Mailbox()
    marks: list[int] = []

    def publish(_topic: Topic, payload: bytes) -> None:
        marks.append(decode_receipt(payload).bulk)

    worker = LaneWorker(
        name="lane",
        dsn=rig.dsn,
        mailbox=mailbox,
        watch=Watch(),
        publish=publish,
        now=lambda: NOW + seconds(60),
        stuck_after_s=0.3,
    )
    worker.start()
    yield Lane(worker=worker, mailbox=mailbox, marks=marks)
    worker.stop()
    assert not worker.is_alive


def spo2(at_s: float, value: float = 95) -> Observation:
    return Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW + seconds(at_s), value=value, mode=Mode.CONTINUOUS)


def spot(value: float) -> Observation:
    return Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW, value=value)


def test_nothing_is_acknowledged_or_confirmed_before_it_is_committed(rig: Rig, lane: Lane) -> None:
    with psycopg.connect(rig.dsn) as blocker:
        blocker.execute("lock table watermark in access exclusive mode")
        lane.bring(sent(batch([spo2(0)])), sent(batch([spo2(1)], first=2)))
        await_true(lambda: rig.one("select count(*) from pg_locks where not granted") > 0)
        assert (lane.acknowledged, lane.marks) == ([], [])
    await_true(lambda: lane.acknowledged == [1, 2])
    assert lane.marks[-1] == 2


def test_of_a_bucket_that_is_another_monitors_nothing_is_filed_and_what_came_is_given_back(rig: Rig) -> None:
    """As after a pause in which everybody thought this one dead; what is its own it files all the same."""
    me, mailbox = Member(name="me", host="h", started=NOW), Mailbox()
    rig.tell("insert into bucket_share values (7, 'other'), (8, 'me')")
    acknowledged, given_back = list[str](), list[str]()
    worker = LaneWorker(
        name="lane",
        dsn=rig.dsn,
        mailbox=mailbox,
        watch=Watch(),
        publish=lambda _topic, _payload: None,
        now=lambda: NOW + seconds(60),
        fence=me.hold,
    )
    for gateway in ("gw-one", "gw-two"):
        came = sent(batch([spo2(0)], gateway=gateway))
        came = replace(
            came, acknowledge=partial(acknowledged.append, gateway), give_back=partial(given_back.append, gateway)
        )
        mailbox.put(open_one(came))
    worker.start()
    await_true(lambda: acknowledged == ["gw-two"])
    worker.stop()
    assert given_back == ["gw-one"]
    assert rig.one("select count(*) from watermark") == 1


def test_a_worker_that_gets_nowhere_does_not_keep_up(rig: Rig, lane: Lane) -> None:
    with psycopg.connect(rig.dsn) as blocker:
        blocker.execute("lock table watermark in access exclusive mode")
        lane.bring(sent(batch([spo2(0)])))
        await_true(lambda: not lane.worker.keeps_up)
    await_true(lambda: lane.worker.keeps_up)
    assert lane.acknowledged == [1]


def test_what_not_even_can_be_set_aside_stays_with_its_gateway(rig: Rig, lane: Lane) -> None:
    """An alert that cannot be written is tried again, and does not hold up the others."""
    rig.tell("alter table alert add constraint broken check (patient_id <> 1 and gateway_id <> 1)")
    with psycopg.connect(rig.dsn) as blocker:  # so that both wait for one transaction
        blocker.execute("lock table watermark in access exclusive mode")
        lane.bring(sent(batch([spot(80)])), sent(batch([spo2(-10)], gateway="gw-two")))
        await_true(lambda: rig.one("select count(*) from pg_locks where not granted") > 0)
    await_true(lambda: lane.acknowledged == [1, 2])
    assert rig.ask("select g.name, w.seq from watermark w join gateway g on g.id = w.gateway_id") == [("gw-two", 1)]
    rig.tell("alter table alert drop constraint broken")
    lane.bring(sent(batch([spot(80)])))
    await_true(lambda: rig.one("select count(*) from alert where patient_id = 1 and priority = 'red'") == 1)


def test_all_are_acknowledged_when_one_of_them_is_at_fault(rig: Rig, lane: Lane) -> None:
    rig.tell("alter table observation add check (value <> 66)")
    with psycopg.connect(rig.dsn) as blocker:  # so that all of them wait for one transaction
        blocker.execute("lock table watermark in access exclusive mode")
        lane.bring(*(sent(batch([spo2(n, 66 if n == 2 else 95)], first=n)) for n in range(1, 5)))
        await_true(lambda: rig.one("select count(*) from pg_locks where not granted") > 0)
    await_true(lambda: len(lane.acknowledged) == 4)
    assert sorted(lane.acknowledged) == [1, 2, 3, 4]
    assert max(lane.marks) == 4
    assert rig.one("select count(*) from observation") == 3
    assert rig.one("select count(*) from set_aside") == 1
    assert lane.worker.tally.at_fault == 1


DIES_ONCE = """
alter table observation add check (value <> 66);
create sequence deaths;
create function dies_once() returns trigger language plpgsql as $f$
begin
    if new.value = 67 and nextval('deaths') = 1 then
        perform pg_terminate_backend(pg_backend_pid());
    end if;
    return new;
end $f$;
create trigger dies_once before insert on observation for each row execute function dies_once();
"""


def test_nothing_is_acknowledged_twice_when_the_database_goes_while_the_poison_is_looked_for(
    rig: Rig, lane: Lane
) -> None:
    """The broker may have given the number to another message meanwhile."""
    rig.tell(DIES_ONCE)
    with psycopg.connect(rig.dsn) as blocker:  # so that all of them wait for one transaction
        blocker.execute("lock table watermark in access exclusive mode")
        lane.bring(*(sent(batch([spo2(n, value)], first=n)) for n, value in enumerate((95, 66, 67), start=1)))
        await_true(lambda: rig.one("select count(*) from pg_locks where not granted") > 0)
    await_true(lambda: lane.marks != [] and max(lane.marks) == 3)
    assert lane.acknowledged == [1, 2, 3]
    assert rig.ask("select value from observation order by 1") == [(67,), (95,)]
    assert lane.worker.tally.reconnects == 1


def test_after_a_lost_connection_streams_stand_where_the_database_says(rig: Rig, lane: Lane) -> None:
    """As after a COMMIT whose answer was lost: what was committed is in the database and not in the panel."""
    lane.bring(sent(batch([spo2(0)])))
    await_true(lambda: lane.acknowledged == [1])
    rig.file(sent(batch([spo2(10, 80), spo2(18, 80)], first=2)), now=NOW + seconds(20))
    assert rig.one("select count(*) from alert") == 0
    with psycopg.connect(rig.dsn, autocommit=True) as conn:
        conn.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where application_name = 'hjemvakt-lane' and datname = current_database()"
        )
    lane.bring(sent(batch([spo2(26, 80)], first=4)))
    await_true(lambda: len(lane.acknowledged) == 2)
    # Red for 16 s: PERSISTENCE says that 15 are enough.
    assert rig.ask("select rule, priority, began_at from alert") == [("limit:spo2:low", "red", NOW + seconds(10))]
    assert lane.worker.tally.reconnects == 1


def test_streams_that_another_monitor_moved_stand_where_the_database_says(rig: Rig, lane: Lane) -> None:
    """Two monitors overlap when one replaces the other: what the old one still files must not undo what the new saw."""
    lane.bring(sent(batch([spo2(0)])))
    await_true(lambda: lane.acknowledged == [1])
    rig.file(sent(batch([spo2(10, 80), spo2(18, 80)], first=2)), now=NOW + seconds(20))
    lane.bring(sent(batch([spo2(26, 80)], first=4)))
    await_true(lambda: len(lane.acknowledged) == 2)
    assert rig.ask("select rule, priority, began_at from alert") == [("limit:spo2:low", "red", NOW + seconds(10))]
    assert rig.one("select count(*) from observation") == 4


def test_a_stop_leaves_what_was_not_committed_unacknowledged(rig: Rig, lane: Lane) -> None:
    blocked = threading.Event()
    with psycopg.connect(rig.dsn) as blocker:
        blocker.execute("lock table watermark in access exclusive mode")
        lane.bring(sent(batch([spo2(0)])))
        await_true(lambda: rig.one("select count(*) from pg_locks where not granted") > 0)
        stopper = threading.Thread(target=lambda: (lane.worker.stop(), blocked.set()))
        stopper.start()
        assert lane.acknowledged == []
    stopper.join(30)
    assert blocked.is_set()
    assert len(lane.acknowledged) == rig.one("select count(*) from observation")
