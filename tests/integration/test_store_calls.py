"""Calls for help ring whatever the clock of the device says, and what cannot be filed is never only a row somewhere."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import ClockTrust, Event, EventType, Kind, Observation
from devices.wire.messages import Lane
from tests.integration.ingest_rig import (
    BUTTON,
    NOW,
    OXIMETER,
    STRANGER,
    Rig,
    arrival,
    batch,
    receipt_of,
    seconds,
    sent,
)

pytestmark = pytest.mark.integration


def press(at: datetime, *, device: str = BUTTON) -> Event:
    return Event(device=device, type=EventType.SOS, occurred_at=at, clock=ClockTrust.CHECKED)


def rings(rig: Rig) -> list[bool]:
    return [body["ring"] for (body,) in rig.ask("select body from team_log where type = 'alert' order by seq")]


@pytest.mark.parametrize(
    "claimed",
    [
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2099, 12, 31, tzinfo=UTC),
        NOW + timedelta(minutes=11),
        NOW - timedelta(days=401),
    ],
)
def test_a_call_with_an_impossible_time_rings_as_of_its_arrival(rig: Rig, claimed: datetime) -> None:
    rig.file(sent(batch([press(claimed)], lane=Lane.ALARM)))
    assert rig.ask("select patient_id, priority, began_at, late from alert") == [(1, "red", NOW, False)]
    assert rig.ask("select occurred_at, clock, patient_id from event") == [(NOW, int(ClockTrust.ARRIVAL), 1)]
    (reason,) = rig.ask("select reason from set_aside")[0]
    assert f"{claimed:%Y-%m-%d %H:%M}" in reason and BUTTON in reason


@pytest.mark.parametrize("claimed", [NOW + timedelta(minutes=9), NOW - timedelta(days=399)])
def test_a_possible_time_is_the_devices_own(rig: Rig, claimed: datetime) -> None:
    rig.file(sent(batch([press(claimed)], lane=Lane.ALARM)))
    assert rig.ask("select occurred_at, clock from event") == [(claimed, int(ClockTrust.CHECKED))]
    assert rig.one("select count(*) from set_aside") == 0


def test_each_press_of_a_button_without_a_clock_rings_once(rig: Rig) -> None:
    in_2070 = datetime(2070, 1, 1, tzinfo=UTC)
    message = sent(batch([press(in_2070), press(in_2070)], lane=Lane.ALARM))
    rig.file(message)
    rig.file(message)
    assert rings(rig) == [True, True]
    assert rig.one("select count from alert") == 2


def test_a_call_that_reaches_no_team_is_shown_to_the_technician(rig: Rig) -> None:
    rig.file(sent(batch([press(NOW, device=STRANGER)], lane=Lane.ALARM, gateway="gw-unknown")))
    assert rig.one("select count(*) from alert") == 0
    ((gateway, reason),) = rig.ask("select gateway, reason from set_aside")
    assert (gateway, "nobody was alerted" in reason, STRANGER in reason) == ("gw-unknown", True, True)


def test_a_body_that_cannot_be_read_is_an_alert(rig: Rig) -> None:
    readings = [Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW + seconds(n), value=96) for n in range(3)]
    poison = arrival(sent(batch(readings)).payload.replace(b'"value":[96', b'"value":[1e999'))
    assert receipt_of(rig.file(poison)).bulk == 3
    rig.file(poison)
    ((rule, team, gateway, count, evidence),) = rig.ask("select rule, team_id, gateway_id, count, evidence from alert")
    assert (rule, team, gateway, count) == ("technical:set_aside", 1, 1, 1)
    assert evidence["cause"].startswith("3 rows")


def test_readings_with_impossible_times_are_an_alert(rig: Rig) -> None:
    """A gateway whose clock is a quarter of an hour fast would otherwise watch nobody, unnoticed."""
    fast = [
        Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW + timedelta(minutes=15, seconds=n), value=80)
        for n in range(4)
    ]
    rig.file(sent(batch(fast)))
    ((rule, evidence),) = rig.ask("select rule, evidence from alert")
    assert rule == "technical:set_aside"
    assert evidence["cause"].startswith("4 rows") and "clock" in evidence["cause"]


def test_after_a_failed_transaction_nobody_uses_what_the_panel_knew(rig: Rig) -> None:
    """The next lane may have the lock at once, and the COMMIT may have succeeded although its answer was lost."""
    rig.file(sent(batch([Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW, value=95)])))
    rig.tell("alter table team_log add check (seq > 1000)")
    assert len(rig.watch.panel) == 1
    with pytest.raises(Exception, match="team_log"):
        _red(rig)
    assert len(rig.watch.panel) == 0


def _red(rig: Rig) -> None:
    red = Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW + seconds(1), value=80)
    rig.file(sent(batch([red], first=2)))
