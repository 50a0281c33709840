"""Certificates in virtual time: weeks without a server, a clock that nobody sets, a new one that fails."""

from datetime import UTC, datetime, timedelta

import pytest

from edge.core.trust import Choice, Life, Patience, Renewal, Waiting, WaitingPace

BORN = datetime(2026, 1, 1, tzinfo=UTC)
LIFE = Life(begins=BORN, ends=BORN + timedelta(days=90))
HOUR, DAY = 3600.0, 86_400.0


class World:
    """A machine that has run since BORN, asked each minute. `dice` lies at its end, so that spread is at its widest."""

    def __init__(
        self, life: Life = LIFE, patience: Patience | None = None, clock_shows: timedelta = timedelta()
    ) -> None:
        self.renewal = Renewal(life, 0.0, 1.0, patience)
        self.offset = clock_shows
        self.s = 0.0
        self.asked: list[float] = []

    @property
    def now(self) -> datetime:
        return BORN + self.offset + timedelta(seconds=self.s)

    def until(self, day: float, *, answers: bool = False) -> None:
        while self.s < day * DAY:
            self.minute(answers=answers)

    def minute(self, *, answers: bool) -> None:
        if self.renewal.is_due(self.now, self.s):
            self.asked.append(self.s)
            if answers:
                new = Life(begins=self.now, ends=self.now + timedelta(days=90))
                self.renewal.issued(new, self.s, 1.0)
            else:
                self.renewal.failed(self.s, 1.0)
        self.s += 60.0


def test_nothing_is_asked_before_two_thirds_of_the_life() -> None:
    world = World()
    world.until(60)
    assert world.asked == []
    world.until(60.1)
    assert world.asked[0] == 60 * DAY


def test_each_certificate_is_renewed_once_and_each_in_its_turn() -> None:
    world = World()
    world.until(200, answers=True)
    assert world.asked == [60 * DAY, 120 * DAY, 180 * DAY]


def test_a_server_that_is_away_for_weeks_is_asked_each_hour_and_not_more() -> None:
    world = World()
    world.until(61)
    first = len(world.asked)
    assert first <= 31  # seven steps from one minute up to an hour, then one each hour
    world.until(89)
    assert len(world.asked) - first == 28 * 24
    world.until(95, answers=True)
    assert len(world.asked) - first == 28 * 24 + 1


def test_it_goes_on_asking_after_the_end_because_only_the_server_knows_whether_it_is_too_late() -> None:
    world = World()
    world.until(130)
    before = len(world.asked)
    world.until(131)
    assert len(world.asked) == before + 24


def test_a_thousand_gateways_after_a_power_cut_do_not_ask_in_one_second() -> None:
    late = BORN + timedelta(days=70)
    early, last = Renewal(LIFE, 0.0, 0.0), Renewal(LIFE, 0.0, 1.0)
    assert early.is_due(late, 0.0)
    assert not last.is_due(late, Patience().spread_s - 1)
    assert last.is_due(late, Patience().spread_s)


def test_a_clock_that_stands_at_the_birth_is_no_hindrance_once_the_broker_refuses() -> None:
    """It was off for a hundred days, and goes on from the newest time that it knows."""
    world = World()
    world.until(1)
    assert world.asked == []
    world.renewal.doubted()
    world.until(1.001, answers=True)
    assert len(world.asked) == 1


def test_a_broker_that_refuses_everything_gets_no_certificate_each_minute() -> None:
    world = World()
    for _ in range(10 * 24 * 60):  # ten days, refused each minute, and the server gives one each time it is asked
        world.renewal.doubted()
        world.minute(answers=True)
    assert world.s == 10 * DAY
    assert len(world.asked) <= 13 + 10 * 24 / 6


def test_a_line_that_is_up_ends_every_doubt() -> None:
    world = World()
    world.renewal.doubted()
    world.renewal.connected()
    world.until(1)
    assert world.asked == []


@pytest.mark.parametrize("is_due_as_well", [False, True])
def test_a_doubt_is_looked_into_again_later_and_later_while_the_server_is_away(is_due_as_well: bool) -> None:
    world = World(clock_shows=timedelta(days=70 if is_due_as_well else 0))
    world.renewal.doubted()
    world.until(1)
    gaps = [b - a for a, b in zip(world.asked, world.asked[1:], strict=False)]
    assert gaps == sorted(gaps)
    assert max(gaps) > HOUR


def test_the_new_certificate_is_tried_first_and_the_old_one_when_that_fails() -> None:
    choice = Choice()
    assert not choice.choose(False, 0.0)
    choice.renewed()
    assert choice.choose(True, 1.0)
    choice.came_to_nothing(2.0)
    assert not choice.choose(True, 3.0)  # and stays with it while it works
    assert not choice.choose(True, 3.0 + HOUR / 2)
    assert choice.choose(True, 3.0 + HOUR)


def test_while_both_are_refused_they_take_turns() -> None:
    choice = Choice()
    shown = []
    for second in range(4):
        shown.append(choice.choose(True, float(second)))
        choice.came_to_nothing(float(second))
    assert shown == [True, False, True, False]


def test_a_gateway_that_waits_to_be_accepted_asks_within_ten_minutes_whatever_the_server_says() -> None:
    waiting = Waiting()
    assert waiting.told_s(3600, 1.0) == pytest.approx(660)
    assert 4.5 <= waiting.told_s(5, 0.0) < waiting.told_s(5, 1.0) <= 5.5


def test_a_server_that_does_not_answer_is_asked_later_and_later_up_to_a_bound_and_soon_again_after_an_answer() -> None:
    waiting = Waiting(WaitingPace(first_s=2, cap_s=300))
    waits = [waiting.unanswered_s(1.0) for _ in range(40)]
    assert waits[:3] == [2, 4, 8]
    assert set(waits[8:]) == {300}
    waiting.told_s(5, 0.5)
    assert waiting.unanswered_s(1.0) == 2
    assert waiting.unanswered_s(0.0) == 2  # half of four: spread over the upper half
