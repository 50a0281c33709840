"""A gateway is overdue after two and a half of the beats it promised, but never within ten seconds."""

from datetime import UTC, datetime, timedelta

import pytest

from server.detection.silence import gateway_due_at

HEARD = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)


@pytest.mark.parametrize(("every_s", "due_s"), [(30, 75), (60, 150), (4, 10), (1, 10), (4.5, 11.25)])
def test_a_gateway_is_due_after_two_and_a_half_beats_or_ten_seconds(every_s, due_s):
    assert gateway_due_at(HEARD, every_s) == HEARD + timedelta(seconds=due_s)
