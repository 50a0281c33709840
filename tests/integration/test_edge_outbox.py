"""The outbox on a real file system: kill -9, damage, a full disk, a restored copy."""

import os
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.vocabulary import ClockTrust, Event, EventType, Gap, GapReason, Item, Kind, Mode, Observation
from devices.wire.messages import Lane, LostWhy
from edge.core.hearing import Remembered
from edge.core.holes import Hole
from edge.errors import OutboxDamaged, OutboxError, OutboxFull
from edge.outbox import Outbox
from edge.outbox_room import Freed
from edge.outbox_thread import OutboxReplaced, OutboxThread
from edge.salvage import open_outbox

pytestmark = pytest.mark.integration

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEVICE = "C0:00:00:00:00:01"

WRITER = """
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from devices.vocabulary import Kind, Mode, Observation
from devices.wire.messages import Lane
from edge.outbox import Outbox
outbox = Outbox(Path(sys.argv[1]))
now = datetime(2026, 3, 1, 12, tzinfo=UTC)
for i in range(1_000_000):
    at = now + timedelta(seconds=i)
    said = Observation(device="C0:00:00:00:00:01", kind=Kind.SPO2, taken_at=at, value=90, mode=Mode.CONTINUOUS)
    newest = outbox.append([(Lane.BULK, said)], now)
    print(newest[Lane.BULK], flush=True)
"""


def spo2(second: int, **changes: object) -> Observation:
    said = {"device": DEVICE, "kind": Kind.SPO2, "taken_at": NOW + timedelta(seconds=second), "value": 93.0}
    return Observation(**{**said, "mode": Mode.CONTINUOUS, **changes})  # type: ignore[arg-type]


def bulk(*items: Item) -> list[tuple[Lane, Item]]:
    return [(Lane.BULK, item) for item in items]


def test_what_append_returned_for_survives_kill_9(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        accepted = [int(writer.stdout.readline()) for _ in range(200)][-1]
        os.kill(writer.pid, signal.SIGKILL)
        accepted = max(
            [accepted, *(int(line) for line in writer.stdout.read().splitlines(keepends=True) if "\n" in line)]
        )
        writer.wait()
        writer.stdout.close()
        outbox = Outbox(path)
        rows, bad = outbox.read(Lane.BULK, 1, 10**9)
        assert [seq for seq, _ in rows] == list(range(1, len(rows) + 1))
        assert len(rows) - accepted in (0, 1)  # one may be committed and not yet told
        assert bad == []
        outbox.close()


def test_items_come_back_as_they_were(tmp_path: Path) -> None:
    said: list[Item] = [
        spo2(0),
        spo2(1, value=None, quality=2, record=17, clock=ClockTrust.CORRECTED, sign=0),
        Event(device=DEVICE, type=EventType.FALL, occurred_at=NOW),
        Gap(device=DEVICE, slot=2, from_at=NOW, to_at=NOW + timedelta(seconds=9), why=GapReason.AGENT_RESTARTED),
    ]
    outbox = Outbox(tmp_path / "outbox.db")
    assert outbox.append(bulk(*said), NOW) == {Lane.BULK: 4}
    outbox.close()
    rows, bad = Outbox(tmp_path / "outbox.db").read(Lane.BULK, 1, 4)
    assert [item for _, item in rows] == said
    assert bad == []


def test_each_lane_numbers_from_one(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    fall = Event(device=DEVICE, type=EventType.FALL, occurred_at=NOW)
    outbox.append([(Lane.BULK, spo2(0)), (Lane.ALARM, fall), (Lane.BULK, spo2(1))], NOW)
    stocks = outbox.stocks()
    assert (stocks[Lane.ALARM].newest, stocks[Lane.BULK].newest) == (1, 2)


def test_id_epoch_marks_and_holes_are_there_after_a_restart(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.append(bulk(*(spo2(i) for i in range(5))), NOW)
    outbox.keep_epoch("e1")
    outbox.set_mark(Lane.BULK, 2)
    outbox.set_aside(Lane.BULK, [4], LostWhy.UNDECODABLE)
    name = outbox.id
    outbox.close()
    again = Outbox(tmp_path / "outbox.db")
    assert (again.id, again.epoch) == (name, "e1")
    stock = again.stocks()[Lane.BULK]
    assert (stock.mark, stock.newest, stock.holes) == (2, 5, (Hole(first=4, last=4, why=LostWhy.UNDECODABLE),))
    assert again.count_aside() == 1
    again.put_back(Lane.BULK, 4)
    assert [seq for seq, _ in again.read(Lane.BULK, 1, 5)[0]] == [1, 2, 3, 4, 5]
    assert again.count_aside() == 0


def test_receipted_rows_are_kept_72_hours(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.append(bulk(*(spo2(i) for i in range(5))), NOW)
    outbox.set_mark(Lane.BULK, 3)
    assert outbox.make_room(NOW + timedelta(hours=71)) == Freed()
    assert outbox.make_room(NOW + timedelta(hours=73)).oldest == {Lane.BULK: 4}
    assert [seq for seq, _ in outbox.read(Lane.BULK, 1, 5)[0]] == [4, 5]
    assert outbox.stocks()[Lane.BULK].oldest == 4


def test_after_pruning_everything_the_numbers_go_on(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.append(bulk(spo2(0), spo2(1)), NOW)
    outbox.set_mark(Lane.BULK, 2)
    outbox.make_room(NOW + timedelta(days=9))
    outbox.close()
    again = Outbox(tmp_path / "outbox.db")
    assert again.append(bulk(spo2(2)), NOW) == {Lane.BULK: 3}
    assert again.stocks()[Lane.BULK].oldest == 3


def test_a_row_whose_content_is_no_item_is_named(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.append(bulk(spo2(0), spo2(1), spo2(2)), NOW)
    other = sqlite3.connect(tmp_path / "outbox.db")
    other.execute("UPDATE item SET content = x'ff00' WHERE seq = 2")
    other.commit()
    other.close()
    rows, bad = outbox.read(Lane.BULK, 1, 3)
    assert ([seq for seq, _ in rows], bad) == ([1, 3], [2])


def test_a_renewed_outbox_has_a_new_id_and_its_waiting_rows_from_one(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.append(bulk(*(spo2(i) for i in range(6))), NOW)
    outbox.set_mark(Lane.BULK, 2)
    outbox.set_aside(Lane.BULK, [4], LostWhy.UNDECODABLE)
    before = outbox.id
    outbox.renew()
    assert outbox.id != before
    rows, _ = outbox.read(Lane.BULK, 1, 9)
    assert [(seq, item.taken_at - NOW) for seq, item in rows if isinstance(item, Observation)] == [
        (1, timedelta(seconds=2)),
        (3, timedelta(seconds=4)),
        (4, timedelta(seconds=5)),
    ]
    stock = outbox.stocks()[Lane.BULK]
    assert (stock.mark, stock.oldest, stock.newest) == (0, 1, 4)
    assert stock.holes == (Hole(first=2, last=2, why=LostWhy.UNDECODABLE),)
    outbox.set_aside(Lane.BULK, [2], LostWhy.UNDECODABLE)
    outbox.append(bulk(spo2(9)), NOW)
    outbox.set_aside(Lane.BULK, [4], LostWhy.UNDECODABLE)  # the number that the old id had set aside, too
    assert outbox.count_aside() == 2


def test_a_file_that_is_no_database_is_set_aside_and_a_new_outbox_begins(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    path.write_bytes(b"this was never SQLite" * 500)
    with pytest.raises(OutboxDamaged, match="is damaged"):
        Outbox(path)
    outbox, trouble = open_outbox(path, NOW)
    assert trouble is not None and "set aside as outbox.db.damaged-" in trouble
    (aside,) = tmp_path.glob("outbox.db.damaged-*")
    assert aside.read_bytes().startswith(b"this was never")
    assert outbox.append(bulk(spo2(0)), NOW) == {Lane.BULK: 1}


async def test_a_page_damaged_in_use_costs_only_the_rows_on_it(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    thread = OutboxThread(path)
    await thread.do(lambda o: o.append(bulk(*(spo2(i) for i in range(2_000))), NOW))
    before = await thread.do(lambda o: o.id)
    await thread.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(size // 2 // 4096 * 4096)
        file.write(b"\xa5" * 4096)
    thread = OutboxThread(path)
    with pytest.raises(OutboxReplaced, match="waiting rows saved"):
        await thread.do(lambda o: o.read(Lane.BULK, 1, 2_000))
    rows, _ = await thread.do(lambda o: o.read(Lane.BULK, 1, 2_000))
    assert 1_800 < len(rows) < 2_000
    assert await thread.do(lambda o: o.id) != before
    assert thread.damage is not None
    await thread.close()


def test_at_most_three_damaged_files_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    for hour in range(5):
        path.write_bytes(b"damaged again" * 100)
        outbox, _ = open_outbox(path, NOW + timedelta(hours=hour))
        outbox.close()
    assert len(list(tmp_path.glob("outbox.db.damaged-*"))) == 3


def test_a_full_disk_is_said_and_costs_nothing_that_was_accepted(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    outbox.append(bulk(spo2(0)), NOW)
    outbox._db.execute("PRAGMA max_page_count = 1")  # SQLite raises it to the present size: the file cannot grow
    with pytest.raises(OutboxFull, match="free some space"):
        for _ in range(100):
            outbox.append(bulk(*(spo2(i) for i in range(100))), NOW)
    newest = outbox.stocks()[Lane.BULK].newest
    rows, _ = outbox.read(Lane.BULK, 1, newest)
    assert len(rows) == newest
    outbox._db.execute("PRAGMA max_page_count = 1000000")
    assert outbox.append(bulk(spo2(1)), NOW) == {Lane.BULK: newest + 1}


def test_a_directory_that_is_not_there_is_an_error_with_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="see that its directory can be written"):
        Outbox(tmp_path / "nowhere" / "outbox.db")


def test_an_outbox_of_a_newer_gateway_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "outbox.db"
    Outbox(path).close()
    other = sqlite3.connect(path)
    other.execute("PRAGMA user_version = 99")
    other.close()
    with pytest.raises(OutboxError, match="newer gateway"):
        Outbox(path)


def test_what_is_known_of_a_device_is_remembered_with_its_rows(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path / "outbox.db")
    off = Event(device=DEVICE, type=EventType.SENSOR_OFF, occurred_at=NOW)
    closed = Event(device="C0:00:00:00:00:02", type=EventType.DOOR_CLOSED, occurred_at=NOW)
    outbox.append(bulk(spo2(7), spo2(3), off, closed), NOW)
    outbox.remember_record(DEVICE, 41)
    outbox.close()
    again = Outbox(tmp_path / "outbox.db")
    assert again.remembered() == {
        DEVICE: Remembered(last_taken={0: NOW + timedelta(seconds=7)}, on_body=False),
        "C0:00:00:00:00:02": Remembered(opened=False),
    }
    assert again.last_records() == {DEVICE: 41}
    assert again.newest_accepted() == NOW


def test_every_commit_waits_for_the_disk(tmp_path: Path) -> None:
    """kill -9 leaves the page cache alive, so the power cut is promised by SQLite's settings: WAL, and 2 = FULL."""
    outbox = Outbox(tmp_path / "outbox.db")
    assert outbox._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert outbox._db.execute("PRAGMA synchronous").fetchone() == (2,)
