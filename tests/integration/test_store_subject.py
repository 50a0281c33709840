"""All that is kept of one person, and nothing of anybody else."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from server.__main__ import main
from server.errors import SubjectError
from server.store import subject
from server.store.migrate import shipped
from server.store.sealing import Purpose, read_or_make
from tests.integration.test_store_migrate_data import columns, filled

pytestmark = pytest.mark.integration
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def kept(empty: str) -> str:
    """A row of every table that there is, most about the first of two patients."""
    filled(empty, len(shipped()))
    return empty


def export(dsn: str, target: Path, reference: str = "p1", **changed: Any) -> dict[str, int]:
    given: dict[str, Any] = {"by": "kari", "reason": "asked by letter", "seals": None, "now": NOW} | changed
    return subject.export(dsn, reference, target, **given)


def sheet(target: Path, table: str) -> list[dict[str, str]]:
    with (target / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_table_about_a_person_is_exported_or_left_out_for_a_reason(kept: str) -> None:
    """Read from the schema: a table that comes later turns this red until somebody has decided."""
    with psycopg.connect(kept) as conn:
        about = {
            table
            for table, names in columns(conn).items()
            if {"patient_id", "alert_id", "home_id"} & set(names) or table in ("patient", "home", "device")
        }
        exported = set(subject.tables(conn))
    about.add("observation_hour")  # on TimescaleDB it is a view
    assert exported | set(subject.LEFT_OUT) == about
    assert not exported & set(subject.LEFT_OUT)
    assert exported <= set(subject.WORDS)


def test_what_there_is_of_a_person_is_there_and_nothing_of_another(kept: str, tmp_path: Path) -> None:
    counted = export(kept, tmp_path / "p1")
    assert (counted["patient"], counted["access_log"] > 0, counted["observation"]) == (1, True, 2)
    for table in ("alert", "alert_history", "binding", "care_fact", "event", "patient_limit", "stream_gap"):
        assert counted[table] >= 1, table
    (patient,) = sheet(tmp_path / "p1", "patient")
    assert patient["reference"] == "p1"
    assert {row["patient_id"] for row in sheet(tmp_path / "p1", "observation")} == {"1"}
    told = "".join(path.read_text(encoding="utf-8") for path in (tmp_path / "p1").iterdir())
    assert "Test En" in told and "Test To" not in told
    other = export(kept, tmp_path / "p2", "p2")
    assert other["observation"] == 1 and other["alert"] == 0


def test_who_lives_with_them_is_not_in_it_but_what_was_of_the_home_is(kept: str, tmp_path: Path) -> None:
    with psycopg.connect(kept) as conn:
        conn.execute("update patient set home_id = 1 where reference = 'p2'")
        conn.execute(
            """insert into event
                   (device_id, slot, type, occurred_at, received_at, clock, patient_id, home_id, gateway_id)
               values (2, 0, 'sos', '2026-02-02Z', '2026-02-02Z', 0, 2, 1, 1),
                      (3, 0, 'door_opened', '2026-02-03Z', '2026-02-03Z', 0, null, 1, 1)"""
        )
    export(kept, tmp_path / "p1")
    told = sheet(tmp_path / "p1", "event")
    assert "door_opened" in {row["type"] for row in told}
    assert {row["patient_id"] for row in told} == {"1", ""}
    assert [row["reference"] for row in sheet(tmp_path / "p1", "patient")] == ["p1"]


def test_a_reading_is_all_of_it_and_its_kind_can_be_looked_up(kept: str, tmp_path: Path) -> None:
    export(kept, tmp_path / "p1")
    reading = next(row for row in sheet(tmp_path / "p1", "observation") if row["kind"] == "3")
    about = json.loads((tmp_path / "p1" / "om.json").read_text(encoding="utf-8"))
    assert float(reading["value"]) == 95
    assert about["kinds"][reading["kind"]] == {"kind": "spo2", "loinc": "2708-6", "unit": "%"}
    assert datetime.fromisoformat(reading["taken_at"]) == datetime(2026, 2, 1, 8, tzinfo=UTC)


def test_staff_who_stand_in_the_rows_are_named_and_no_other(kept: str, tmp_path: Path) -> None:
    with psycopg.connect(kept) as conn:
        conn.execute("insert into staff (login, name, initials, password_hash) values ('nn', 'Nobody Here', 'NN', 'x')")
    export(kept, tmp_path / "p1")
    about = json.loads((tmp_path / "p1" / "om.json").read_text(encoding="utf-8"))
    assert about["staff"] == {"1": "Kari Test"}


def test_it_stands_in_the_access_log_and_says_why(kept: str, tmp_path: Path) -> None:
    export(kept, tmp_path / "p1", reason="asked by letter of 20 November")
    entry = max(sheet(tmp_path / "p1", "access_log"), key=lambda row: int(row["id"]))
    assert (entry["deed"], entry["staff_id"], entry["patient_id"]) == ("look", "1", "1")
    assert entry["what"] == "exports everything that is kept: asked by letter of 20 November"


def test_a_number_is_opened_with_the_key_and_nothing_sealed_is_in_a_file(kept: str, tmp_path: Path) -> None:
    seals = read_or_make(tmp_path / "people.key")
    with psycopg.connect(kept) as conn:
        conn.execute("delete from national_number")
        looked_up = seals.lookup("13097248022")
        conn.execute(
            "insert into national_number (patient_id, sealed, lookup, set_by, set_at) values (1, %s, %s, 1, now())",
            [seals.seal("13097248022", looked_up, Purpose.NUMBERS), looked_up],
        )
    for name, key, numbers in (("open", seals, ["13097248022"]), ("sealed", None, [])):
        export(kept, tmp_path / name, seals=key)
        assert json.loads((tmp_path / name / "om.json").read_text())["national_numbers"] == numbers
        assert [file for file in (tmp_path / name).glob("*.csv") if "\\x" in file.read_text(encoding="utf-8")] == []


def test_a_colleagues_own_telephone_is_not_told(kept: str, tmp_path: Path) -> None:
    export(kept, tmp_path / "p1")
    assert all("phone" not in row for row in sheet(tmp_path / "p1", "alert_call"))
    assert not (tmp_path / "p1" / "notice.csv").exists()


def test_it_is_its_owners_alone_and_overwrites_nothing(kept: str, tmp_path: Path) -> None:
    target = tmp_path / "p1"
    export(kept, target)
    assert target.stat().st_mode & 0o077 == 0
    with pytest.raises(SubjectError, match="nothing is ever overwritten"):
        export(kept, target)
    assert [path.name for path in tmp_path.iterdir()] == ["p1"]


@pytest.mark.parametrize(
    ("reference", "changed", "sentence"),
    [
        ("p9", {}, "no patient with the reference p9"),
        ("p1", {"by": "nobody"}, "Nobody who works here has the login nobody"),
        ("p1", {"reason": " "}, "Say why"),
    ],
)
def test_what_cannot_be_is_a_sentence_and_leaves_nothing(
    kept: str, tmp_path: Path, reference: str, changed: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SubjectError, match=sentence):
        export(kept, tmp_path / "p", reference, **changed)
    assert list(tmp_path.iterdir()) == []


def test_who_was_found_to_be_the_same_person_is_in_it(kept: str, tmp_path: Path) -> None:
    with psycopg.connect(kept) as conn:
        conn.execute(
            """update patient set merged_into = 1, active = false, ended_at = now(), ended_why = 'merged'
               where reference = 'p2'"""
        )
    counted = export(kept, tmp_path / "both", "p2")
    assert (counted["patient"], counted["observation"]) == (2, 3)


def test_the_command_says_how_much_it_was(
    kept: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", kept)
    monkeypatch.setenv("HJEMVAKT_DATA", str(tmp_path / "data"))
    arguments = ["export-subject", "p1", str(tmp_path / "out"), "--by", "kari", "--reason", "asked"]
    assert main(arguments) == 0
    assert "rows. Read it before you hand it over" in capsys.readouterr().out
    letter = (tmp_path / "out" / "LES MEG.txt").read_text(encoding="utf-8")
    assert "observation.csv: Alle målinger (2)" in letter
