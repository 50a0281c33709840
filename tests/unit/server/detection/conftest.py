"""A small ward: streams with limits, and readings told in seconds since an evening in November."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby

import numpy as np
import pytest

from devices.limits import Limit
from devices.vocabulary import KINDS, Kind, Mode, Quality, Sign
from server.detection.engine import step
from server.detection.findings import LimitFinding
from server.detection.panel import Delta, Panel
from server.detection.rows import Rows
from server.detection.state import StreamSetting, StreamState

EVENING = datetime(2026, 11, 21, 18, 0, tzinfo=UTC)
EVENING_MS = 1_795_284_000_000
SPO2 = Limit(red_low=88, yellow_low=90)


@dataclass(frozen=True, kw_only=True)
class Reading:
    at_s: float
    value: float
    patient: int = 1
    kind: Kind = Kind.SPO2
    mode: Mode = Mode.CONTINUOUS
    quality: Quality = Quality.GOOD
    sign: Sign = Sign.EXACT
    span_s: float = 0
    low: float | None = None
    high: float | None = None


def rows_of(readings: Sequence[Reading]) -> Rows:
    return Rows(
        patient=np.array([each.patient for each in readings], np.int32),
        kind=np.array([KINDS[each.kind].number for each in readings], np.int16),
        taken_ms=np.array([EVENING_MS + round(each.at_s * 1000) for each in readings], np.int64),
        value=np.array([each.value for each in readings], np.float64),
        sign=np.array([each.sign for each in readings], np.int8),
        quality=np.array([each.quality for each in readings], np.int8),
        mode=np.array([each.mode for each in readings], np.int8),
        span_s=np.array([each.span_s for each in readings], np.float32),
        low=np.array([each.low for each in readings], np.float64),
        high=np.array([each.high for each in readings], np.float64),
    )


class Ward:
    def __init__(self) -> None:
        self.panel = Panel()
        self.states: dict[tuple[int, int], StreamState] = {}

    def watch(self, limit: Limit | None, *, patient: int = 1, kind: Kind = Kind.SPO2) -> None:
        number = KINDS[kind].number
        state = self.states.get((patient, number))
        setting = StreamSetting(patient=patient, kind=number, limit=limit, basis="a test", state=state)
        self.panel.hydrate([setting])

    def step(self, readings: Sequence[Reading], *, now_s: float | None = None) -> tuple[list[LimitFinding], Delta]:
        """`now_s` None: the moment of the newest reading."""
        now_s = max(each.at_s for each in readings) if now_s is None else now_s
        return step(self.panel, rows_of(readings), EVENING_MS + round(now_s * 1000))

    def at_once(self, readings: Sequence[Reading], *, came_s: Sequence[float]) -> list[LimitFinding]:
        """In one step, though each came at a moment of its own."""
        came_ms = np.array([EVENING_MS + round(each * 1000) for each in came_s], np.int64)
        return self._done(*step(self.panel, rows_of(readings), came_ms))

    def hear(self, readings: Sequence[Reading]) -> list[LimitFinding]:
        """As they come: what one minute brought, at the end of that minute."""
        minutes = groupby(readings, key=lambda each: each.at_s // 60)
        return [finding for _, minute in minutes for finding in self.drain(list(minute))]

    def drain(self, readings: Sequence[Reading], *, now_s: float | None = None) -> list[LimitFinding]:
        """All at once."""
        return self._done(*self.step(readings, now_s=now_s))

    def _done(self, findings: list[LimitFinding], delta: Delta) -> list[LimitFinding]:
        self.panel.apply(delta)
        self.states |= {(state.patient, state.kind): state for state in delta.states()}
        return findings


@pytest.fixture
def ward() -> Ward:
    """Patient 1 is watched for oxygen saturation: red below 88, yellow below 90."""
    ward = Ward()
    ward.watch(SPO2)
    return ward


@pytest.fixture
def new_ward() -> Callable[[], Ward]:
    return Ward


@pytest.fixture
def reading() -> type[Reading]:
    return Reading


@pytest.fixture
def every_second() -> Callable[..., list[Reading]]:
    """Continuous readings, one a second from `from_s` on: so many of this value, then so many of that."""

    def stream(from_s: int, *pieces: tuple[int, float], **same: object) -> list[Reading]:
        values: Iterable[float] = (value for for_s, value in pieces for _ in range(for_s))
        plain = Reading(at_s=0, value=0)
        return [
            replace(plain, at_s=from_s + second, value=value, **same)  # type: ignore[arg-type]
            for second, value in enumerate(values)
        ]

    return stream


@pytest.fixture
def seconds() -> Callable[[datetime], float]:
    """Back to seconds since the evening began."""
    return lambda instant: (instant - EVENING).total_seconds()
