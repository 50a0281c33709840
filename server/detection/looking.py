"""Where the rules knew enough to say something, found or not: only what was looked at can be over."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from devices.vocabulary import KIND_BY_NUMBER
from server.detection.baseline import Accepted, accepted_for
from server.detection.daily import Daily, counted
from server.detection.rows import Bools, stream_of
from server.detection.rule_findings import EPOCH, MS, Looked
from server.detection.rules import (
    CusumRule,
    DeviationRule,
    EwmaRule,
    Rule,
    TrendRule,
    WeightGainRule,
    WeightLossRule,
)
from server.detection.slow_rules import MAD_FLOOR, WEIGHT
from server.detection.weight import gain_kg, lost_share


def looked_at(
    rules: Sequence[Rule], daily: Daily, accepted: Accepted, newest_ms: Mapping[int, int]
) -> Iterator[Looked]:
    """By the rules about days. `newest_ms`: of each stream by key."""
    told = [(rule.name, able) for rule in rules if (able := _able(rule, daily, accepted)) is not None]
    for place, key in enumerate(daily.key.tolist()):
        names = frozenset(name for name, able in told if able[place])
        if names:
            patient, number = stream_of(key)
            at = EPOCH + newest_ms[key] * MS
            yield Looked(patient=patient, kind=KIND_BY_NUMBER[number], rules=names, at=at)


def _able(rule: Rule, daily: Daily, accepted: Accepted) -> Bools | None:
    """None: the rule does not look at days."""
    able: Bools | None = None
    match rule:
        case WeightGainRule():
            able = (daily.kind == WEIGHT) & ~np.isnan(gain_kg(daily.last(rule.days + 1), rule.days))
        case WeightLossRule():
            then = daily.last(rule.days + rule.week)[:, : rule.week]
            able = (daily.kind == WEIGHT) & ~np.isnan(lost_share(then, daily.last(rule.week)))
        case DeviationRule():
            before = counted(daily.last(rule.days + 1)[:, :-1])
            able = _today(daily) & (_agreed(daily, accepted) | (before >= rule.least_days))
        case TrendRule():
            able = _today(daily) & (counted(daily.last(rule.days)) >= rule.least_days)
        case EwmaRule() | CusumRule():
            able = _today(daily) & _agreed(daily, accepted)
    return able


def _today(daily: Daily) -> Bools:
    today: Bools = ~np.isnan(daily.values[:, -1]) & ~np.isnan(MAD_FLOOR[daily.kind])
    return today


def _agreed(daily: Daily, accepted: Accepted) -> Bools:
    return accepted_for(daily.key, accepted).accepted
