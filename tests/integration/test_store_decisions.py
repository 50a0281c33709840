"""What somebody decided about a patient holds across restarts, because it is read from rows."""

from datetime import timedelta

import pytest

from devices.vocabulary import ClockTrust, Event, EventType, Kind
from devices.wire.messages import Lane
from server.alerts import lifecycle
from server.alerts.findings import Concern
from server.alerts.model import Action, Alert, Change, Outcome, Priority, patient_subject
from server.detection.findings import Evidence
from server.store import alerts
from tests.integration.ingest_rig import BUTTON, NOW, Rig, batch, sent

pytestmark = pytest.mark.integration
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
NURSE = 1


def weight_gain(at=NOW, *, kg: float = 84.5) -> Concern:
    return Concern(
        subject=patient_subject(1),
        rule="weight_gain",
        priority=Priority.YELLOW,
        at=at,
        began=at,
        evidence=Evidence(
            kind=Kind.WEIGHT,
            value=kg,
            direction="high",
            since=at,
            rules=("weight_gain", "trend"),
            numbers={"value": kg, "gained_kg": 2.4, "more_than_kg": 2.0},
            from_at=at - 3 * DAY,
            readings=4,
        ),
        steps=kg,
    )


def find(rig: Rig, *found: Concern) -> list[Change]:
    """In a process of its own: nothing is remembered but rows."""
    rig.restart()
    now = max(each.at for each in found)
    with rig.conn.transaction():
        held = alerts.hold(rig.conn, [each.subject for each in found])
        changes = alerts.decided(rig.conn, held, found, now)
        alerts.apply(rig.conn, changes, now)
    return changes


def close(rig: Rig, at, outcome: Outcome = Outcome.REAL_NO_ACTION) -> None:
    with rig.conn.transaction():
        (alert_id,) = rig.ask("select id from alert where state <> 'handled'")[0]
        alert = alerts.hold_alert(rig.conn, alert_id)
        assert isinstance(alert, Alert)
        change = lifecycle.handle(alert, alert.rev, NURSE, outcome, at)
        assert isinstance(change, Change)
        alerts.apply(rig.conn, [change], at)


def test_evidence_of_a_slow_rule_comes_back_as_it_was_written(rig: Rig) -> None:
    (change,) = find(rig, weight_gain())
    held = alerts.hold(rig.conn, [patient_subject(1)])
    (read,) = alerts.open_alerts(rig.conn, held.values())
    assert read.evidence == change.alert.evidence
    assert read.evidence.numbers["gained_kg"] == 2.4


def test_the_same_gain_that_a_nurse_closed_yesterday_is_not_raised_today(rig: Rig) -> None:
    find(rig, weight_gain())
    close(rig, NOW + HOUR)
    assert find(rig, weight_gain(NOW + DAY)) == []
    (heavier,) = find(rig, weight_gain(NOW + DAY, kg=85.5))
    assert (heavier.action, heavier.rings) == (Action.RAISED, True)


def test_the_newest_decision_is_the_one_that_counts(rig: Rig) -> None:
    find(rig, weight_gain())
    close(rig, NOW + HOUR)
    find(rig, weight_gain(NOW + 4 * DAY))
    close(rig, NOW + 4 * DAY + HOUR, Outcome.MEASURING_ERROR)
    assert find(rig, weight_gain(NOW + 4 * DAY + 12 * HOUR)) == []
    assert len(find(rig, weight_gain(NOW + 4 * DAY + 13 * HOUR))) == 1


def test_a_press_soon_after_the_nurse_closed_the_last_one_is_urgent(rig: Rig) -> None:
    press(rig, 1, NOW)
    close(rig, NOW + 20 * HOUR / 60, Outcome.REAL_ACTED)
    rig.restart()
    press(rig, 2, NOW + 25 * HOUR / 60)
    (first, second) = rig.ask("select evidence->'numbers' from alert order by id")
    assert "urgent" not in first[0]
    assert (second[0]["calls"], second[0]["urgent"]) == (2, 1)


def press(rig: Rig, row: int, at) -> None:
    pressed = Event(device=BUTTON, type=EventType.SOS, occurred_at=at, clock=ClockTrust.CHECKED)
    rig.file(sent(batch([pressed], first=row, lane=Lane.ALARM), at=at), now=at)


def test_every_call_in_a_row_stands_in_the_history(rig: Rig) -> None:
    for row, minutes in enumerate((0, 10, 90), start=1):
        press(rig, row, NOW + timedelta(minutes=minutes))
    told = rig.ask("select action, detail->'evidence'->'numbers'->'calls' from alert_history order by alert_id, rev")
    assert told == [("raised", 1), ("called_again", 2), ("pressed_again", 1)]
    assert [body["ring"] for (body,) in rig.ask("select body from team_log order by seq")] == [True] * 3
