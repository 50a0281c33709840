"""The mean of a week of home blood pressure against the limit of hypertension at home."""

from collections.abc import Iterator

import numpy as np

from devices.vocabulary import KINDS, Kind
from server.detection.home_pressure import Week, home_means
from server.detection.levels import shown_values
from server.detection.rows import Floats, Ints
from server.detection.rule_findings import RuleFinding, rule_finding
from server.detection.rules import HomePressureRule


def high_at_home(rule: HomePressureRule, week: Week, midnights_ms: Ints, now_ms: int) -> Iterator[RuleFinding]:
    """One for each patient, of the systolic pressure if that is high, else of the diastolic. Means as they are shown.

    `midnights_ms`: those that `week` was made with. Silent while too few readings count."""
    means = home_means(week)
    systolic, diastolic = _shown(means.systolic), _shown(means.diastolic)
    enough = (means.days >= rule.least_days) & (means.readings >= rule.least_readings)
    high = (systolic >= rule.systolic_mmhg) | (diastolic >= rule.diastolic_mmhg)
    for place in np.flatnonzero(enough & high).tolist():
        kind = Kind.SYSTOLIC if systolic[place] >= rule.systolic_mmhg else Kind.DIASTOLIC
        yield rule_finding(
            rule,
            (int(means.patient[place]) << 16) | KINDS[kind].number,
            "high",
            window_ms=(int(midnights_ms[0]), now_ms),
            readings=int(means.readings[place]),
            systolic=systolic[place],
            diastolic=diastolic[place],
            days=means.days[place],
        )


def _shown(mmhg: Floats) -> Floats:
    return shown_values(mmhg, np.full(len(mmhg), KINDS[Kind.SYSTOLIC].decimals, np.int8))
