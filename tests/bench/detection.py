"""How long one step of the engine takes: a quiet second of a region, a small batch of a big panel, a backlog."""

from collections.abc import Iterator
from time import perf_counter
from typing import Final

import numpy as np

from devices.limits import Limit
from devices.vocabulary import KINDS, Kind, Mode
from server.detection.engine import step
from server.detection.panel import Panel
from server.detection.rows import Floats, Ints, Rows
from server.detection.state import StreamSetting

SPO2: Final = KINDS[Kind.SPO2].number
BEGAN_MS: Final = 1_795_284_000_000
ROUNDS: Final = 20


def rows() -> list[tuple[str, ...]]:
    """Table rows: what, streams in the panel, readings in the batch, median and worst of ROUNDS in ms, findings."""
    chance = np.random.default_rng(7)
    head = ("step", "streams", "readings", "p50 ms", "max ms", "findings")
    return [head, *(_measured(*case) for case in _cases(chance))]


def _cases(chance: np.random.Generator) -> Iterator[tuple[str, int, Rows]]:
    everybody = np.arange(30_000)
    yield "one sample of every stream, 5 % outside", 30_000, _batch(everybody, _some_low(chance, 30_000))
    few = chance.choice(30_000, 20, replace=False)
    yield "a batch of 20", 30_000, _batch(np.sort(few), _some_low(chance, 20))
    yield "a batch of 5,000", 5_000, _batch(np.arange(5_000), _some_low(chance, 5_000))
    steady = np.concatenate([_some_low(chance, 20_000) for _ in range(5)])
    yield "a backlog of 5 streams", 5, _batch(np.repeat(np.arange(5), 20_000), steady, 20_000)
    restless = chance.integers(84, 97, 100_000).astype(float)
    yield "the same, every reading beside the limit", 5, _batch(np.repeat(np.arange(5), 20_000), restless, 20_000)
    swings = np.repeat(chance.choice([84.0, 95.0], 5_000), 20)
    yield "the same, in and out every 20 s", 5, _batch(np.repeat(np.arange(5), 20_000), swings, 20_000)


def _some_low(chance: np.random.Generator, count: int) -> Floats:
    return np.where(chance.random(count) < 0.05, 87.0, 96.0)


def _batch(patients: Ints, values: Floats, each: int = 1) -> Rows:
    count = len(patients)
    return Rows(
        patient=patients.astype(np.int32),
        kind=np.full(count, SPO2, np.int16),
        taken_ms=BEGAN_MS + 1000 * np.tile(np.arange(each), count // each),
        value=values,
        sign=np.zeros(count, np.int8),
        quality=np.zeros(count, np.int8),
        mode=np.full(count, Mode.CONTINUOUS, np.int8),
        span_s=np.zeros(count, np.float32),
        low=np.full(count, np.nan),
        high=np.full(count, np.nan),
    )


def _measured(what: str, streams: int, batch: Rows) -> tuple[str, ...]:
    panel = Panel()
    limit = Limit(red_low=88, yellow_low=90)
    panel.hydrate(StreamSetting(patient=patient, kind=SPO2, limit=limit) for patient in range(streams))
    now_ms = int(batch.taken_ms.max())
    took = []
    for _ in range(ROUNDS):
        began = perf_counter()
        findings, _ = step(panel, batch, now_ms)
        took.append((perf_counter() - began) * 1000)
    numbers = (f"{np.median(took):.1f}", f"{max(took):.1f}", f"{len(findings):,}")
    return (what, f"{streams:,}", f"{len(batch):,}", *numbers)
