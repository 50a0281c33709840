"""The slow rules over 30,000 streams: 5,000 people with six kinds, half of them with accepted baselines.

Beside each: one stream after the other with scipy and numpy, measured over SAMPLE streams and scaled up to all of them
(the loop over all would take half a minute). Of the trend it computes what ours does: the slope where it matters."""

from collections.abc import Callable
from functools import partial
from time import perf_counter, thread_time
from typing import Final

import numpy as np
from scipy import stats

from devices.vocabulary import KINDS, Kind
from server.detection.baseline import SIGMA_OF_MAD, Accepted
from server.detection.daily import Daily
from server.detection.glucose_rate import Points
from server.detection.glucose_rules import evaluate as evaluate_glucose
from server.detection.home_pressure import DAYS as WEEK
from server.detection.home_pressure import Week
from server.detection.pressure_rules import high_at_home
from server.detection.rows import Floats
from server.detection.rules import (
    CUSUM,
    DEVIATION,
    EWMA,
    GAIN,
    GLUCOSE_RULES,
    HOME_PRESSURE,
    LOSS_IN_A_MONTH,
    LOSS_IN_HALF_A_YEAR,
    LOW_SOON,
    TREND,
    Rule,
)
from server.detection.slow_rules import evaluate

PEOPLE: Final = 5_000
SAMPLE: Final = 500
ROUNDS: Final = 21
LIMIT_MS: Final = 25
DAYS: Final = DEVIATION.days + 1
LONG: Final = LOSS_IN_HALF_A_YEAR.days + LOSS_IN_HALF_A_YEAR.week  # of weights alone
HOUR_MS: Final = 3_600_000
NOW_MS: Final = 1_795_284_000_000
USUAL: Final = {
    Kind.SPO2: (92.0, 0.8),
    Kind.PULSE_RATE: (74.0, 3.0),
    Kind.RESPIRATORY_RATE: (17.0, 1.2),
    Kind.WEIGHT: (80.0, 0.4),
    Kind.SYSTOLIC: (132.0, 6.0),
}
LOSSES: Final = (LOSS_IN_A_MONTH, LOSS_IN_HALF_A_YEAR)
BY_DAYS: Final = (DEVIATION, EWMA, CUSUM, TREND, GAIN)


def rows() -> list[tuple[str, ...]]:
    """Table rows: what, streams, best and median of ROUNDS in ms, median of the
    CPU time in ms, the loop scaled up in ms, how often as fast."""
    chance = np.random.default_rng(7)
    daily, accepted, points, week = _daily(chance), _accepted(chance), _points(chance), _week(chance)
    weights = _weights(chance)
    keys = (np.arange(PEOPLE, dtype=np.int64) << 16) | KINDS[Kind.GLUCOSE_ISF].number

    def slow(*rules: Rule) -> int:
        return len(evaluate(rules, daily, accepted, NOW_MS))

    def glucose() -> int:
        return len(evaluate_glucose(GLUCOSE_RULES, keys, points, NOW_MS))

    def pressure() -> int:
        return len(list(high_at_home(HOME_PRESSURE, week, daily.midnights_ms[-WEEK - 1 :], NOW_MS)))

    def lost_weight() -> int:
        return len(evaluate(LOSSES, weights, accepted, NOW_MS))

    def everything() -> int:
        return slow(*BY_DAYS) + lost_weight() + glucose() + pressure()

    head = (
        "rules",
        "streams",
        "findings",
        "best ms",
        "p50 ms",
        "CPU p50 ms",
        "scipy loop ms (scaled up)",
        "times as fast",
    )
    sampled = _some(daily)
    loops = {rule: _loop_ms(partial(loop, sampled), len(daily)) for rule, loop in LOOPS.items()}
    loops[LOW_SOON] = _loop_ms(partial(_loop_glucose, points), PEOPLE)
    total = sum(loops.values())
    return [
        head,
        _row("deviation from the baseline", len(daily), partial(slow, DEVIATION), loops[DEVIATION]),
        _row("EWMA", len(daily), partial(slow, EWMA), loops[EWMA]),
        _row("CUSUM", len(daily), partial(slow, CUSUM), loops[CUSUM]),
        _row("trend", len(daily), partial(slow, TREND), loops[TREND]),
        _row("glucose that is going to be low", PEOPLE, glucose, loops[LOW_SOON]),
        _row("gain and loss of weight", PEOPLE, lambda: slow(GAIN) + lost_weight(), None),
        _row("home blood pressure", PEOPLE, pressure, None),
        _row(f"all (limit {LIMIT_MS} ms)", len(daily) + PEOPLE, everything, total),
    ]


def _row(what: str, streams: int, judge: Callable[[], int], loop_ms: float | None) -> tuple[str, ...]:
    took, used, found = [], [], judge()
    for _ in range(ROUNDS):
        began, began_cpu = perf_counter(), thread_time()
        judge()
        used.append((thread_time() - began_cpu) * 1000)
        took.append((perf_counter() - began) * 1000)
    median = float(np.median(took))
    beside = ("-", "-") if loop_ms is None else (f"{loop_ms:,.0f}", f"{loop_ms / median:,.0f}")
    numbers = (f"{min(took):.1f}", f"{median:.1f}", f"{np.median(used):.1f}")
    return (what, f"{streams:,}", f"{found:,}", *numbers, *beside)


def _daily(chance: np.random.Generator) -> Daily:
    """A tenth of the days missing, one in 200 streams drifting, whole numbers as devices say them."""
    keys, values = [], []
    for kind, (center, spread) in USUAL.items():
        keys.append((np.arange(PEOPLE, dtype=np.int64) << 16) | KINDS[kind].number)
        days = chance.normal(center, spread, (PEOPLE, DAYS))
        drifting = chance.random(PEOPLE) < 0.005
        days[drifting, -14:] += np.linspace(0, -5 * spread, 14)
        values.append(np.round(days, KINDS[kind].decimals))
    table = np.concatenate(values)
    table[:, :-1][chance.random((len(table), DAYS - 1)) < 0.1] = np.nan
    key = np.concatenate(keys)
    order = np.argsort(key)
    midnights_ms = NOW_MS - 9 * HOUR_MS + 24 * HOUR_MS * np.arange(1 - DAYS, 2)
    return Daily(key=key[order], values=table[order], midnights_ms=midnights_ms)


def _weights(chance: np.random.Generator) -> Daily:
    key = (np.arange(PEOPLE, dtype=np.int64) << 16) | KINDS[Kind.WEIGHT].number
    values = np.round(chance.normal(*USUAL[Kind.WEIGHT], (PEOPLE, LONG)), 1)
    midnights_ms = NOW_MS - 9 * HOUR_MS + 24 * HOUR_MS * np.arange(1 - LONG, 2)
    return Daily(key=key, values=values, midnights_ms=midnights_ms)


def _accepted(chance: np.random.Generator) -> Accepted:
    keys = [(np.arange(PEOPLE, dtype=np.int64) << 16) | KINDS[kind].number for kind in USUAL]
    centers = [np.full(PEOPLE, center) for center, _ in USUAL.values()]
    mads = [np.full(PEOPLE, spread / SIGMA_OF_MAD) for _, spread in USUAL.values()]
    key = np.concatenate(keys)
    order = np.sort(chance.choice(len(key), len(key) // 2, replace=False))
    order = order[np.argsort(key[order])]
    return Accepted(
        key=key[order],
        center=np.concatenate(centers)[order],
        mad=np.concatenate(mads)[order],
        days=np.full(len(order), 14),
        last_day=np.ones(len(order), np.int64),
    )


def _points(chance: np.random.Generator) -> Points:
    taken = np.tile(NOW_MS - 5 * 60_000 * np.arange(5, -1, -1), (PEOPLE, 1))
    value = chance.normal(7, 1.5, PEOPLE)[:, None] + np.cumsum(chance.normal(0, 0.15, (PEOPLE, 6)), axis=1)
    return Points(taken_ms=taken, arrived_ms=taken, value=np.maximum(value, 2.2))


def _week(chance: np.random.Generator) -> Week:
    shape = (PEOPLE, WEEK, 4)
    systolic, diastolic = chance.normal(130, 8, shape), chance.normal(78, 6, shape)
    return Week(patient=np.arange(PEOPLE, dtype=np.int32), systolic=systolic, diastolic=diastolic)


def _some(daily: Daily) -> Floats:
    places = np.linspace(0, len(daily) - 1, SAMPLE).astype(np.int64)
    return daily.values[places, -15:]


def _loop_ms(loop: Callable[[], None], streams: int) -> float:
    began = perf_counter()
    loop()
    return (perf_counter() - began) * 1000 * streams / SAMPLE


def _loop_deviation(values: Floats) -> None:
    for days in values:
        before = days[:-1][~np.isnan(days[:-1])]
        mad = max(float(stats.median_abs_deviation(before)), 0.5)
        _ = abs(0.6745 * (days[-1] - np.median(before)) / mad) > DEVIATION.z


def _loop_ewma(values: Floats) -> None:
    for days in values:
        stands = 92.0
        for day in days[-14:].tolist():
            if day == day:
                stands += EWMA.weight * (day - stands)


def _loop_cusum(values: Floats) -> None:
    for days in values:
        high = low = 0.0
        for day in days[-14:].tolist():
            if day == day:
                high, low = max(0.0, high + day - 92.5), max(0.0, low + 91.5 - day)


def _loop_trend(values: Floats) -> None:
    for days in values[:, -14:]:
        there = ~np.isnan(days)
        if stats.kendalltau(np.flatnonzero(there), days[there], method="asymptotic").pvalue < 0.05:
            stats.theilslopes(days[there], np.flatnonzero(there))


def _loop_glucose(points: Points) -> None:
    for values in points.value[:SAMPLE]:
        line = stats.linregress(np.arange(4.0), values[-4:])
        _ = line.intercept + line.slope * 9 < LOW_SOON.below_mmol_per_l


LOOPS: Final[dict[Rule, Callable[[Floats], None]]] = {
    DEVIATION: _loop_deviation,
    EWMA: _loop_ewma,
    CUSUM: _loop_cusum,
    TREND: _loop_trend,
}
