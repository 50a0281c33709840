"""What a nurse may rely on when she puts an alert off. The mistakes of other systems stand behind most of these:
a snooze without an end that was forgotten (xDrip#2406), one of high values that muted the low ones (nightguard#39), one
that was lost at a restart (cgm-remote-monitor#5180)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from devices.limits import Level
from devices.vocabulary import EventType, Kind
from server.alerts import lifecycle, snoozing
from server.alerts.findings import Concern, HelpCall, gateway_silent
from server.alerts.model import Action, Alert, Change, Conflict, Outcome, Priority, State, gateway_subject
from server.alerts.model import patient_subject as patient
from server.alerts.policy import decide
from server.alerts.snoozing import NotSo
from server.detection.findings import Crossing, Evidence, LimitFinding

KARI, OLA = 1, 2
ANNA = 7


def at(clock: str) -> datetime:
    hour, minute = map(int, clock.split(":"))
    return datetime(2026, 11, 21, hour, minute, tzinfo=UTC)


class Anna:
    """Her alerts, as the night shift sees them."""

    def __init__(self) -> None:
        self.alerts: dict[str, Alert] = {}

    def glucose(self, clock: str, direction: str, crossing: Crossing, severity: int = 1) -> list[Change]:
        level = Level.INSIDE if crossing is Crossing.ENDED else Level(severity if direction == "high" else -severity)
        found = LimitFinding(
            patient=ANNA,
            kind=Kind.GLUCOSE,
            crossing=crossing,
            direction=direction,
            level=level,
            began=at(clock),
            at=at(clock),
            late=False,
            evidence=Evidence(direction=direction),
        )
        return self.comes(clock, found)

    def comes(self, clock: str, *found) -> list[Change]:
        standing = [alert for alert in self.alerts.values() if alert.state in lifecycle.OPEN]
        changes = decide(standing, found, at(clock))
        for change in changes:
            self.alerts[change.alert.rule] = change.alert
        return changes

    def high(self) -> Alert:
        return self.alerts["limit:glucose:high"]

    def put_off(self, clock: str, until: str, *, by: int = KARI, rule: str = "limit:glucose:high", **more):
        alert = self.alerts[rule]
        answer = snoozing.snooze(alert, alert.rev, by, at(until), "spiser middag", at(clock), **more)
        if isinstance(answer, Change):
            self.alerts[rule] = answer.alert
        return answer


@pytest.fixture
def anna() -> Anna:
    """At 16:00 her blood sugar is high, and at 16:05 Kari puts that off until 18:00."""
    anna = Anna()
    anna.glucose("16:00", "high", Crossing.BEGAN)
    anna.put_off("16:05", "18:00")
    return anna


def rang(changes: list[Change]) -> list[str]:
    return [change.alert.rule for change in changes if change.rings]


def test_what_is_put_off_is_with_who_put_it_off_and_everybody_sees_until_when(anna):
    assert (anna.high().state, anna.high().owner, anna.high().snoozed_until) == (State.ACKNOWLEDGED, KARI, at("18:00"))


def test_the_same_again_makes_no_sound_and_is_kept(anna):
    anna.glucose("16:40", "high", Crossing.ENDED)
    again = anna.glucose("17:30", "high", Crossing.BEGAN)
    assert rang(again) == []
    assert (anna.high().state, anna.high().last_at, anna.high().condition_ended_at) == (
        State.ACKNOWLEDGED,
        at("17:30"),
        None,
    )
    assert anna.high().snoozed_until == at("18:00")


def test_high_that_is_put_off_never_mutes_low(anna):
    assert rang(anna.glucose("16:30", "low", Crossing.BEGAN)) == ["limit:glucose:low"]


def test_yellow_that_is_put_off_never_mutes_red(anna):
    worse = anna.glucose("16:30", "high", Crossing.WORSE, severity=2)
    assert rang(worse) == ["limit:glucose:high"]
    assert (anna.high().state, anna.high().priority, anna.high().snoozed_until) == (State.RAISED, Priority.RED, None)


def test_one_step_worse_of_the_same_colour_rings_too():
    anna = Anna()
    gain = Concern(
        subject=patient(ANNA),
        rule="weight_gain",
        priority=Priority.YELLOW,
        at=at("08:00"),
        began=at("08:00"),
        evidence=Evidence(rules=("gain",)),
        steps=1.0,
    )
    anna.comes("08:00", gain)
    assert isinstance(anna.put_off("08:05", "14:00", rule="weight_gain"), Change)
    assert rang(anna.comes("09:00", replace(gain, at=at("09:00"), steps=1.5))) == []
    assert rang(anna.comes("10:00", replace(gain, at=at("10:00"), steps=2.0))) == ["weight_gain"]


def test_when_the_time_is_up_and_it_stands_it_rings_again_for_everybody(anna):
    assert rang(anna.comes("17:59")) == []
    (over,) = anna.comes("18:00")
    assert (over.action, over.rings, over.staff) == (Action.SNOOZE_OVER, True, None)
    assert (over.alert.state, over.alert.owner, over.alert.raised_at) == (State.RAISED, None, at("18:00"))
    assert anna.comes("18:01") == []


def test_when_the_time_is_up_and_it_is_over_it_waits_in_the_queue_without_a_sound(anna):
    anna.glucose("17:00", "high", Crossing.ENDED)
    (over,) = anna.comes("18:00")
    assert (over.rings, over.alert.state, over.alert.snoozed_until) == (False, State.CLEARED, None)


def test_a_reading_that_comes_before_the_clock_has_looked_finds_the_snooze_over(anna):
    changes = anna.glucose("18:20", "high", Crossing.STILL)
    assert rang(changes) == ["limit:glucose:high"]
    assert changes[0].action is Action.SNOOZE_OVER


def test_no_snooze_is_without_an_end_or_longer_than_the_team_allows():
    anna = Anna()
    anna.glucose("01:00", "high", Crossing.BEGAN)
    answer = snoozing.snooze(anna.high(), 1, KARI, at("01:00") + timedelta(hours=12, minutes=1), "x", at("01:00"))
    assert answer == NotSo(why="Your team puts a yellow alert off for at most 12 hours.")
    short = {Priority.YELLOW: timedelta(minutes=90)}
    answer = anna.put_off("01:00", "02:31", most=short)
    assert answer == NotSo(why="Your team puts a yellow alert off for at most 90 minutes.")
    assert isinstance(anna.put_off("01:00", "02:30", most=short), Change)


@pytest.mark.parametrize("until", ["00:30", "01:00", "01:04"])
def test_no_snooze_ends_before_it_began_to_be_of_use(until):
    anna = Anna()
    anna.glucose("01:00", "high", Crossing.BEGAN)
    assert anna.put_off("01:00", until) == NotSo(why="An alert is put off for at least 5 minutes.")


def test_red_is_not_put_off_unless_the_team_has_decided_so():
    anna = Anna()
    anna.glucose("01:00", "high", Crossing.BEGAN, severity=2)
    assert anna.put_off("01:00", "02:00") == NotSo(why="Your team does not put red alerts off.")
    assert isinstance(anna.put_off("01:00", "02:00", most={Priority.RED: timedelta(hours=1)}), Change)


@pytest.mark.parametrize("event", [EventType.FALL, EventType.SOS, EventType.SMOKE, EventType.WATER, EventType.CO])
def test_a_call_for_help_is_never_put_off_whatever_the_team_decides(event):
    anna = Anna()
    anna.comes("01:00", HelpCall(subject=patient(ANNA), type=event, at=at("01:00"), late=False))
    long = {priority: timedelta(hours=24) for priority in Priority}
    answer = anna.put_off("01:00", "02:00", rule=f"call:{event}", most=long)
    assert answer == NotSo(why="Calls for help and technical alerts are never put off.")


def test_a_technical_alert_is_never_put_off():
    anna = Anna()
    anna.comes("01:00", gateway_silent(gateway_subject(4), at("01:00")))
    answer = anna.put_off("01:00", "02:00", rule="technical:gateway_silent")
    assert answer == NotSo(why="Calls for help and technical alerts are never put off.")


def test_who_put_it_off_and_handles_it_leaves_nothing_muted(anna):
    done = lifecycle.handle(anna.high(), anna.high().rev, KARI, Outcome.REAL_ACTED, at("16:30"))
    anna.alerts["limit:glucose:high"] = done.alert
    assert rang(anna.glucose("17:00", "high", Crossing.BEGAN)) == ["limit:glucose:high"]


def test_given_away_it_is_no_longer_put_off(anna):
    given = lifecycle.release(anna.high(), anna.high().rev, KARI, at("16:30"))
    assert (given.rings, given.alert.state, given.alert.snoozed_until) == (True, State.RAISED, None)


def test_only_who_has_it_puts_it_off_but_anybody_ends_that(anna):
    assert isinstance(anna.put_off("16:10", "17:00", by=OLA), Conflict)
    ended = snoozing.end_early(anna.high(), anna.high().rev, OLA, at("16:30"))
    assert (ended.rings, ended.staff, ended.alert.state) == (True, OLA, State.RAISED)
    own = snoozing.end_early(anna.high(), anna.high().rev, KARI, at("16:30"))
    assert (own.rings, own.alert.state, own.alert.owner) == (False, State.ACKNOWLEDGED, KARI)


def test_put_off_once_more_it_has_the_new_end(anna):
    assert isinstance(anna.put_off("17:00", "21:00"), Change)
    assert anna.comes("18:00") == []
    assert rang(anna.comes("21:00")) == ["limit:glucose:high"]


def test_what_was_put_off_cannot_be_taken_back_as_a_slip_of_the_finger(anna):
    assert isinstance(lifecycle.take_back(anna.high(), anna.high().rev, KARI, at("16:05")), Conflict)
