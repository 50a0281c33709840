"""30,000 streams, one new sample each: does it differ from the stream's last 64? Ours, and the ways one finds first.

All do the same: a robust z-score of the new sample against its stream's window. pandas and river are not packages of
this project: rows of what is not installed say so. A loop is measured over some of the streams and told for all."""

import importlib
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any, Final

import numpy as np
from scipy import stats

from server.detection.rows import Floats

STREAMS: Final = 30_000
WINDOW: Final = 64
IN_A_LOOP: Final = 500
ROUNDS: Final = 5
SCALE: Final = 0.6744897501960817  # of the median absolute deviation: scipy.stats.median_abs_deviation(scale="normal")


def rows() -> list[tuple[str, ...]]:
    chance = np.random.default_rng(7)
    window, sample = chance.normal(94, 1.5, (STREAMS, WINDOW)), chance.normal(94, 1.5, STREAMS)
    ways = list(_ways(window, sample))
    ours_ms = ways[0][1]
    table: list[tuple[str, ...]] = [("30,000 streams, one sample each", "ms", "times ours")]
    for way, ms in ways:
        table.append((way, "-", "not installed") if ms is None or ours_ms is None else _told(way, ms, ours_ms))
    return table


def _told(way: str, ms: float, ours_ms: float) -> tuple[str, str, str]:
    return way, f"{ms:,.1f}", f"{ms / ours_ms:,.1f}"


def _ways(window: Floats, sample: Floats) -> Iterator[tuple[str, float | None]]:
    yield "numpy over all streams at once", _best_ms(lambda: _at_once(window, sample))
    looped = STREAMS / IN_A_LOOP
    yield "scipy, stream by stream", looped * _best_ms(lambda: _with_scipy(window[:IN_A_LOOP], sample))
    pandas = _optional("pandas")
    yield "pandas, all streams in a frame", pandas and _best_ms(lambda: _with_pandas(pandas, window, sample))
    river = _optional("river.stats")
    yield (
        "river, stream by stream (mean and variance)",
        river and looped * _with_river(river, window[:IN_A_LOOP], sample),
    )


def _at_once(window: Floats, sample: Floats) -> Floats:
    middle = np.median(window, axis=1)
    spread = np.median(np.abs(window - middle[:, None]), axis=1)
    score: Floats = SCALE * (sample - middle) / spread
    return score


def _with_scipy(window: Floats, sample: Floats) -> list[float]:
    return [
        (new - np.median(old)) / stats.median_abs_deviation(old, scale="normal")
        for old, new in zip(window, sample, strict=False)
    ]


def _with_pandas(pandas: Any, window: Floats, sample: Floats) -> Any:
    frame = pandas.DataFrame(window.T)
    middle = frame.median()
    return SCALE * (sample - middle) / (frame - middle).abs().median()


def _with_river(river: Any, window: Floats, sample: Floats) -> float:
    """Its statistics are updated sample by sample: only the new one is measured."""
    known = [(river.Mean(), river.Var()) for _ in window]
    for (mean, var), old in zip(known, window.tolist(), strict=True):
        for each in old:
            mean.update(each)
            var.update(each)
    began_s = perf_counter()
    for (mean, var), new in zip(known, sample.tolist(), strict=False):
        mean.update(new)
        var.update(new)
        (new - mean.get()) / max(var.get(), 1e-9) ** 0.5
    return (perf_counter() - began_s) * 1e3


def _optional(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def _best_ms(work: Callable[[], object]) -> float:
    took_ms = []
    for _ in range(ROUNDS):
        began_s = perf_counter()
        work()
        took_ms.append((perf_counter() - began_s) * 1e3)
    return min(took_ms)
