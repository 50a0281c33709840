"""A home's own habits, its order of events, and what passing time may say about it."""

import random
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.vocabulary import EventType
from server.detection import home_usual
from server.detection.home import (
    AWAY_STOPS,
    BLIND_STOPS,
    HomeFinding,
    HomeOver,
    Memory,
    awaiting,
    look,
    needs_history,
    take,
)
from server.detection.home_awaited import HomeSensors
from server.detection.home_heard import GatewayHeard, heard_until
from server.detection.home_rules import BOUNDS, RULES, SHIPPED, Night, numbers_of, refused, with_setting
from server.detection.home_state import HomeEvent
from server.detection.home_usual import Line

HALL, KITCHEN, BED, FRONT, WINDOW = range(1, 6)
PLACES = {HALL: "hall", KITCHEN: "kitchen", BED: "bed", FRONT: "front door", WINDOW: "living room window"}
EVERY = frozenset(PLACES)
SENSORS = HomeSensors(motion=frozenset({HALL, KITCHEN}), front=frozenset({FRONT}), beds=frozenset({BED}), all=EVERY)
NO_BED = replace(SENSORS, beds=frozenset())
NOON = datetime(2026, 3, 4, 11, 0, tzinfo=UTC)  # twelve on the wall
OPEN, SHUT, MOVE = EventType.DOOR_OPENED, EventType.DOOR_CLOSED, EventType.MOTION
IN, UP = EventType.OCCUPIED, EventType.VACANT


def minutes(n):
    return timedelta(minutes=n)


def said(device, type_, at, *, late=False):
    return HomeEvent(type=type_, device=device, place=PLACES[device], at=at, late=late)


def after(*events, rules=SHIPPED, sensors=SENSORS, memory=None):
    return take(memory or Memory(), events, rules, sensors)


def due(*events, rules=SHIPPED, sensors=SENSORS):
    return after(*events, rules=rules, sensors=sensors).memory.due


# The home's own habits


def habit(gap_min, *, days=20, hour=9):
    """Every day a silence of so long from that hour UTC on, and motion each half hour else until 21."""
    events = []
    for day in range(days):
        begin = datetime(2026, 3, 1, 5, 0, tzinfo=UTC) + timedelta(days=day)
        quiet = begin.replace(hour=hour)
        for n in range(33):
            at = begin + minutes(30 * n)
            if not quiet < at < quiet + minutes(gap_min):
                events.append(said(HALL, MOVE, at))
        events.append(said(BED, IN, begin + minutes(30 * 33)))
        events.append(said(BED, UP, begin + timedelta(hours=24) - minutes(10)))
    return events


def test_before_enough_days_are_known_the_default_holds():
    memory = after(*habit(100, days=14)).memory  # the two newest days are not settled, the first has no morning
    assert len(memory.days) < SHIPPED.inactive.learn_days
    at = memory.state.until + timedelta(hours=4)
    looked = after(said(HALL, MOVE, at), memory=memory)
    assert looked.memory.due["inactive"] == at + minutes(240)


def test_a_home_whose_silences_are_short_is_missed_sooner():
    memory = after(*habit(100)).memory
    assert len(memory.days) >= SHIPPED.inactive.learn_days
    forenoon = memory.state.until.replace(hour=9, minute=0) + timedelta(days=1)
    looked = after(said(HALL, MOVE, forenoon), memory=memory)
    # The silence of 100 (and of 120 until the next half hour) and half an hour more: by hand 120 + 30.
    assert looked.memory.due["inactive"] == forenoon + minutes(150)


def test_a_home_that_is_silent_for_long_is_left_alone_for_longer_at_that_hour_only():
    memory = after(*habit(300)).memory
    forenoon = memory.state.until.replace(hour=9, minute=0) + timedelta(days=1)
    assert after(said(HALL, MOVE, forenoon), memory=memory).memory.due["inactive"] == forenoon + minutes(330)
    evening = forenoon.replace(hour=17)
    due_at = after(said(HALL, MOVE, evening), memory=memory).memory.due["inactive"]
    assert due_at == evening + minutes(SHIPPED.inactive.floor_min)


def lines(*longest):
    return tuple(Line(day=date(2026, 1, n), minutes=(each,) * 24) for n, each in enumerate(longest, 1))


@pytest.mark.parametrize(
    ("longest", "limit_min"),
    [
        ([100] * 14, 130),
        ([100] * 13 + [700], 130),  # one outage, or one fall, teaches nothing
        ([100] * 12 + [700, 690], 720),
        ([10] * 14, 120),  # never under the floor
        ([1400] * 14, 720),  # never over the ceiling
    ],
)
def test_the_limit_is_the_longest_silence_but_one_within_floor_and_ceiling(longest, limit_min):
    assert home_usual.limits_min(lines(*longest), SHIPPED.inactive) == (limit_min,) * 24


def test_thirteen_days_are_too_few_and_fourteen_are_enough():
    assert home_usual.limits_min(lines(*[100] * 13), SHIPPED.inactive) is None
    assert home_usual.limits_min(lines(*[100] * 14), SHIPPED.inactive) is not None


def test_an_hour_learns_from_its_neighbours():
    days = tuple(
        Line(day=date(2026, 1, n), minutes=tuple(200 if hour == 0 else 0 for hour in range(24))) for n in range(1, 15)
    )
    limits = home_usual.limits_min(days, SHIPPED.inactive)
    assert [hour for hour, limit in enumerate(limits) if limit == 230] == [0, 1, 23]


def test_a_silence_is_put_into_every_hour_that_it_lasted_on_the_wall_clock():
    since = datetime(2026, 1, 10, 8, 40, tzinfo=UTC)  # 09:40
    (line,) = home_usual.with_silence((), date(2026, 1, 10), since, since + minutes(100))
    assert {hour: each for hour, each in enumerate(line.minutes) if each} == {9: 20, 10: 80, 11: 100}


def test_bed_and_an_empty_home_teach_nothing():
    asleep = [said(BED, IN, NOON), said(BED, UP, NOON + minutes(200))]
    out = [said(FRONT, OPEN, NOON), said(FRONT, SHUT, NOON + minutes(1)), said(FRONT, OPEN, NOON + minutes(200))]
    up = [said(HALL, MOVE, NOON), said(HALL, MOVE, NOON + minutes(200))]
    assert after(*asleep).memory.state.lines == ()
    assert after(*out).memory.state.lines == ()
    assert [max(line.minutes) for line in after(*up).memory.state.lines] == [200]


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


# Any order, any batches

whole_days = st.lists(
    st.tuples(st.integers(0, 47 * 60 * 6 - 1), st.sampled_from(sorted(EVERY)), st.booleans()), min_size=1, max_size=40
)


def from_parts(parts):
    begin = datetime(2026, 3, 27, 23, 0, tzinfo=UTC)  # two dates on the wall; the clocks go forward in the second night
    unique = {(ten, device): odd for ten, device, odd in parts}
    return [
        said(device, {BED: (IN, UP), FRONT: (OPEN, SHUT), WINDOW: (OPEN, SHUT)}.get(device, (MOVE, MOVE))[odd],
             begin + timedelta(seconds=10 * ten))
        for (ten, device), odd in sorted(unique.items())
    ]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(parts=whole_days, seed=st.integers(0, 2**16))
def test_the_same_events_in_any_order_and_batches_make_the_same_home(parts, seed):
    events = from_parts(parts)
    expected = after(*events).memory
    chance = random.Random(seed)
    coming, memory, known = chance.sample(events, len(events)), Memory(), []
    while coming:
        some = [coming.pop() for _ in range(min(len(coming), chance.randrange(1, 6)))]
        known += some
        since = needs_history(memory, some)
        history = [] if since is None else [event for event in known if event.at > since]
        memory = take(memory, some, SHIPPED, SENSORS, history).memory
    assert replace(memory, told={}) == replace(expected, told={})


def test_weeks_in_any_batches_teach_the_same():
    events = habit(100)
    expected = after(*events).memory
    for seed in range(5):
        chance, memory, place = random.Random(seed), Memory(), 0
        while place < len(events):
            size = chance.randrange(1, 200)
            memory = take(memory, events[place : place + size], SHIPPED, SENSORS).memory
            place += size
        assert memory == expected


@settings(max_examples=60, deadline=None)
@given(parts=whole_days, later_h=st.integers(0, 100))
def test_what_was_told_is_not_told_again_and_everything_due_is(parts, later_h):
    memory = after(*from_parts(parts)).memory
    until = memory.state.until + timedelta(hours=later_h)
    looked = look(memory, SHIPPED, SENSORS, until)
    assert len(looked.findings) == sum(1 for due_at in memory.due.values() if due_at <= until)
    again = look(looked.memory, SHIPPED, SENSORS, until)
    assert all(each.red for each in again.findings)  # only yellow that has become red
    assert all(due_at > until for due_at in awaiting(again.memory, SHIPPED, SENSORS).values())


# The rules as data


def test_every_shipped_number_lies_within_what_a_team_may_set_and_has_a_source():
    for name, rule in SHIPPED.named().items():
        assert name in RULES and refused(name, numbers_of(rule)) is None
        assert numbers_of(rule).keys() == BOUNDS[name].keys()
        assert rule.references


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_number_beyond_its_bounds_is_refused_in_a_sentence(name):
    for word, (lowest, highest) in BOUNDS[name].items():
        assert refused(name, {word: lowest}) is None and refused(name, {word: highest}) is None
        for beyond in (lowest - 1, highest + 1):
            assert word in refused(name, {word: beyond})
    assert "has no number pulse" in refused(name, {"pulse": 3})


def test_a_setting_from_another_version_does_not_stop_the_watch():
    rules = with_setting(SHIPPED, "home:inactive", enabled=True, numbers={"gone": 1, "default_min": 1e9})
    assert rules == SHIPPED
    assert with_setting(SHIPPED, "home:unheard_of", enabled=True, numbers={}) == SHIPPED


def test_what_is_on_without_anybody_setting_anything():
    assert {name for name, rule in SHIPPED.named().items() if rule.enabled} == {
        "home:inactive",
        "home:door_open",
        "home:bed_empty",
        "home:out",
    }
