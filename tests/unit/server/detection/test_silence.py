"""When a sensor counts as silent, and its battery and clock as wrong: told once, and over when it is."""

from datetime import UTC, datetime, timedelta

import pytest

from server.detection.silence import (
    FIRST_HEARD_WITHIN,
    Began,
    Memory,
    Over,
    Sensor,
    Signs,
    gateway_due_at,
    is_clock_off,
    look,
)

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
PENDANT = Sensor(silent_after=12 * HOUR, is_worn=True, calls=True)
SMOKE = Sensor(silent_after=6 * HOUR, calls=True)
STRAP = Sensor(silent_after=HOUR, is_stream=True, is_worn=True)
SCALE = Sensor(silent_after=None)


class Watched:
    """One sensor, looked at every five minutes through a gateway that is always there."""

    def __init__(self, sensor: Sensor) -> None:
        self.sensor, self.memory, self.now = sensor, Memory(awaited_from=START), START

    def look(self, *, heard: datetime | None = None, **signs: object) -> list[str]:
        given = {"listened_at": self.now, "heard_at": heard} | signs
        self.memory, found = look(self.sensor, self.memory, Signs(**given), self.now)  # type: ignore[arg-type]
        return [_short(each) for each in found]

    def live(self, span: timedelta, *, speaks: bool, **signs: object) -> list[str]:
        """So long, speaking all the time or never."""
        told, end = [], self.now + span
        while self.now < end:
            self.now += 5 * MINUTE
            told += self.look(heard=self.now if speaks else self.memory.heard_at, **signs)
        return told


def _short(each: Began | Over) -> str:
    return f"{each.trouble} began" if isinstance(each, Began) else f"{each.trouble} over"


def test_a_pendant_that_spoke_by_itself_is_silent_after_half_a_day_and_not_before() -> None:
    pendant = Watched(PENDANT)
    pendant.live(2 * HOUR, speaks=True)
    assert pendant.live(12 * HOUR - 5 * MINUTE, speaks=False) == []
    assert pendant.live(5 * MINUTE, speaks=False) == ["silent began"]
    assert pendant.live(24 * HOUR, speaks=False) == []
    assert pendant.live(10 * MINUTE, speaks=True) == ["silent over"]
    assert pendant.live(12 * HOUR, speaks=False) == ["silent began"]


def test_a_button_that_speaks_only_when_pressed_is_never_silent() -> None:
    button = Watched(PENDANT)
    for hours in (1, 3, 3, 3, 3, 3, 3, 30, 24 * 9):
        assert button.live(hours * HOUR, speaks=False) == []
        assert button.look(heard=button.now) == []


def test_a_button_that_was_tried_many_times_in_a_few_minutes_has_not_shown_a_rhythm() -> None:
    button = Watched(PENDANT)
    for _ in range(20):
        button.now += MINUTE
        button.look(heard=button.now)
    assert button.live(48 * HOUR, speaks=False) == []


@pytest.mark.parametrize("sensor", [PENDANT, SMOKE])
def test_what_was_never_heard_since_it_was_bound_is_told_after_a_day(sensor: Sensor) -> None:
    silent = Watched(sensor)
    assert silent.live(FIRST_HEARD_WITHIN - 5 * MINUTE, speaks=False) == []
    assert silent.live(5 * MINUTE, speaks=False) == ["silent began"]


def test_a_meter_that_speaks_only_when_used_is_never_silent() -> None:
    assert Watched(SCALE).live(20 * 24 * HOUR, speaks=False) == []


def test_the_cause_says_that_a_call_for_help_may_reach_nobody() -> None:
    memory = Memory(awaited_from=START)
    later = START + FIRST_HEARD_WITHIN
    _, (began,) = look(SMOKE, memory, Signs(listened_at=later, heard_at=None), later)
    assert isinstance(began, Began)
    assert began.cause == "it was never heard since it was bound: a call for help from it may reach nobody"
    assert began.since == START


def test_while_no_gateway_listens_nobody_is_silent_and_afterwards_everybody_is_awaited_anew() -> None:
    smoke = Watched(SMOKE)
    smoke.live(2 * HOUR, speaks=True)
    assert smoke.live(30 * HOUR, speaks=False, listened_at=None) == []
    assert smoke.live(6 * HOUR - 5 * MINUTE, speaks=False) == []
    assert smoke.live(10 * MINUTE, speaks=False) == ["silent began"]


def test_a_gateway_that_is_gone_for_minutes_now_and_then_does_not_hide_a_dead_sensor() -> None:
    smoke = Watched(SMOKE)
    smoke.live(2 * HOUR, speaks=True)
    told = []
    for _ in range(5):
        told += smoke.live(HOUR, speaks=False)
        told += smoke.live(15 * MINUTE, speaks=False, listened_at=None)
    assert told == ["silent began"]


def test_a_strap_that_was_worn_and_stops_without_a_word_is_silent() -> None:
    strap = Watched(STRAP)
    strap.live(3 * HOUR, speaks=True)
    assert strap.live(55 * MINUTE, speaks=False) == []
    assert strap.live(5 * MINUTE, speaks=False) == ["silent began"]


def test_a_strap_that_said_that_it_was_taken_off_is_not_awaited_until_it_was_worn_for_long_again() -> None:
    strap = Watched(STRAP)
    strap.live(3 * HOUR, speaks=True)
    assert strap.live(8 * HOUR, speaks=False, is_off=True) == []
    strap.live(10 * MINUTE, speaks=True)
    assert strap.live(8 * HOUR, speaks=False) == []
    strap.live(3 * HOUR, speaks=True)
    assert strap.live(HOUR, speaks=False) == ["silent began"]


def test_a_finger_that_is_measured_for_a_minute_a_day_makes_no_stream() -> None:
    oximeter = Watched(STRAP)
    for _ in range(5):
        assert oximeter.look(heard=oximeter.now) == []
        assert oximeter.live(24 * HOUR, speaks=False) == []


def test_an_excuse_covers_what_is_worn_and_not_what_hangs_on_the_wall() -> None:
    pendant, smoke = Watched(PENDANT), Watched(SMOKE)
    for each in (pendant, smoke):
        each.live(2 * HOUR, speaks=True)
    assert smoke.live(30 * HOUR, speaks=False, is_excused=True) == ["silent began"]
    assert pendant.live(30 * HOUR, speaks=False, is_excused=True) == []
    assert pendant.live(12 * HOUR - 5 * MINUTE, speaks=False) == []
    assert pendant.live(5 * MINUTE, speaks=False) == ["silent began"]


def test_an_excuse_does_not_end_a_silence_that_was_there_before_it() -> None:
    pendant = Watched(PENDANT)
    pendant.live(2 * HOUR, speaks=True)
    assert pendant.live(13 * HOUR, speaks=False) == ["silent began"]
    assert pendant.live(5 * HOUR, speaks=False, is_excused=True) == []
    assert pendant.live(5 * MINUTE, speaks=True, is_excused=True) == ["silent over"]


def test_a_battery_is_low_at_15_percent_and_fine_again_at_25() -> None:
    scale = Watched(SCALE)
    told = [(percent, scale.look(battery_percent=percent)) for percent in (16, 15, 14, 24, 15, 25, 16, 3, None, 100)]
    assert [(percent, word) for percent, word in told if word] == [
        (15, ["battery began"]),
        (25, ["battery over"]),
        (3, ["battery began"]),
        (100, ["battery over"]),
    ]


def test_a_wrong_clock_is_told_once_and_is_over_when_a_reading_says_so() -> None:
    scale = Watched(SCALE)
    told = [scale.look(clock_is_wrong=wrong) for wrong in (None, True, True, None, False, False)]
    assert told == [[], ["clock began"], [], [], ["clock over"], []]


def test_what_is_nobodys_any_more_has_nothing_wrong_with_it() -> None:
    pendant = Watched(PENDANT)
    pendant.live(FIRST_HEARD_WITHIN, speaks=False, battery_percent=5)
    assert pendant.look(is_bound=False) == ["battery over", "silent over"]
    assert pendant.look(is_bound=False) == []


@pytest.mark.parametrize(
    ("ahead", "is_off"),
    [(timedelta(minutes=5), False), (timedelta(minutes=5, seconds=1), True), (-timedelta(minutes=6), True)],
)
def test_a_gateways_clock_is_off_beyond_five_minutes_either_way(ahead: timedelta, is_off: bool) -> None:
    assert is_clock_off(START + ahead, START) is is_off


def test_a_last_will_says_no_time_and_nothing_of_the_clock() -> None:
    assert not is_clock_off(None, START)


def test_a_gateway_is_overdue_after_two_and_a_half_beats() -> None:
    assert gateway_due_at(START, 30.0) == START + timedelta(seconds=75)
    assert gateway_due_at(START, 1.0) == START + timedelta(seconds=10)
