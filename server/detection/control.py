"""Two control charts over daily values: EWMA and CUSUM, for many streams at once.

Rows are streams, columns days, the oldest first. A day without a value (NaN) leaves a chart as it was; a stream without
a target has no chart."""

import numpy as np

from server.detection.rows import Floats, Ints


def ewma(values: Floats, target: Floats, weight: float) -> Floats:
    """The exponentially weighted moving average after each day. It begins at the target."""
    days = values.T.copy()
    stands: Floats = target.copy()
    for today in days:
        moved = stands + weight * (today - stands)
        stands = np.where(np.isnan(today), stands, moved)
        today[:] = stands
    return days.T


def ewma_half_width(sigma: Floats, weight: float, width: float, readings: Ints) -> Floats:
    """How far from its target an average of so many readings may be: `width` times its own standard deviation."""
    counts = np.arange(int(readings.max(initial=0)) + 1)
    per_sigma = width * np.sqrt(weight / (2 - weight) * (1 - (1 - weight) ** (2.0 * counts)))
    half: Floats = sigma * per_sigma[readings]
    return half


def cusum(values: Floats, target: Floats, slack: Floats) -> tuple[Floats, Floats]:
    """The sums above and below the target after each day, in the unit of the kind; both are 0 or more.

    `slack`: half of the shift that is looked for; less than this a day counts for nothing."""
    away = values.T.copy()  # a day is then one piece of memory
    away -= target
    gone = np.isnan(away)
    above = away - slack
    below = np.negative(away, out=away)
    below -= slack
    for sums in (above, below):
        np.copyto(sums, 0.0, where=gone)  # not a day on target: that would take the slack off the sum
        stands = np.where(np.isnan(target), np.nan, 0.0)
        for today in sums:
            stands += today
            np.maximum(stands, 0, out=stands)
            today[:] = stands
    return above.T, below.T
