"""An outbox with an end: what goes when it is full, what never does, and what the server is told of it."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import pytest

from devices.vocabulary import ClockTrust, Event, EventType, Item, Kind, Mode, Observation
from devices.wire.messages import Lane, LostWhy
from edge.core.hearing import Remembered
from edge.core.holes import Holes
from edge.core.shrink import BLOCK, Room
from edge.outbox import MAYBE_SENT, Outbox, peek
from edge.outbox_room import PRUNED_AT_ONCE

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEVICE = "C0:00:00:00:00:01"
MIB = 2**20
SOS = Event(device=DEVICE, type=EventType.SOS, occurred_at=NOW)


def spo2(second: int) -> Observation:
    at = NOW + timedelta(seconds=second)
    return Observation(device=DEVICE, kind=Kind.SPO2, taken_at=at, value=90.0 + second % 8, mode=Mode.CONTINUOUS)


def glucose(second: int) -> Observation:
    return Observation(device=DEVICE, kind=Kind.GLUCOSE, taken_at=NOW + timedelta(seconds=second), value=5.5)


def rows(outbox: Outbox, lane: Lane) -> list[tuple[int, Item]]:
    good, bad = outbox.read(lane, 1, 10**9)
    assert bad == []
    return good


def fill(outbox: Outbox, count: int, items: Iterator[Item] | None = None, days: int = 0) -> None:
    """In appends of a thousand, each day's worth a day later."""
    for start in range(0, count, 1_000):
        some = [next(items) if items else spo2(start + i) for i in range(min(1_000, count - start))]
        outbox.append([(Lane.BULK, item) for item in some], NOW + days * timedelta(days=1) * start / count)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Outbox]:
    outbox = Outbox(tmp_path / "outbox.db", Room(bytes=MIB))
    yield outbox
    outbox.close()


def make_room(outbox: Outbox, now: datetime = NOW) -> int:
    """Until it is done; how many times it was asked."""
    times = 1
    while outbox.make_room(now).more:
        times += 1
        assert times < 2_000
    return times


def used_mib(outbox: Outbox) -> float:
    (pages,) = outbox._db.execute("PRAGMA page_count").fetchone()
    (free,) = outbox._db.execute("PRAGMA freelist_count").fetchone()
    return float((pages - free) * 4096 / MIB)


def test_while_there_is_room_nothing_goes(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    fill(outbox, 3 * BLOCK)
    assert make_room(outbox) == 1
    assert len(rows(outbox, Lane.BULK)) == 3 * BLOCK


def test_what_the_server_has_goes_before_anything_that_waits(small: Outbox) -> None:
    fill(small, 20_000)
    small.set_mark(Lane.BULK, 15_000)
    make_room(small)
    assert [seq for seq, _ in rows(small, Lane.BULK)] == list(range(15_001, 20_001))
    assert small.stocks()[Lane.BULK].holes == ()


def test_a_full_outbox_merges_its_streams_and_every_number_is_a_row_or_declared_thinned(small: Outbox) -> None:
    fill(small, 40_000, days=20)
    before = used_mib(small)
    make_room(small, NOW + timedelta(days=20))
    assert used_mib(small) <= 1.0 < before
    left = rows(small, Lane.BULK)
    stock = small.stocks()[Lane.BULK]
    holes = Holes(stock.holes)
    assert {hole.why for hole in holes} == {LostWhy.THINNED}
    lost = {seq for hole in holes for seq in range(hole.first, hole.last + 1)}
    assert lost.isdisjoint(seq for seq, _ in left)
    assert lost | {seq for seq, _ in left} == set(range(1, 40_001))
    values = [item for _, item in left if isinstance(item, Observation)]
    assert sum(item.n for item in values) == 40_000
    assert min(item.value if item.low is None else item.low for item in values if item.value) == 90.0
    assert max(item.value if item.high is None else item.high for item in values if item.value) == 97.0
    # The very oldest rows may be on their way already; of the rest, old days are coarser than new ones.
    assert max(item.n for item in values[:MAYBE_SENT]) == 1
    assert min(item.n for item in values[MAYBE_SENT : MAYBE_SENT + 50]) > max(item.n for item in values[-50:])


def test_rows_that_may_have_been_sent_already_are_not_rewritten(small: Outbox) -> None:
    fill(small, 20_000)
    small.set_mark(Lane.BULK, 0)
    untouched = [item for _, item in rows(small, Lane.BULK)[:MAYBE_SENT]]
    make_room(small)
    assert [item for _, item in rows(small, Lane.BULK)[:MAYBE_SENT]] == untouched


def test_alarms_are_never_dropped_however_full_it_is(small: Outbox) -> None:
    for start in range(0, 12_000, 500):
        small.append([(Lane.ALARM, SOS)] * 500, NOW + timedelta(seconds=start))
    fill(small, 3 * BLOCK + MAYBE_SENT)
    make_room(small)
    assert len(rows(small, Lane.ALARM)) == 12_000
    assert small.stocks()[Lane.ALARM].holes == ()
    assert len(rows(small, Lane.BULK)) == MAYBE_SENT


def test_readings_outlive_streams(small: Outbox) -> None:
    mixed = (glucose(i) if i % 10 == 0 else spo2(i) for i in range(10**6))
    fill(small, 30_000, mixed)
    make_room(small)
    kinds = [item.kind for _, item in rows(small, Lane.BULK) if isinstance(item, Observation)]
    assert kinds.count(Kind.GLUCOSE) == 3_000


def test_what_waits_for_months_goes_however_much_room_there_is(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db", Room(days=30))
    fill(outbox, 20_000, days=40)
    assert not outbox.make_room(NOW + timedelta(days=40), is_clock_set=False).more
    make_room(outbox, NOW + timedelta(days=40))
    left = rows(outbox, Lane.BULK)
    assert left[MAYBE_SENT][0] == 6_001  # the blocks that began before day 10: 4,001 to 6,000
    assert left[-1][0] == 20_000


def test_one_turn_takes_a_bounded_piece(small: Outbox) -> None:
    fill(small, 40_000)
    freed = small.make_room(NOW)
    assert freed.thinned is not None
    assert freed.thinned.last - freed.thinned.first < BLOCK
    small.set_mark(Lane.BULK, 30_000)
    before = len(rows(small, Lane.BULK))
    assert small.make_room(NOW).oldest
    assert before - len(rows(small, Lane.BULK)) == PRUNED_AT_ONCE


def test_a_row_set_aside_before_keeps_its_reason_when_its_block_is_thinned(small: Outbox) -> None:
    fill(small, 40_000)
    small.set_aside(Lane.BULK, [MAYBE_SENT + 17, MAYBE_SENT + 1_999], LostWhy.UNDECODABLE)
    make_room(small)
    holes = Holes(small.stocks()[Lane.BULK].holes)
    for seq in (MAYBE_SENT + 17, MAYBE_SENT + 1_999):
        hole = holes.at(seq)
        assert hole is not None
        assert hole.why is LostWhy.UNDECODABLE


def test_the_rows_for_the_technician_have_an_end_too(small: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge.outbox_room.SET_ASIDE", 5)
    fill(small, 20)
    small.set_aside(Lane.BULK, range(1, 11), LostWhy.UNDECODABLE)
    assert small.count_aside() == 5


def first_version(path: Path) -> None:
    """As the gateway of the first release made it, with two rows waiting and one kept."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.executescript(files("edge").joinpath("outbox_schema", "v1.sql").read_text() + "PRAGMA user_version = 1;")
    db.execute("INSERT INTO identity VALUES (1, '00112233445566aa', 'e7')")
    content = (
        b'{"device":"C0:00:00:00:00:01","kind":"spo2","taken_at":"2026-03-01T12:00:0%d+00:00","value":93.0,"mode":1}'
    )
    db.executemany(
        "INSERT INTO item VALUES ('bulk', ?, ?, 'o', ?)",
        [(seq, 1_772_366_400_000 + seq, content % seq) for seq in (1, 2, 3)],
    )
    db.execute("UPDATE lane SET newest = 3, mark = 1 WHERE name = 'bulk'")
    db.execute("INSERT INTO memory VALUES (?, 41)", (DEVICE,))
    db.execute("INSERT INTO stream VALUES (?, 0, 1772366403000)", (DEVICE,))
    db.close()


def test_an_outbox_of_the_first_release_is_opened_and_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    first_version(path)
    outbox = Outbox(path)
    assert (outbox.id, outbox.epoch) == ("00112233445566aa", "e7")
    assert [seq for seq, _ in rows(outbox, Lane.BULK)] == [1, 2, 3]
    assert (outbox.stocks()[Lane.BULK].mark, outbox.stocks()[Lane.BULK].newest) == (1, 3)
    assert outbox.newest_accepted() == NOW + timedelta(milliseconds=3)  # 1,772,366,400 s is 12:00 of 1 March 2026
    assert outbox.last_records() == {DEVICE: 41}
    assert outbox.remembered() == {DEVICE: Remembered(last_taken={0: NOW + timedelta(seconds=3)})}
    assert outbox.append([(Lane.BULK, spo2(4))], NOW) == {Lane.BULK: 4}
    outbox.close()
    again = Outbox(path)
    assert again._db.execute("PRAGMA user_version").fetchone() == (2,)
    assert len(rows(again, Lane.BULK)) == 4


def test_a_device_is_remembered_in_the_agents_own_words(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.note(DEVICE, "counter", "7")
    vacant = Event(device=DEVICE, type=EventType.VACANT, occurred_at=NOW)
    outbox.append([(Lane.BULK, vacant)], NOW)
    outbox.note(DEVICE, "counter", "9")
    outbox.close()
    again = Outbox(tmp_path / "outbox.db")
    assert again.remembered() == {DEVICE: Remembered(occupied=False, known={"counter": "9"})}


def test_a_stream_is_remembered_to_the_end_of_its_last_interval(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    at = Observation(
        device=DEVICE, kind=Kind.SPO2, taken_at=NOW, value=93, low=90, high=95, n=15, span_s=14, mode=Mode.CONTINUOUS
    )
    outbox.append([(Lane.BULK, at)], NOW)
    assert outbox.remembered()[DEVICE].last_taken == {0: NOW + timedelta(seconds=14)}


def test_rows_taken_by_a_wrong_clock_are_put_right_unless_they_were_sent_or_are_older(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.append([(Lane.BULK, spo2(i)) for i in range(3)], NOW)
    outbox.close()
    outbox = Outbox(tmp_path / "outbox.db")
    began, by = NOW + timedelta(seconds=10), timedelta(days=30)
    of_the_device = Observation(device=DEVICE, kind=Kind.GLUCOSE, taken_at=NOW, value=5.5, clock=ClockTrust.DEVICE)
    outbox.append([(Lane.BULK, spo2(10)), (Lane.BULK, spo2(11)), (Lane.BULK, of_the_device), (Lane.ALARM, SOS)], began)
    outbox.take(Lane.BULK, 4, 4)
    outbox.shift(by, NOW)
    items = [item for _, item in rows(outbox, Lane.BULK)]
    assert [item.taken_at - NOW for item in items if isinstance(item, Observation)] == [
        timedelta(seconds=0),
        timedelta(seconds=1),
        timedelta(seconds=2),
        timedelta(seconds=10),
        timedelta(days=30, seconds=11),
        timedelta(seconds=0),
    ]
    assert [item for _, item in rows(outbox, Lane.ALARM)] == [
        Event(device=DEVICE, type=EventType.SOS, occurred_at=NOW + by)
    ]
    assert outbox.newest_accepted() == began + by


def test_a_look_from_outside_says_how_much_waits_and_since_when(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.append([(Lane.BULK, spo2(0))], NOW)
    outbox.set_mark(Lane.BULK, 1)
    outbox.append([(Lane.BULK, spo2(1))], NOW + timedelta(hours=1))
    depth = peek(tmp_path / "outbox.db")
    assert depth is not None
    assert depth.waiting == {Lane.ALARM: 0, Lane.BULK: 1}
    assert depth.waiting_since == {Lane.BULK: NOW + timedelta(hours=1)}
