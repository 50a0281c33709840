"""Two control charts over daily values: EWMA and CUSUM, for many streams at once.

Rows are streams, columns days, the oldest first. A day without a value (NaN) leaves a chart as it was; a stream without
a target has no chart."""

import numpy as np

from server.detection.rows import Floats, Ints


def ewma(values: Floats, target: Floats, weight: float) -> Floats:
    """The exponentially weighted moving average after each day. It begins at the target."""
    charts = np.empty((values.shape[1], len(values)))
    stands: Floats = target.copy()
    for day, today in enumerate(values.T):
        stands = np.where(np.isnan(today), stands, stands + weight * (today - stands))
        charts[day] = stands
    return charts.T


def ewma_half_width(sigma: Floats, weight: float, width: float, readings: Ints) -> Floats:
    """How far from its target an average of so many readings may be: `width` times its own standard deviation."""
    settled = 1 - (1 - weight) ** (2 * readings.astype(np.float64))
    half: Floats = width * sigma * np.sqrt(weight / (2 - weight) * settled)
    return half


def cusum(values: Floats, target: Floats, slack: Floats) -> tuple[Floats, Floats]:
    """The sums above and below the target after each day, in the unit of the kind; both are 0 or more.

    `slack`: half of the shift that is looked for; less than this a day counts for nothing."""
    above = np.empty((values.shape[1], len(values)))
    below = np.empty_like(above)
    high = low = np.where(np.isnan(target), np.nan, 0.0)
    for day, today in enumerate(values.T):
        there = ~np.isnan(today)
        high = np.where(there, np.maximum(0, high + today - target - slack), high)
        low = np.where(there, np.maximum(0, low + target - today - slack), low)
        above[day], below[day] = high, low
    return above.T, below.T
