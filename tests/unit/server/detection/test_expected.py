"""Planned measurements on the clock on the wall, and each judged once: tables worked out by hand, and any order."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from devices.vocabulary import Kind
from server.clinical.plans import PlanItem
from server.detection.expected import (
    LOOK_AGAIN,
    OUTAGE_MAX,
    REMEMBERED,
    SETTLES,
    Awaited,
    Judged,
    Known,
    Measured,
    Missed,
    Outcome,
    Period,
    Window,
    begin,
    ended,
    judge,
    look_ahead,
    questions,
    windows,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
EVERY_DAY = frozenset(range(1, 8))
ALWAYS = (Period(begins=datetime(2020, 1, 1, tzinfo=UTC), ends=datetime(2100, 1, 1, tzinfo=UTC)),)


def item(
    *times: time, before: timedelta = 2 * HOUR, after: timedelta = 4 * HOUR, weekdays: frozenset[int] = EVERY_DAY
) -> PlanItem:
    return PlanItem(kind=Kind.SPO2, weekdays=weekdays, times=times, before=before, after=after)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def spans(found: Sequence[Window]) -> list[tuple[str, str]]:
    return [(f"{window.begins:%m-%d %H:%M}", f"{window.ends:%m-%d %H:%M}") for window in found]


# ---- the clock on the wall: Oslo is UTC+1, and UTC+2 from 2026-03-29 01:00Z until 2026-10-25 01:00Z


def test_a_planned_time_is_on_the_clock_of_the_home_in_winter_and_in_summer() -> None:
    plan = [item(time(8))]
    assert spans(windows(plan, utc("2026-01-15T00:00"), utc("2026-01-15T12:00"))) == [("01-15 05:00", "01-15 11:00")]
    assert spans(windows(plan, utc("2026-07-15T00:00"), utc("2026-07-15T12:00"))) == [("07-15 04:00", "07-15 10:00")]


def test_the_day_with_23_hours_has_its_morning_an_hour_earlier() -> None:
    found = windows([item(time(8))], utc("2026-03-28T00:00"), utc("2026-03-31T00:00"))
    assert spans(found) == [
        ("03-28 05:00", "03-28 11:00"),
        ("03-29 04:00", "03-29 10:00"),
        ("03-30 04:00", "03-30 10:00"),
    ]


def test_the_day_with_25_hours_has_one_morning() -> None:
    found = windows([item(time(8))], utc("2026-10-24T00:00"), utc("2026-10-27T00:00"))
    assert spans(found) == [
        ("10-24 04:00", "10-24 10:00"),
        ("10-25 05:00", "10-25 11:00"),
        ("10-26 05:00", "10-26 11:00"),
    ]


def test_a_time_that_never_comes_in_spring_is_that_of_a_clock_that_was_not_put_forward() -> None:
    (found,) = windows([item(time(2, 30), before=HOUR, after=HOUR)], utc("2026-03-29T00:00"), utc("2026-03-29T12:00"))
    assert (found.due, found.begins, found.ends) == (
        utc("2026-03-29T01:30"),
        utc("2026-03-29T00:30"),
        utc("2026-03-29T02:30"),
    )


def test_a_time_that_comes_twice_in_autumn_is_one_measurement_and_either_will_do() -> None:
    (found,) = windows([item(time(2, 30), before=HOUR, after=HOUR)], utc("2026-10-24T23:00"), utc("2026-10-25T12:00"))
    assert (found.due, found.begins, found.ends) == (
        utc("2026-10-25T00:30"),
        utc("2026-10-24T23:30"),
        utc("2026-10-25T02:30"),
    )


def test_the_weekday_is_the_one_at_home() -> None:
    """Monday 2026-06-01 00:30 in Oslo is Sunday 22:30 in UTC."""
    plan = [item(time(0, 30), before=HOUR, after=HOUR, weekdays=frozenset({1}))]
    found = windows(plan, utc("2026-05-30T00:00"), utc("2026-06-06T00:00"))
    assert [window.due for window in found] == [utc("2026-05-31T22:30")]


def test_where_two_windows_overlap_the_middle_between_their_times_divides_them() -> None:
    plan = [item(time(8), time(12), before=4 * HOUR, after=4 * HOUR)]
    found = windows(plan, utc("2026-01-15T03:00"), utc("2026-01-15T20:00"))
    assert spans(found) == [("01-15 03:00", "01-15 09:00"), ("01-15 09:00", "01-15 15:00")]


times = st.builds(time, st.integers(0, 23), st.sampled_from((0, 15, 30, 45)))
plans = st.lists(
    st.builds(
        lambda at, before, after, weekdays: item(*at, before=before, after=after, weekdays=weekdays),
        st.lists(times, min_size=1, max_size=4, unique=True),
        st.timedeltas(timedelta(0), DAY),
        st.timedeltas(timedelta(minutes=1), DAY),
        st.frozensets(st.integers(1, 7), min_size=1),
    ),
    min_size=1,
    max_size=2,
)
around_changes = st.sampled_from((utc("2026-03-28T12:00"), utc("2026-10-24T12:00"), utc("2026-06-01T12:00")))


@given(plans, around_changes)
def test_windows_never_overlap_and_each_has_its_time_inside(plan: list[PlanItem], start: datetime) -> None:
    found = windows(plan, start, start + 3 * DAY)
    assert all(one.ends <= two.begins for one, two in pairwise(found))
    assert all(window.begins <= window.due <= window.ends for window in found)


@given(plans, around_changes, st.integers(0, 72 * 4))
def test_windows_are_the_same_from_wherever_one_looks(plan: list[PlanItem], start: datetime, quarters: int) -> None:
    middle = start + quarters * timedelta(minutes=15)
    whole = windows(plan, start, start + 3 * DAY)
    assert [window for window in whole if window.ends > middle] == [
        window for window in windows(plan, middle, start + 3 * DAY)
    ]


# ---- judging


class Ledger:
    """One kind of one patient, as the store keeps it between two looks."""

    def __init__(self, plan: Sequence[PlanItem], now: datetime) -> None:
        self.plan, self.name = list(plan), "first"
        self.taken: list[datetime] = []
        self.excused: list[Period] = []
        self.bound: Sequence[Period] = ALWAYS
        self.caught_up = True
        self.awaited: Awaited = look_ahead(
            Judged(awaited=begin(self.name, now), seen=(), settled=(), due_at=None), self.plan, self.name, now
        ).awaited
        self.due_at: datetime | None = None
        self.outcomes: list[tuple[datetime, Outcome]] = []

    def look(self, now: datetime) -> list[str]:
        """What is told, in short."""
        candidates = ended(self.awaited, self.plan, self.name, now)
        answers = [
            min((at for at in self.taken if asked.holds(at)), default=None)
            for asked in questions(self.awaited, candidates)
        ]
        known = Known(bound=self.bound, excused=self.excused, caught_up=self.caught_up)
        judged = look_ahead(judge(self.awaited, candidates, answers, known, now), self.plan, self.name, now)
        self.awaited, self.due_at = judged.awaited, judged.due_at
        assert self.due_at is None or self.due_at > now  # else the clock would look at nothing else
        self.outcomes += [(window.due, outcome) for window, outcome in judged.settled]
        return [_short(seen) for seen in judged.seen]


def _short(seen: Missed | Measured) -> str:
    if isinstance(seen, Missed):
        return f"missed {seen.count} from {seen.first.due:%d} to {seen.last.due:%d}"
    return f"measured {seen.at:%d %H:%M}"


START = utc("2026-01-12T00:00")  # a Monday; 08:00 in Oslo is 07:00Z, and the window 05:00Z to 11:00Z


def daily() -> Ledger:
    return Ledger([item(time(8))], START)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def test_a_value_inside_meets_the_window_at_both_of_its_edges() -> None:
    for taken, told in ((at(12, 5), []), (at(12, 10, 59), []), (at(12, 4, 59), ["missed 1 from 12 to 12"])):
        ledger = daily()
        ledger.taken = [taken]
        assert ledger.look(at(12, 11, 10)) == told


def test_nothing_is_missed_before_what_was_measured_in_time_could_come() -> None:
    ledger = daily()
    assert ledger.look(at(12, 11, 9)) == []
    assert ledger.due_at == at(12, 11) + SETTLES
    assert ledger.look(at(12, 11, 10)) == ["missed 1 from 12 to 12"]


def test_the_second_and_the_third_in_a_row_are_counted_and_a_value_ends_the_row() -> None:
    ledger = daily()
    told = [ledger.look(at(day, 12)) for day in (12, 13, 14)]
    assert told == [["missed 1 from 12 to 12"], ["missed 2 from 12 to 13"], ["missed 3 from 12 to 14"]]
    ledger.taken = [at(15, 8)]
    assert ledger.look(at(15, 12)) == ["measured 15 08:00"]
    assert ledger.look(at(16, 12)) == ["missed 1 from 16 to 16"]


def test_a_value_that_comes_late_ends_the_row_up_to_its_own_window_only() -> None:
    ledger = daily()
    for day in (12, 13, 14):
        ledger.look(at(day, 12))
    ledger.taken = [at(13, 9)]
    assert ledger.look(at(14, 13)) == []
    assert ledger.awaited.count == 1
    ledger.taken.append(at(14, 9))
    assert ledger.look(at(14, 14)) == ["measured 14 11:00"]


def test_who_measures_after_the_window_has_measured() -> None:
    ledger = daily()
    ledger.look(at(12, 12))
    assert ledger.due_at == at(12, 12) + LOOK_AGAIN
    ledger.taken = [at(12, 13)]
    assert ledger.look(at(12, 14)) == ["measured 12 13:00"]


def test_after_a_standstill_of_the_server_every_window_is_judged_from_what_is_stored_and_told_as_one() -> None:
    ledger = daily()
    ledger.taken = [at(12, 8), at(15, 8)]
    assert ledger.look(at(15, 12)) == ["missed 2 from 13 to 14", "measured 15 08:00"]
    assert [outcome.value for _, outcome in ledger.outcomes] == ["met", "missed", "missed", "met"]


def test_while_a_gateway_is_silent_nothing_is_missed_for_a_day_and_no_longer() -> None:
    ledger = daily()
    ledger.caught_up = False
    assert ledger.look(at(12, 12)) == []
    assert ledger.look(at(13, 10, 59)) == []
    assert ledger.look(at(12, 11) + OUTAGE_MAX) == ["missed 1 from 12 to 12"]


def test_an_outage_at_home_during_which_people_measured_misses_nothing() -> None:
    ledger = daily()
    ledger.caught_up = False
    ledger.look(at(12, 20))
    ledger.taken, ledger.caught_up = [at(12, 8), at(13, 8)], True
    assert ledger.look(at(13, 12)) == []
    assert [outcome.value for _, outcome in ledger.outcomes] == ["met", "met"]


def test_an_excuse_covers_every_window_that_it_touches_and_the_next_one_is_awaited_anew() -> None:
    ledger = daily()
    ledger.excused = [Period(begins=at(12, 9), ends=at(13, 10))]
    assert [ledger.look(at(day, 12)) for day in (12, 13, 14)] == [[], [], ["missed 1 from 14 to 14"]]
    assert [outcome.value for _, outcome in ledger.outcomes] == ["excused", "excused", "missed"]


def test_an_excuse_said_afterwards_ends_the_row_and_not_the_alert() -> None:
    ledger = daily()
    ledger.look(at(12, 12))
    ledger.excused = [Period(begins=at(12, 0), ends=at(12, 20))]
    assert ledger.look(at(12, 13)) == []
    assert (ledger.awaited.missed, ledger.awaited.count) == ((), 0)
    ledger.taken = [at(13, 8)]
    assert ledger.look(at(13, 12)) == ["measured 13 08:00"]


def test_who_measures_in_hospital_has_measured() -> None:
    ledger = daily()
    ledger.excused = [Period(begins=at(12, 0), ends=at(13, 0))]
    ledger.taken = [at(12, 8)]
    ledger.look(at(12, 12))
    assert ledger.outcomes == [(at(12, 7), Outcome.MET)]


def test_nothing_is_awaited_without_a_device_for_it_all_through_the_window() -> None:
    ledger = daily()
    ledger.bound = [Period(begins=at(12, 6), ends=at(13, 20))]
    assert [ledger.look(at(day, 12)) for day in (12, 13, 14)] == [[], ["missed 1 from 13 to 13"], []]


def test_a_window_that_is_half_over_when_the_plan_is_made_is_not_awaited() -> None:
    ledger = Ledger([item(time(8))], at(12, 6))
    assert ledger.look(at(12, 12)) == []
    assert ledger.look(at(13, 12)) == ["missed 1 from 13 to 13"]


def test_a_plan_that_changes_awaits_anew_and_what_had_ended_by_then_is_still_judged() -> None:
    ledger = daily()
    ledger.plan, ledger.name = [item(time(20))], "second"  # 20:00 in Oslo: 17:00Z to 23:00Z
    assert ledger.look(at(12, 12)) == ["missed 1 from 12 to 12"]
    assert ledger.awaited.next is not None and ledger.awaited.next.due == at(12, 19)
    assert ledger.look(at(12, 23, 10)) == ["missed 2 from 12 to 12"]


def test_a_plan_that_is_taken_away_awaits_nothing_and_is_not_looked_at_again() -> None:
    ledger = daily()
    ledger.plan, ledger.name = [], "none"
    assert ledger.look(at(12, 6)) == []
    assert ledger.due_at is None


def test_looking_again_at_once_tells_nothing_again() -> None:
    ledger = daily()
    ledger.look(at(12, 12))
    assert ledger.look(at(12, 12)) == []


instants = st.integers(0, 10 * 24 * 4).map(lambda quarter: START + quarter * timedelta(minutes=15))


@given(
    taken=st.lists(st.tuples(instants, instants), max_size=12),
    looks=st.lists(instants, max_size=12),
    excuse=st.one_of(st.none(), st.tuples(instants, instants)),
    plan=plans,
)
def test_every_window_is_met_excused_or_missed_exactly_once_in_any_order_of_arrival(
    taken: list[tuple[datetime, datetime]],
    looks: list[datetime],
    excuse: tuple[datetime, datetime] | None,
    plan: list[PlanItem],
) -> None:
    """`taken`: (measured, arrived). The reference: all that was ever measured, looked at once at the end."""
    end = START + 12 * DAY
    ledger = Ledger(plan, START)
    if excuse is not None and excuse[0] < excuse[1]:
        ledger.excused = [Period(begins=excuse[0], ends=excuse[1])]
    arrivals = [(measured, max(measured, arrived)) for measured, arrived in taken]
    told: list[str] = []
    for now in [*sorted(looks), end]:
        ledger.taken = [measured for measured, arrived in arrivals if arrived <= now]
        told += ledger.look(now)
    awaited = [w for w in windows(plan, START, end) if w.begins >= START and w.ends + SETTLES <= end]
    assert Counter(due for due, _ in ledger.outcomes) == Counter(window.due for window in awaited)
    stands = [word.split()[0] for word in told]
    assert all(one != two for one, two in pairwise(stands) if one == "measured")
    newest_value = max((measured for measured, _ in arrivals), default=START - DAY)
    missed_since = [
        window
        for window in awaited
        if window.begins > newest_value and not any(period.meets(window) for period in ledger.excused)
    ]
    # A value that comes after ten more were missed no longer changes which of the ones before them were.
    assert min(ledger.awaited.count, REMEMBERED) == min(len(missed_since), REMEMBERED)
    assert (stands[-1:] == ["missed"]) == ledger.awaited.stands


@given(taken=st.lists(instants, max_size=12), looks=st.lists(instants, max_size=12), plan=plans)
def test_when_everything_comes_in_time_it_does_not_matter_how_often_the_ledger_looks(
    taken: list[datetime], looks: list[datetime], plan: list[PlanItem]
) -> None:
    end = START + 12 * DAY
    often, once = Ledger(plan, START), Ledger(plan, START)
    for now in sorted(looks):
        often.taken = [each for each in taken if each <= now]
        often.look(now)
    often.taken = once.taken = taken
    often.look(end)
    once.look(end)
    assert often.outcomes == once.outcomes
    assert often.awaited.missed == once.awaited.missed
