"""When nobody is planned to be on duty."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from server.alerts.planning import Span, gaps

MONDAY = datetime(2026, 2, 2, tzinfo=UTC)


def span(from_hour: int, to_hour: int) -> Span:
    return Span(from_at=MONDAY + timedelta(hours=from_hour), to_at=MONDAY + timedelta(hours=to_hour))


def test_a_night_between_two_days_is_a_gap() -> None:
    assert gaps([span(31, 39), span(7, 15)], span(0, 48)) == [span(0, 7), span(15, 31), span(39, 48)]


def test_who_is_there_all_the_time_leaves_none_and_nobody_leaves_all() -> None:
    assert gaps([span(-5, 60), span(3, 4)], span(0, 48)) == []
    assert gaps([], span(0, 48)) == [span(0, 48)]
    assert gaps([span(48, 60), span(-9, 0)], span(0, 48)) == [span(0, 48)]


hours = st.integers(-5, 30)
spans = st.tuples(hours, hours).filter(lambda pair: pair[0] < pair[1]).map(lambda pair: span(*pair))


@given(st.lists(spans, max_size=8))
def test_each_hour_is_either_planned_or_in_one_gap(planned: list[Span]) -> None:
    found = gaps(planned, span(0, 24))
    for hour in range(24):
        at = MONDAY + timedelta(hours=hour, minutes=30)
        assert sum(each.from_at < at < each.to_at for each in found) == (
            not any(each.from_at < at < each.to_at for each in planned)
        )
    assert all(a.to_at < b.from_at for a, b in pairwise(found)), "a gap in two pieces"
