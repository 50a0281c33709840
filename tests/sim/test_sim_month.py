"""Nobody is near a gateway for years: no day of it costs more memory, disk or work than the days before."""

from pathlib import Path
from typing import Final

import pytest

from tests.sim.month import OUTAGE, run

DAYS: Final = 30
KEPT_DAYS: Final = 4  # until then the outbox fills with what it keeps for 72 hours
pytestmark = pytest.mark.integration


def test_a_month_with_twenty_devices_costs_the_same_on_each_day(tmp_path: Path) -> None:
    days = run(DAYS, tmp_path)
    usual = [day for number, day in enumerate(days, 1) if number > KEPT_DAYS and number not in (OUTAGE, OUTAGE + 1)]
    first, last = usual[:5], usual[-5:]
    assert all(day.waiting == 0 for day in usual)
    # Two meters and two thermometers: of their newest 512 readings each the gateway knows that it had them.
    assert max(day.objects for day in last) <= max(day.objects for day in first) * 1.02
    assert max(day.turns for day in last) <= max(day.turns for day in first) * 1.01
    assert max(day.commits for day in last) <= max(day.commits for day in first) * 1.01
    assert max(day.disk_bytes for day in last) <= max(day.disk_bytes for day in days[OUTAGE : OUTAGE + 5])


def test_a_day_without_a_line_is_kept_and_sent(tmp_path: Path) -> None:
    days = run(OUTAGE + 1, tmp_path)
    assert days[OUTAGE - 1].waiting > 200
    assert days[OUTAGE].waiting == 0
