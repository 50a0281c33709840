"""A limit is tried on what was really stored; what the replay finds is what ingest found."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from devices.limits import Limit
from devices.vocabulary import KINDS, Kind, Mode, Observation
from server.__main__ import main
from server.alerts import replay
from server.detection import engine
from server.detection.findings import LimitFinding
from server.errors import TryOutError
from server.store import pool, replaying, sessions
from server.store.replaying import try_out
from tests.conftest import Database
from tests.integration.ingest_rig import NOW, OXIMETER, Rig, batch, sent

pytestmark = pytest.mark.integration

LOWER = {Kind.SPO2: Limit(red_low=86, yellow_low=88)}


def spo2(value: float, at: datetime, mode: Mode = Mode.SPOT, span_s: float = 0) -> Observation:
    return Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=at, value=value, mode=mode, span_s=span_s)


def pulse(value: float, at: datetime) -> Observation:
    return Observation(device=OXIMETER, kind=Kind.PULSE_RATE, taken_at=at, value=value, mode=Mode.CONTINUOUS)


def days(*values: float, until: datetime = NOW) -> list[Observation]:
    """A spot reading a day, the last one an hour ago."""
    last = until - timedelta(hours=1)
    return [spo2(value, last - timedelta(days=len(values) - 1 - n)) for n, value in enumerate(values)]


def file_each_as_it_came(rig: Rig, readings: Sequence[Observation]) -> None:
    for number, each in enumerate(readings, start=1):
        came_at = each.taken_at + timedelta(seconds=5)
        rig.file(sent(batch([each], first=number), at=came_at), now=came_at)


def test_the_replay_of_what_was_stored_finds_what_ingest_found(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[LimitFinding] = []
    really = engine.step

    def listening(*given: object) -> object:
        findings, delta = really(*given)
        found.extend(findings)
        return findings, delta

    chance, begins, first = Random(5), NOW - timedelta(hours=20), 1
    came_at = begins
    monkeypatch.setattr(engine, "step", listening)
    for message in range(120):
        begin = begins + timedelta(minutes=10 * message)
        waits = timedelta(minutes=chance.choice([10] * 9 + [45]))  # and what comes after it waits with it
        came_at = max(came_at + timedelta(seconds=1), begin + waits)
        rows = [spo2(chance.choice([85, 87, 89, 96]), begin + timedelta(minutes=1), span_s=chance.choice([0, 0, 20]))]
        values, every_s = chance.choice([(38, 70), (70, 70), (140, 140), (48, 52)]), chance.choice([10, 30, 50])
        rows += [pulse(values[n // 4 % 2], begin + timedelta(seconds=n * every_s)) for n in range(11)]
        rig.file(sent(batch(rows, first=first), at=came_at), now=came_at)
        first += len(rows)
    monkeypatch.undo()
    limits = replaying.limits_now(rig.conn, 1, [Kind.SPO2, Kind.PULSE_RATE], NOW)
    readings = replaying.readings(rig.conn, 1, limits, begins, NOW, mine=False)
    again = [finding for finding, _ in replay.findings(readings, limits)]
    assert len(found) > 100
    assert {each.late for each in found} == {True, False}
    assert [(e.rule, e.crossing, e.level, e.began, e.at, e.late, e.evidence.value) for e in again] == [
        (e.rule, e.crossing, e.level, e.began, e.at, e.late, e.evidence.value) for e in found
    ]


def test_a_tried_limit_is_compared_with_the_one_that_holds(rig: Rig) -> None:
    file_each_as_it_came(rig, days(96, 89, 96, 87, 96, 85, 96))
    found = try_out(rig.conn, 1, LOWER, 30, NOW, mine=False)
    assert found.readings == 7
    assert [(each.kind, each.now) for each in found.limits] == [(Kind.SPO2, Limit(red_low=88, yellow_low=90))]
    assert [(str(each.priority), each.value) for each in found.now] == [("yellow", 89), ("red", 87), ("red", 85)]
    assert [(str(each.priority), each.value) for each in found.then] == [("yellow", 87), ("red", 85)]
    assert [each.value for each in found.gone] == [89]
    assert found.new == ()


def test_the_limit_that_holds_is_the_patients_own(rig: Rig) -> None:
    rig.tell(
        "insert into patient_limit (patient_id, kind, red_low, set_at, reason) values (1, %s, 80, '2026-01-01Z', 'x')",
        KINDS[Kind.SPO2].number,
    )
    file_each_as_it_came(rig, days(96, 85))
    found = try_out(rig.conn, 1, LOWER, 30, NOW, mine=False)
    assert (found.now, len(found.new)) == ((), 1)


def test_only_the_days_that_were_asked_for_count(rig: Rig) -> None:
    file_each_as_it_came(rig, days(85, 96, 96, 96, 85, 96))
    found = try_out(rig.conn, 1, LOWER, 3, NOW, mine=False)
    assert (found.readings, len(found.now)) == (3, 1)


def test_the_api_reads_through_row_level_security(rig: Rig, database: Database) -> None:
    file_each_as_it_came(rig, days(96, 85))
    rig.tell("insert into staff_team values (1, 1, 'nurse')")
    with pool.connect(database.owner, name="test") as conn:
        pool.act_as_api(conn)
        sessions.identify(conn, 1)
        assert len(try_out(conn, 1, LOWER, 30, NOW).now) == 1
        with pytest.raises(TryOutError, match="no such patient"):  # of the other team
            try_out(conn, 2, LOWER, 30, NOW)


@pytest.mark.parametrize(
    ("patient", "limits", "over", "why"),
    [
        (9, LOWER, 30, "There is no such patient."),
        (1, LOWER, 30, "There is no reading of spo2 in these days"),
        (1, LOWER, 0, "Try it over 1 to 92 days, not 0."),
        (1, LOWER, 93, "Try it over 1 to 92 days, not 93."),
        (1, {}, 30, "Say which limit to try."),
    ],
)
def test_what_cannot_be_tried_is_a_sentence(
    rig: Rig, patient: int, limits: dict[Kind, Limit], over: int, why: str
) -> None:
    with pytest.raises(TryOutError, match=why):
        try_out(rig.conn, patient, limits, over, NOW, mine=False)


@pytest.fixture
def command(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", rig.dsn)
    file_each_as_it_came(rig, days(96, 89, 96, 87, 96, until=datetime.now(UTC)))
    return rig


def test_the_command_says_what_would_have_been(command: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--patient", "p1", "--limit", "spo2:yellow_low=88", "--limit", "spo2:red_low=86"]) == 0
    said = capsys.readouterr().out
    assert "spo2, %: now red_low=88, yellow_low=90; then red_low=86, yellow_low=88\n" in said
    assert "now: 1 yellow, 1 red; then: 1 yellow, 0 red\n" in said
    assert "Raised with the limits of now, and not then: 1\n" in said
    assert "spo2 low  yellow  89 %" in said


def test_the_command_says_it_as_json(command: Rig, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["replay", "--patient", "p1", "--limit", "spo2:red_low=none", "--days", "2", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["limits"][0]["then"] == {"red_low": None, "yellow_low": 90, "yellow_high": None, "red_high": None}
    assert said["counted"] == {"now": {"yellow": 0, "red": 1}, "then": {"yellow": 1, "red": 0}}
    assert [(each["priority"], each["value"], each["late"]) for each in said["then"]] == [("yellow", 87, False)]
    assert (said["gone"], said["new"]) == ([], [])


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--patient", "p1", "--limit", "spo2:red_low=92"], "The limits of spo2 would be red_low=92, yellow_low=90"),
        (["--patient", "p1", "--limit", "spo3:red_low=92"], "'spo3' is no kind of reading. There are heart_rate, "),
        (["--patient", "p1", "--limit", "spo2=92"], "Write a limit as spo2:red_low=86"),
        (["--patient", "p1", "--limit", "glucose:red_low=2.5"], "There is no reading of glucose in these days"),
        (["--patient", "p9", "--limit", "spo2:red_low=86"], "There is no patient p9."),
    ],
)
def test_the_command_refuses_with_a_sentence(
    command: Rig, capsys: pytest.CaptureFixture[str], words: list[str], why: str
) -> None:
    assert main(["replay", *words]) == 1
    assert f"hjemvakt: {why}" in capsys.readouterr().err
