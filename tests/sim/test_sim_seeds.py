"""Each seed is a home, its people's deeds and its faults: real shells and cores, in virtual time.

`make sim SEEDS=n` runs more of them."""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import pytest

from tests.sim.promises import broken

SEEDS: Final = 500
pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def worlds() -> Iterator[list["Future[list[str]]"]]:
    """All seeds at once, on all cores."""
    with (
        TemporaryDirectory(prefix="hvsim-") as directory,
        ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool,
    ):
        yield [pool.submit(broken, seed, Path(directory)) for seed in range(SEEDS)]


@pytest.mark.parametrize("seed", range(SEEDS))
def test_no_reading_is_lost_or_doubled_and_no_silence_unsaid(seed: int, worlds: list["Future[list[str]]"]) -> None:
    assert worlds[seed].result(timeout=120) == []
