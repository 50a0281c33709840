"""When gateways try the way of their alarms."""

from collections import Counter
from datetime import UTC, datetime

import pytest

from server.alerts import proving


def test_the_minute_of_a_gateway_is_its_own_and_the_same_for_ever() -> None:
    # printf hjem-3f2a | sha256sum: the first 16 hex digits modulo 1440.
    assert proving.minute_of_day("hjem-3f2a") == 423


def test_the_minutes_of_many_gateways_are_spread_over_the_day() -> None:
    hours = Counter(proving.minute_of_day(f"gw-{number}") // 60 for number in range(2400))
    assert set(hours) == set(range(24))
    assert max(hours.values()) < 160, "100 are its share"


@pytest.mark.parametrize(("utc_hour", "day"), [(21, 2), (22, 3)])
def test_a_day_begins_at_midnight_in_norway(utc_hour: int, day: int) -> None:
    assert proving.day_of(datetime(2026, 7, 2, utc_hour, 30, tzinfo=UTC)).day == day
