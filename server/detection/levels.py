"""devices.limits.Limit.level_of for many readings at once; tested equal to it."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.limits import shown
from server.detection.rows import Bools, Floats

Levels = NDArray[np.int8]
NEAR_HALF: Final = 1e-6  # closer to a half than this, binary arithmetic may be wrong about the side


def shown_values(value: Floats, decimals: NDArray[np.int8]) -> Floats:
    """As the screen shows them, rounded half up in decimal; NaN stays NaN. Values are not negative."""
    scale = 10.0 ** decimals.astype(np.float64)
    scaled = value * scale
    whole = np.floor(scaled)
    rounded: Floats = np.floor(scaled + 0.5) / scale
    exact = (decimals == 0) & (scaled - whole == 0.5)
    doubtful = np.flatnonzero((np.abs(scaled - whole - 0.5) < NEAR_HALF) & ~exact)
    if doubtful.size:
        pairs = np.stack([value[doubtful], decimals[doubtful]], axis=1)
        distinct, where = np.unique(pairs, axis=0, return_inverse=True)
        right = np.array([shown(float(number), int(places)) for number, places in distinct])
        rounded[doubtful] = right[where.ravel()]
    return rounded


def severities(number: Floats, sign: NDArray[np.int8], edges: Floats) -> tuple[Levels, Levels]:
    """How far below and how far above: 0 not, 1 yellow, 2 red. `edges[:, 0..3]` ascend; NaN: no such limit."""
    red_low, yellow_low, yellow_high, red_high = edges.T
    low = np.where(number < red_low, 2, np.where(number < yellow_low, 1, 0))
    high = np.where(number > red_high, 2, np.where(number > yellow_high, 1, 0))
    if sign.any():  # beyond what the device can measure: beyond the outermost limit of its side
        any_low = ~np.isnan(red_low) | ~np.isnan(yellow_low)
        any_high = np.where(~np.isnan(red_high), 2, np.where(~np.isnan(yellow_high), 1, 0))
        low = np.where(sign == 0, low, np.where((sign < 0) & any_low, 2, 0))
        high = np.where(sign == 0, high, np.where(sign > 0, any_high, 0))
    return low.astype(np.int8), high.astype(np.int8)


def usable(value: Floats, quality: NDArray[np.int8]) -> Bools:
    """No reading, and a demonstration, are neither inside nor outside."""
    given: Bools = ~np.isnan(value) & (quality <= 1)
    return given
