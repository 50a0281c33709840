"""Each seed is a home, its people's deeds and its faults: real shells and cores, in virtual time. And one long month.

`make sim SEEDS=n` runs more seeds."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from tests.sim import month
from tests.sim.month import OUTAGE, Day
from tests.sim.promises import broken

SEEDS: Final = 500
DAYS: Final = 30
KEPT_DAYS: Final = 4  # until then the outbox fills with what it keeps for 72 hours
pytestmark = pytest.mark.integration


@dataclass(frozen=True, kw_only=True)
class Runs:
    seeds: list["Future[list[str]]"]
    days: "Future[list[Day]]"


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """All at once, on all cores; the long one first."""
    with (
        TemporaryDirectory(prefix="hvsim-") as directory,
        ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
    ):
        days = pool.submit(month.run, DAYS, Path(directory))
        yield Runs(days=days, seeds=[pool.submit(broken, seed, Path(directory)) for seed in range(SEEDS)])


@pytest.mark.parametrize("seed", range(SEEDS))
@pytest.mark.timeout(600)
def test_no_reading_is_lost_or_doubled_and_no_silence_unsaid(seed: int, runs: Runs) -> None:
    assert runs.seeds[seed].result() == []


@pytest.mark.timeout(600)
def test_no_day_of_a_month_with_twenty_devices_costs_more_than_the_days_before(runs: Runs) -> None:
    """Nobody is near a gateway for years: memory, disk and work stay as they are."""
    days = runs.days.result()
    usual = [day for number, day in enumerate(days, 1) if number > KEPT_DAYS and number not in (OUTAGE, OUTAGE + 1)]
    first, last = usual[:5], usual[-5:]
    assert all(day.waiting == 0 for day in usual)
    # Two meters and two thermometers: of their newest 512 readings each the gateway knows that it had them.
    assert max(day.objects for day in last) <= max(day.objects for day in first) * 1.02
    assert max(day.turns for day in last) <= max(day.turns for day in first) * 1.01
    assert max(day.commits for day in last) <= max(day.commits for day in first) * 1.01
    assert max(day.disk_bytes for day in last) <= max(day.disk_bytes for day in days[OUTAGE : OUTAGE + 5]) * 1.01


@pytest.mark.timeout(600)
def test_a_day_without_a_line_is_kept_and_sent_on_the_next(runs: Runs) -> None:
    days = runs.days.result()
    assert days[OUTAGE - 1].waiting > 200
    assert days[OUTAGE].waiting == 0
