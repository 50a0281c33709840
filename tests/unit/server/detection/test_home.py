"""What stops and starts the count in a home, what passing time may say about it, and how far it is heard."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from server.detection import home_usual
from server.detection.home import AWAY_STOPS, BLIND_STOPS, HomeFinding, HomeOver, look, needs_history, take
from server.detection.home_awaited import HomeSensors
from server.detection.home_heard import GatewayHeard, heard_until
from server.detection.home_rules import SHIPPED, Night, with_setting
from server.detection.home_state import HomeEvent
from tests.unit.server.detection.rooms_rig import (
    BED,
    FRONT,
    HALL,
    IN,
    KITCHEN,
    MOVE,
    NO_BED,
    NOON,
    OPEN,
    SENSORS,
    SHUT,
    UP,
    WINDOW,
    after,
    due,
    minutes,
    said,
)

# What stops and starts the count


def test_bed_stops_the_count_and_getting_up_starts_it():
    evening = said(BED, IN, NOON)
    assert due(evening)["inactive"] == NOON + timedelta(hours=16)
    assert due(evening, said(BED, UP, NOON + minutes(30)))["inactive"] == NOON + minutes(30 + 240)


def test_out_stops_the_count_and_coming_back_starts_it():
    out = [said(HALL, MOVE, NOON), said(FRONT, OPEN, NOON + minutes(1)), said(FRONT, SHUT, NOON + minutes(2))]
    assert due(*out).keys() == {"out"}
    back = [said(FRONT, OPEN, NOON + minutes(90)), said(FRONT, SHUT, NOON + minutes(91))]
    assert due(*out, *back).keys() == {"out"}  # a door says that it moved, not which way somebody went
    assert due(*out, *back, said(HALL, MOVE, NOON + minutes(92)))["inactive"] == NOON + minutes(92 + 240)


def test_of_two_beds_one_that_is_empty_keeps_the_count_going():
    two = replace(SENSORS, beds=frozenset({BED, 9}))
    other = HomeEvent(type=UP, device=9, place="bed", at=NOON + minutes(1))
    first = [HomeEvent(type=IN, device=9, place="bed", at=NOON - minutes(5)), said(BED, IN, NOON), other]
    assert due(*first, sensors=two)["inactive"] == NOON + minutes(1 + 240)


def test_without_a_bed_sensor_the_night_does_not_count_until_it_is_known():
    evening = datetime(2026, 3, 4, 20, 30, tzinfo=UTC)  # 21:30; the night is 22 to 06
    assert due(said(HALL, MOVE, evening), sensors=NO_BED)["inactive"] == datetime(2026, 3, 5, 8, 30, tzinfo=UTC)


@pytest.mark.parametrize("missing", [{"motion": frozenset()}, {"front": frozenset()}])
def test_where_nobody_can_know_who_is_at_home_silence_says_nothing(missing):
    sensors = replace(SENSORS, **missing)
    assert "inactive" not in due(said(HALL, MOVE, NOON), sensors=sensors)
    assert "out" not in due(said(FRONT, OPEN, NOON), said(FRONT, SHUT, NOON), sensors=sensors)


def test_the_first_word_of_a_sensor_is_no_sign_of_life():
    state = after(said(BED, UP, NOON), said(FRONT, SHUT, NOON + minutes(1))).memory.state
    assert (state.life_at, state.beds[0].left) == (None, False)
    assert "bed_empty:3" not in due(said(BED, UP, NOON))


def test_the_ends_of_the_night_decide_whether_an_empty_bed_counts():
    def left(hour, minute):
        at = datetime(2026, 3, 5, hour, minute, tzinfo=UTC)
        return "bed_empty:3" in due(said(BED, IN, at - minutes(60)), said(BED, UP, at))

    # On the wall: 21:59 no, 22:00 yes; 05:29 yes, and 05:30 would be too long at 06:00, which is day.
    assert [left(20, 59), left(21, 0), left(4, 29), left(4, 30)] == [False, True, True, False]


def test_other_doors_and_windows_are_watched_only_when_the_team_says_so():
    opened = said(WINDOW, OPEN, NOON)
    assert "door_open:5" not in due(opened)
    rules = with_setting(SHIPPED, "home:door_open", enabled=True, numbers={"other_after_min": 45})
    assert due(opened, rules=rules)["door_open:5"] == NOON + minutes(45)


def test_what_a_sensor_said_that_is_bound_here_no_more_does_not_count():
    gone = HomeSensors(motion=SENSORS.motion, front=SENSORS.front, all=SENSORS.motion | SENSORS.front)
    elsewhere = [said(WINDOW, OPEN, NOON), said(BED, IN, NOON), said(BED, UP, NOON + minutes(1))]
    rules = with_setting(SHIPPED, "home:door_open", enabled=True, numbers={"other_after_min": 45})
    assert due(*elsewhere, rules=rules, sensors=gone).keys() == {"inactive"}


@pytest.mark.parametrize(
    ("left", "looked_for"),
    [
        ("2026-07-01 18:00", "2026-07-02 00:00"),  # summer: two hours into the night
        ("2026-01-10 18:00", "2026-01-10 23:00"),  # winter: one
        ("2026-01-10 23:30", "2026-01-11 00:30"),  # left in the night
        ("2026-01-11 05:30", "2026-01-11 23:00"),  # too late in it to be looked for before the day
    ],
)
def test_who_is_out_at_night_is_looked_for_on_the_wall_clock(left, looked_for):
    def wall(text):
        return datetime.strptime(text, "%Y-%m-%d %H:%M").replace(tzinfo=home_usual.HERE).astimezone(UTC)

    rules = with_setting(SHIPPED, "home:out_night", enabled=True, numbers={})
    rules = with_setting(rules, "home:out", enabled=False, numbers={})
    door = [said(FRONT, OPEN, wall(left)), said(FRONT, SHUT, wall(left))]
    assert due(*door, rules=rules)["out"] == wall(looked_for)


def test_a_home_without_a_night_has_none():
    assert not Night(from_at=time(0), to_at=time(0)).holds(NOON.replace(hour=23))


# Time passes


def lying():
    return after(said(HALL, MOVE, NOON)).memory


def test_a_minute_early_nothing_is_said_and_each_colour_once():
    memory = lying()
    assert look(memory, SHIPPED, SENSORS, NOON + minutes(239)).findings == ()
    looked = look(memory, SHIPPED, SENSORS, NOON + minutes(240))
    assert [(each.rule, each.red) for each in looked.findings] == [("home:inactive", False)]
    assert look(looked.memory, SHIPPED, SENSORS, NOON + minutes(359)).findings == ()
    red = look(looked.memory, SHIPPED, SENSORS, NOON + minutes(360))
    assert [(each.rule, each.red) for each in red.findings] == [("home:inactive", True)]
    assert look(red.memory, SHIPPED, SENSORS, NOON + timedelta(days=3)).findings == ()


def test_when_nobody_could_be_told_in_time_it_is_red_at_once():
    (found,) = look(lying(), SHIPPED, SENSORS, NOON + minutes(360)).findings
    assert (found.red, found.began) == (True, NOON)


def test_a_silent_gateway_says_nothing_of_the_home():
    looked = look(lying(), SHIPPED, SENSORS, None)
    assert looked.findings == () and looked.memory == lying()


@pytest.mark.parametrize("waits", [AWAY_STOPS, BLIND_STOPS])
def test_who_is_away_or_cannot_be_seen_is_not_called_inactive(waits):
    assert look(lying(), SHIPPED, SENSORS, NOON + timedelta(days=1), waits=waits).findings == ()


def test_a_sign_of_life_ends_it_at_its_own_time():
    memory = look(lying(), SHIPPED, SENSORS, NOON + minutes(240)).memory
    moved = after(said(KITCHEN, MOVE, NOON + minutes(250)), memory=memory)
    assert moved.findings == (HomeOver(rule="home:inactive", at=NOON + minutes(250)),)
    assert moved.memory.told == {}


def test_two_open_doors_are_over_when_both_are_closed():
    rules = with_setting(SHIPPED, "home:door_open", enabled=True, numbers={"other_after_min": 30})
    memory = after(said(FRONT, OPEN, NOON), said(WINDOW, OPEN, NOON), rules=rules).memory
    memory = look(memory, rules, SENSORS, NOON + minutes(30)).memory
    one = after(said(FRONT, SHUT, NOON + minutes(40)), rules=rules, memory=memory)
    assert one.findings == ()
    both = after(said(WINDOW, SHUT, NOON + minutes(50)), rules=rules, memory=one.memory)
    assert both.findings == (HomeOver(rule="home:door_open", at=NOON + minutes(50)),)


def test_news_that_came_late_ends_what_it_shows_was_not_so():
    memory = look(lying(), SHIPPED, SENSORS, NOON + minutes(240)).memory
    memory = after(said(BED, UP, NOON + minutes(239)), memory=memory).memory  # says nothing of anybody
    older = said(KITCHEN, MOVE, NOON + minutes(100), late=True)
    since = needs_history(memory, [older])
    history = [said(HALL, MOVE, NOON), older, said(BED, UP, NOON + minutes(239))]
    assert since is not None and since < NOON
    looked = take(memory, [older], SHIPPED, SENSORS, history)
    assert [each.rule for each in looked.findings] == ["home:inactive"]
    assert isinstance(looked.findings[0], HomeOver)
    assert looked.memory.due["inactive"] == NOON + minutes(340)


def test_who_goes_on_walking_is_told_of_again():
    rules = with_setting(SHIPPED, "home:wandering", enabled=True, numbers={})
    night = datetime(2026, 3, 5, 1, 0, tzinfo=UTC)
    walk = [said((HALL, KITCHEN)[n % 2], MOVE, night + minutes(4 * n)) for n in range(6)]
    found = after(*walk, rules=rules).findings
    assert [(each.began, each.at) for each in found] == [
        (night, night + minutes(8)),
        (night + minutes(12), night + minutes(20)),
    ]
    assert isinstance(found[0], HomeFinding) and found[0].evidence.place == "hall, kitchen"
    assert after(*walk).findings == ()  # shipped: off


def test_steps_before_eleven_and_after_six_do_not_count():
    rules = with_setting(SHIPPED, "home:wandering", enabled=True, numbers={})

    def walked(begin):
        walk = [said((HALL, KITCHEN)[n % 2], MOVE, begin + minutes(n)) for n in range(3)]
        return [each.rule for each in after(*walk, rules=rules).findings]

    assert walked(datetime(2026, 3, 4, 21, 57, tzinfo=UTC)) == []
    assert walked(datetime(2026, 3, 4, 22, 0, tzinfo=UTC)) == ["home:wandering"]
    assert walked(datetime(2026, 3, 5, 4, 57, tzinfo=UTC)) == ["home:wandering"]
    assert walked(datetime(2026, 3, 5, 5, 0, tzinfo=UTC)) == []


# How far a home is heard


def gateway(at, *, online=True, waiting=0):
    return GatewayHeard(is_online=online, at=at, waiting=waiting)


@pytest.mark.parametrize(
    ("gateways", "until"),
    [
        ([], None),
        ([gateway(NOON)], NOON),
        ([gateway(NOON), gateway(NOON - minutes(1))], NOON - minutes(1)),
        ([gateway(NOON, waiting=20)], NOON),
        ([gateway(NOON, waiting=21)], None),
        ([gateway(NOON), gateway(NOON - minutes(60), online=False)], None),
        ([gateway(NOON), gateway(NOON - timedelta(hours=24), online=False)], NOON),
        ([gateway(NOON - timedelta(hours=30), online=False)], None),
    ],
)
def test_a_home_is_heard_as_far_as_its_last_gateway(gateways, until):
    assert heard_until(gateways, NOON + minutes(1)) == until
