"""The states that a home without a phone sees and hears."""

from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import Event, EventType, Item, Kind, Mode, Observation, Quality
from devices.wire.messages import Lane
from edge.core.line import Line
from edge.core.signs import WORDS, Sign, Signs, State

CUFF, BUTTON = "C0:00:00:00:00:01", "C0:00:00:00:00:02"
NOW = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


def reading(kind: Kind = Kind.SYSTOLIC, **words: object) -> Observation:
    return Observation(**{"device": CUFF, "kind": kind, "taken_at": NOW, "value": 120.0} | words)  # type: ignore[arg-type]


def press(minute: int = 0, device: str = BUTTON) -> Event:
    return Event(device=device, type=EventType.SOS, occurred_at=NOW + timedelta(minutes=minute))


def kept(signs: Signs, *items: Item, now_s: float = 0) -> list[Sign]:
    return signs.kept([(Lane.BULK, n, item) for n, item in enumerate(items, 1)], NOW, now_s)


def test_the_three_numbers_of_one_cuff_measurement_are_said_once() -> None:
    signs = Signs()
    three = [reading(kind) for kind in (Kind.SYSTOLIC, Kind.DIASTOLIC, Kind.MEAN_ARTERIAL)]
    assert kept(signs, *three) == [Sign(state=State.READING_SAVED, since=NOW, device=CUFF)]
    assert kept(signs, reading(Kind.PULSE_RATE), now_s=2) == []
    assert len(kept(signs, *three, now_s=60)) == 1


def test_two_devices_are_two_measurements() -> None:
    assert len(kept(Signs(), reading(), reading(Kind.WEIGHT, device=BUTTON))) == 2


@pytest.mark.parametrize(
    "item",
    [
        reading(mode=Mode.CONTINUOUS),
        reading(Kind.BATTERY),
        reading(value=None, quality=Quality.NO_READING),
        reading(quality=Quality.DEMONSTRATION),
        Event(device=CUFF, type=EventType.DOOR_OPENED, occurred_at=NOW),
    ],
)
def test_only_a_measurement_with_a_value_is_said_to_be_saved(item: Item) -> None:
    assert kept(Signs(), item) == []


def test_an_alarm_is_sent_when_the_servers_receipt_covers_it_and_not_before() -> None:
    signs = Signs()
    assert signs.kept([(Lane.ALARM, 8, press())], NOW, 0) == []
    assert signs.arrived(Lane.ALARM, 7) == []
    assert signs.arrived(Lane.BULK, 8) == []
    assert signs.arrived(Lane.ALARM, 8) == [Sign(state=State.ALARM_SENT, since=NOW, device=BUTTON)]
    assert signs.arrived(Lane.ALARM, 9) == []


def test_twenty_presses_in_one_receipt_are_one_sentence_for_each_device() -> None:
    signs = Signs()
    signs.kept([(Lane.ALARM, n, press(n, BUTTON if n % 2 else CUFF)) for n in range(1, 21)], NOW, 0)
    assert [(sign.device, sign.since.minute) for sign in signs.arrived(Lane.ALARM, 20)] == [(BUTTON, 1), (CUFF, 2)]


def test_a_new_outbox_counts_anew() -> None:
    signs = Signs()
    signs.kept([(Lane.ALARM, 8, press())], NOW, 0)
    signs.renumbered()
    assert signs.arrived(Lane.ALARM, 8) == []


def said(signs: Signs, line: Line, seconds: range) -> list[tuple[int, State]]:
    return [(now_s, sign.state) for now_s in seconds for sign in signs.line(line.down_s(now_s), NOW, now_s)]


def test_the_line_is_said_to_be_down_once_after_a_minute_and_back_after_another() -> None:
    signs, line = Signs(), Line(quiet_s=75, changed_s=0)
    assert said(signs, line, range(3600)) == [(60, State.LINE_DOWN)]
    line.connected(True, 3600)
    line.answered(3600)
    assert said(signs, line, range(3600, 3670)) == [(3660, State.LINE_BACK)]


def test_a_line_that_comes_and_goes_within_a_minute_says_nothing() -> None:
    signs, line = Signs(), Line(quiet_s=75, changed_s=0)
    heard = []
    for minute in range(60):
        line.connected(True, 60 * minute)
        line.answered(60 * minute)
        heard += said(signs, line, range(60 * minute, 60 * minute + 30))
        line.connected(False, 60 * minute + 30)
        heard += said(signs, line, range(60 * minute + 30, 60 * minute + 60))
    assert heard == []


def test_a_line_on_which_nobody_answers_is_down() -> None:
    line = Line(quiet_s=75, changed_s=0)
    line.connected(True, 100)
    assert line.down_s(170) == 0
    assert line.down_s(176) == 76
    line.answered(176)
    assert line.down_s(200) == 0
    assert line.down_s(252) == 76


def test_at_night_only_alarms_and_answers_to_them_sound() -> None:
    aloud = {state for state in State if Sign(state=state, since=NOW).sounds(is_night=True)}
    assert aloud == {State.ALARM_SENT, State.ACKNOWLEDGED, State.ALARM_NOT_SENT}
    by_day = {state for state in State if Sign(state=state, since=NOW).sounds(is_night=False)}
    assert by_day == set(State) - {State.ALARM_OVER}


def test_that_a_person_has_seen_a_door_or_a_reading_wakes_nobody() -> None:
    seen = Sign(state=State.ACKNOWLEDGED, since=NOW, is_call=False)
    assert (seen.sounds(is_night=True), seen.sounds(is_night=False)) == (False, True)


def test_every_state_has_a_sentence_and_a_home_without_a_line_hears_whom_to_call() -> None:
    assert set(WORDS) == set(State)
    assert "113" in WORDS[State.ALARM_NOT_SENT]  # the Norwegian number of the medical emergency service
