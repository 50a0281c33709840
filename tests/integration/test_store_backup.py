import json
import os
import shutil
from datetime import datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from devices.vocabulary import Event, EventType, Item, Kind, Observation
from devices.wire import codec
from devices.wire.messages import Batch, Lane, Lost, Receipt
from edge.core.delivery import Delivery
from edge.core.delivery_words import (
    Appended,
    Connected,
    DeliveryEvent,
    Forget,
    KeepEpoch,
    Plan,
    Published,
    Recall,
    ReceiptCame,
    Send,
)
from edge.outbox import Outbox
from server.__main__ import main
from server.errors import BackupError
from server.store import backup
from server.store.embedded import EmbeddedPostgres
from server.store.migrate import migrate
from tests.integration.ingest_rig import BUTTON, NOW, OXIMETER, Rig, beat, build, receipt_of, seconds, sent
from tests.servers import Server

pytestmark = pytest.mark.integration


class Gateway:
    """The real outbox and the real delivery of a gateway, on a line that is a call."""

    def __init__(self, path: Path) -> None:
        self.outbox = Outbox(path)
        self.now_s = 0.0
        self.sent: list[int] = []
        self._delivery = Delivery(outbox=self.outbox.id, epoch=None, stocks=self.outbox.stocks())

    def accept(self, *items: Item) -> None:
        lane = {True: Lane.ALARM, False: Lane.BULK}
        newest = self.outbox.append([(lane[isinstance(item, Event)], item) for item in items], NOW)
        for where, seq in newest.items():
            self._delivery.on(Appended(where, seq), self.now_s)

    def talk(self, rig: Rig) -> None:
        """Connect and deliver until all is receipted."""
        self.now_s += 1
        hello = receipt_of(rig.file(beat(outbox=self.outbox.id, hello=True)))
        todo: list[DeliveryEvent] = [Connected(), ReceiptCame(hello)]
        while todo:
            for command in self._delivery.on(todo.pop(0), self.now_s):
                match command:
                    case Send(plan):
                        todo += [Published(plan.number, "0" * 16), ReceiptCame(self._send(plan, rig))]
                    case Forget(lane, mark) | Recall(lane, mark):
                        self.outbox.set_mark(lane, mark)
                    case KeepEpoch(epoch):
                        self.outbox.keep_epoch(epoch)
        assert not any(self._delivery.waiting(lane) for lane in Lane)

    def _send(self, plan: Plan, rig: Rig) -> Receipt:
        rows, bad = self.outbox.take(plan.lane, plan.first, plan.last)
        assert not bad
        self.sent += [seq for seq, _ in rows]
        message = Batch(
            gateway="gw-one",
            outbox=self.outbox.id,
            lane=plan.lane,
            after=plan.after,
            first=plan.first,
            last=plan.last,
            sent_at=int(NOW.timestamp() * 1000),
            lost=[Lost(first=hole.first, last=hole.last, why=hole.why) for hole in plan.lost],
            body=codec.pack(rows),
        )
        return receipt_of(rig.file(sent(message)))


def spo2(first: int, last: int) -> list[Observation]:
    """Seconds `first` to `last` of a finger in a sensor."""
    return [
        Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW - timedelta(hours=1) + seconds(n), value=95 + n % 3)
        for n in range(first, last + 1)
    ]


def stored(dsn: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as conn:
        return conn.execute(
            "select patient_id, kind, taken_at, device_id, slot, value from observation order by taken_at"
        ).fetchall()


@pytest.fixture
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HJEMVAKT_")]:
        monkeypatch.delenv(name)


def test_nothing_is_missing_and_nothing_doubled_after_the_data_directory_was_lost(
    short_dir: Path, tmp_path: Path, no_settings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, kept = short_dir / "lost", tmp_path / "backup"
    first = EmbeddedPostgres(data / "postgres")
    first.start()
    migrate(first.dsn())
    rig = build(first.dsn(), Rig)
    gateway = Gateway(tmp_path / "outbox.db")
    gateway.accept(*spo2(1, 50), Event(device=BUTTON, type=EventType.SOS, occurred_at=NOW))
    gateway.talk(rig)
    before = rig.one("select epoch from installation")
    with monkeypatch.context() as patch:
        patch.setenv("HJEMVAKT_DATABASE_URL", first.dsn())
        assert main(["backup", str(kept)]) == 0

    press = Event(device=BUTTON, type=EventType.SOS, occurred_at=NOW + seconds(30))
    gateway.accept(*spo2(51, 90), press)
    gateway.talk(rig)
    whole = stored(first.dsn())
    assert len(whole) == 90
    rig.close()
    first.stop()
    shutil.rmtree(data)

    monkeypatch.setenv("HJEMVAKT_DATA", str(data))
    assert main(["restore", str(kept)]) == 0
    second = EmbeddedPostgres(data / "postgres")
    second.start()
    found = Rig(dsn=second.dsn(), conn=rig.conn, watch=rig.watch, ingest=rig.ingest)
    found.restart()
    try:
        assert stored(second.dsn()) == whole[:50]
        assert found.one("select epoch from installation") != before
        gateway.sent.clear()
        gateway.accept(*spo2(91, 100))
        gateway.talk(found)
        assert set(gateway.sent) == {*range(51, 101), 2}
        assert stored(second.dsn())[:90] == whole
        assert len(stored(second.dsn())) == 100
        assert found.one("select count(*) from event") == 2
        assert found.ask("select count, state from alert where rule = 'call:sos'") == [(2, "raised")]
        assert found.ask("select lane, seq from watermark order by lane") == [("alarm", 2), ("bulk", 100)]
    finally:
        found.close()
        second.stop()
        gateway.outbox.close()


def test_a_backup_is_of_one_instant_while_readings_go_on_coming(rig: Rig, empty: str, tmp_path: Path) -> None:
    gateway = Gateway(tmp_path / "outbox.db")
    gateway.accept(*spo2(1, 20))
    gateway.talk(rig)
    with psycopg.connect(rig.dsn) as other:
        other.execute("update patient set pathway = 'safety' where id = 1")  # not committed: not in it, nor waited for
        made = backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    gateway.accept(*spo2(21, 40))
    gateway.talk(rig)
    gateway.outbox.close()
    assert made.rows["observation"] == 20
    backup.restore(empty, tmp_path / "backup")
    assert len(stored(empty)) == 20
    with psycopg.connect(empty) as conn:
        assert conn.execute("select pathway from patient where id = 1").fetchone() == ("kols",)


def test_what_is_restored_is_the_whole_database_but_for_logins(
    rig: Rig, empty: str, tmp_path: Path, postgres: Server
) -> None:
    rig.tell("insert into session (token_hash, staff_id, expires_at) values ('\\x01', 1, 'infinity')")
    rig.tell("update team set head = 41 where name = 'Nord'")
    rig.tell("select nextval('ingest_batch') from generate_series(1, 500)")
    made = backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    manifest, epoch = backup.restore(empty, tmp_path / "backup")
    with psycopg.connect(empty) as conn:
        assert conn.execute("select epoch from installation").fetchone() == (epoch,)
        assert epoch != made.epoch == manifest.epoch
        assert conn.execute("select count(*) from session").fetchone() == (0,)
        assert conn.execute("select head from team where name = 'Nord'").fetchone() == (41,)
        assert conn.execute("select nextval('ingest_batch') > 500").fetchone() == (True,)
    assert migrate(empty) == []
    name = str(psycopg.conninfo.conninfo_to_dict(empty)["dbname"])
    with psycopg.connect(postgres.dsn(user="hjemvakt_api", dbname=name)) as conn:
        assert conn.execute("select count(*) from patient").fetchone() == (0,)
        conn.execute("select set_config('hjemvakt.staff', '1', false)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("select * from observation")


def test_only_its_owner_can_read_a_backup(rig: Rig, tmp_path: Path) -> None:
    backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    assert (tmp_path / "backup").stat().st_mode & 0o077 == 0
    assert [path.name for path in tmp_path.iterdir()] == ["backup"]


def test_a_backup_never_overwrites_what_is_there(rig: Rig, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    before = (tmp_path / "backup" / "manifest.json").read_bytes()
    with pytest.raises(BackupError, match="is there already, and nothing is ever overwritten"):
        backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    assert (tmp_path / "backup" / "manifest.json").read_bytes() == before


def test_a_restore_never_overwrites_a_database(
    rig: Rig, tmp_path: Path, no_settings: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", rig.dsn)
    epoch = rig.one("select epoch from installation")
    assert main(["restore", str(tmp_path / "backup")]) == 1
    assert "The database is not empty, and nothing is ever overwritten" in capsys.readouterr().err
    assert rig.one("select epoch from installation") == epoch


def test_a_database_with_anything_in_it_is_not_empty(rig: Rig, empty: str, tmp_path: Path) -> None:
    backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    with psycopg.connect(empty) as conn:
        conn.execute("create schema theirs; create table theirs.diary (day date)")
    with pytest.raises(BackupError, match="not empty"):
        backup.restore(empty, tmp_path / "backup")


@pytest.mark.parametrize(
    ("file", "harm", "sentence"),
    [
        ("database.dump", "flip", "damaged: database.dump is not what was written"),
        ("database.dump", "cut", "damaged: database.dump is not what was written"),
        ("database.dump", "remove", "not whole: database.dump cannot be read"),
        ("manifest.json", "remove", "no whole backup: manifest.json cannot be read"),
        ("manifest.json", "cut", "manifest.json is damaged"),
    ],
)
def test_a_damaged_backup_is_refused_before_anything_is_made(
    rig: Rig, empty: str, tmp_path: Path, file: str, harm: str, sentence: str
) -> None:
    backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    path = tmp_path / "backup" / file
    content = path.read_bytes()
    match harm:
        case "flip":
            path.write_bytes(content[:1000] + bytes([content[1000] ^ 1]) + content[1001:])
        case "cut":
            path.write_bytes(content[:-100])
        case "remove":
            path.unlink()
    with pytest.raises(BackupError, match=sentence):
        backup.restore(empty, tmp_path / "backup")
    with psycopg.connect(empty) as conn:
        assert conn.execute("select to_regclass('installation')").fetchone() == (None,)


def test_a_manifest_that_was_edited_is_refused(rig: Rig, tmp_path: Path) -> None:
    backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    path = tmp_path / "backup" / "manifest.json"
    path.write_text(path.read_text().replace('"patient": 2', '"patient": 3'))
    with pytest.raises(BackupError, match="its own checksum does not fit"):
        backup.check(tmp_path / "backup")


def test_a_backup_of_a_newer_program_is_refused(rig: Rig, empty: str, tmp_path: Path) -> None:
    rig.tell("insert into migration values ('9999_tomorrow.sql', 'x')")
    backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    with pytest.raises(BackupError, match=r"of another or newer Hjemvakt \(9999_tomorrow.sql\)"):
        backup.restore(empty, tmp_path / "backup")


def test_a_restore_that_loads_other_rows_than_were_counted_makes_no_installation(
    rig: Rig, empty: str, tmp_path: Path
) -> None:
    made = backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    path = tmp_path / "backup" / "manifest.json"
    told = json.loads(path.read_text())
    told["rows"]["patient"] += 1
    told["digest"] = ""
    wrong = backup.msgspec.json.decode(json.dumps(told), type=type(made))
    told["digest"] = backup._digest(wrong)
    path.write_text(json.dumps(told))
    with pytest.raises(BackupError, match="not whole: patient has other rows than the backup counted"):
        backup.restore(empty, tmp_path / "backup")
    with psycopg.connect(empty) as conn:
        assert conn.execute("select count(*) from installation").fetchone() == (0,)
    with pytest.raises(BackupError, match="did not come to its end"):
        backup.restore(empty, tmp_path / "backup")


def test_a_server_that_cannot_be_dumped_with_what_is_here_is_said(rig: Rig, tmp_path: Path) -> None:
    with pytest.raises(BackupError, match=r"No pg_dump for PostgreSQL 99 \(.*is of \d+"):
        backup.pgtools.program("pg_dump", 99)


def test_the_programs_of_the_servers_version_are_preferred_to_newer_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for major in (99, 97, 98):
        program = tmp_path / str(major) / "pg_restore"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\necho 'pg_restore (PostgreSQL) {major}.1'\n")
        program.chmod(0o755)
    monkeypatch.setenv("PATH", os.pathsep.join(str(tmp_path / name) for name in ("99", "97", "98")))
    assert backup.pgtools.program("pg_restore", 97) == tmp_path / "97" / "pg_restore"
    assert backup.pgtools.program("pg_restore", 96) == tmp_path / "97" / "pg_restore"


def test_what_pg_dump_says_is_passed_on_and_nothing_is_left(rig: Rig, tmp_path: Path) -> None:
    with psycopg.connect(rig.dsn) as conn:
        conn.execute("create role poor login; grant connect on database postgres to poor")
    try:
        dsn = psycopg.conninfo.make_conninfo(rig.dsn, user="poor")
        with pytest.raises((BackupError, psycopg.errors.InsufficientPrivilege), match="permission denied"):
            backup.back_up(dsn, tmp_path / "backup", NOW)
        assert list(tmp_path.iterdir()) == []
    finally:
        rig.tell("drop owned by poor")
        rig.tell("drop role poor")


def test_the_manifest_says_when_and_of_what(rig: Rig, tmp_path: Path) -> None:
    backup.back_up(rig.dsn, tmp_path / "backup", NOW)
    told = json.loads((tmp_path / "backup" / "manifest.json").read_text())
    assert datetime.fromisoformat(told["made_at"]) == NOW
    assert told["epoch"] == rig.one("select epoch from installation")
    assert set(told["rows"]) >= {"patient", "observation", "alert", "watermark", "binding"}
