"""Sudden gain and slow loss of weight. Rows are people, columns days, today last; NaN: not weighed that day."""

from typing import Final

import numpy as np

from devices.vocabulary import KINDS, Kind
from server.detection.baseline import medians
from server.detection.daily import counted
from server.detection.rows import Floats

DECIMALS: Final = KINDS[Kind.WEIGHT].decimals


def gain_kg(weights: Floats, days: int) -> Floats:
    """Today against the lightest of the `days` before, as the difference is shown. NaN: one of the two is missing."""
    before = weights[:, -1 - days : -1]
    lightest = np.fmin.reduce(before, axis=1, initial=np.nan)
    gained: Floats = np.round(weights[:, -1] - lightest, DECIMALS)
    return gained


def lost_share(then: Floats, now: Floats) -> Floats:
    """Of the weight then: the middle of the days of one week against the middle of those of another."""
    then_kg = middle_kg(then)
    lost: Floats = np.round((then_kg - middle_kg(now)) / then_kg, 9)  # 66 to 62.7 is 5 %, though in binary a hair less
    return lost


def most_lost_share(then: Floats, now: Floats) -> Floats:
    """What `lost_share` cannot be more than: from the heaviest day to the lightest, for middles are between them."""
    heaviest, lightest = np.fmax.reduce(then.T.copy(), axis=0), np.fmin.reduce(now.T.copy(), axis=0)
    most: Floats = (heaviest - lightest) / heaviest
    return most


def middle_kg(weights: Floats) -> Floats:
    return medians(weights.copy(), counted(weights))
