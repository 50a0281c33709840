"""Each seed is a home, its people's deeds and its faults: real shells and cores, in virtual time. And long weeks.

`make sim SEEDS=n` runs more seeds, and a whole month."""

from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from tests.sim import month
from tests.sim.month import OUTAGE, Day
from tests.sim.promises import broken

SEEDS: Final = 250
DAYS: Final = month.LEAST_DAYS
pytestmark = pytest.mark.integration


@pytest.fixture
def disk(short_dir: Path) -> Iterator[Path]:
    with TemporaryDirectory(dir=short_dir) as directory:
        yield Path(directory)


@pytest.fixture(scope="module", autouse=True)
def lived(short_dir: Path) -> Iterator["Future[list[Day]]"]:
    """The days, in a process of their own, for its objects are counted; it is done before the seeds are played."""
    with (
        TemporaryDirectory(dir=short_dir) as directory,
        ProcessPoolExecutor(1, get_context("spawn")) as pool,
    ):
        yield pool.submit(month.run, DAYS, Path(directory))


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_reading_is_lost_or_doubled_and_no_silence_unsaid(seed: int, disk: Path) -> None:
    assert broken(seed, disk) == []


def test_no_day_with_twenty_devices_costs_more_than_the_days_before(lived: "Future[list[Day]]") -> None:
    """Nobody is near a gateway for years: memory, disk and work stay as they are."""
    assert month.grown(lived.result()) == []


def test_a_day_without_a_line_is_kept_and_sent_on_the_next(lived: "Future[list[Day]]") -> None:
    days = lived.result()
    assert days[OUTAGE - 1].waiting > 200
    assert days[OUTAGE].waiting == 0
