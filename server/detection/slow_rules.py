"""The rules that look at one value a day, evaluated for many streams at once.

All are silent about a stream without a value today, but the loss of weight, which looks at weeks: what was found
yesterday is not found anew by silence."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from devices.vocabulary import KINDS, Kind
from server.clinical.change import CHANGES
from server.detection.baseline import Accepted, Baselines, baselines, robust_z, with_accepted
from server.detection.control import cusum, ewma, ewma_half_width
from server.detection.daily import Daily
from server.detection.findings import Direction
from server.detection.rows import Bools, Floats, Ints
from server.detection.rule_findings import RuleFinding, rule_finding
from server.detection.rules import (
    CusumRule,
    DeviationRule,
    EwmaRule,
    Rule,
    TrendRule,
    WeightGainRule,
    WeightLossRule,
)
from server.detection.trends import mann_kendall, p_value, theil_sen
from server.detection.weight import gain_kg, lost_share, middle_kg

STREAMS_AT_ONCE: Final = 4096  # their days stay in the cache
NUMBERS: Final = max(facts.number for facts in KINDS.values()) + 1
WEIGHT: Final = KINDS[Kind.WEIGHT].number


@dataclass(frozen=True, kw_only=True, slots=True)
class Sides:
    """Of each stream: what clinical.change says of its kind. NaN and False: nothing."""

    mad_floor: Floats
    smallest: Floats
    low: Bools
    high: Bools

    def worse(self, signed: Floats | Ints) -> Bools:
        """A change of this sign is one for the worse."""
        worse: Bools = np.where(signed < 0, self.low, self.high) & (signed != 0)
        return worse


def evaluate(rules: Sequence[Rule], daily: Daily, accepted: Accepted, now_ms: int) -> list[RuleFinding]:
    """Those of `rules` that look at days. Ordered by stream, then as the rules are."""
    found: list[RuleFinding] = []
    for begin in range(0, len(daily), STREAMS_AT_ONCE):
        piece = daily.of(slice(begin, begin + STREAMS_AT_ONCE))
        for rule in rules:
            found += _evaluated(rule, piece, accepted, now_ms)
    order = {rule.name: place for place, rule in enumerate(rules)}
    found.sort(key=lambda each: (each.patient, KINDS[each.kind].number, order[each.name]))
    return found


def _evaluated(rule: Rule, daily: Daily, accepted: Accepted, now_ms: int) -> Iterable[RuleFinding]:
    match rule:
        case DeviationRule():
            return deviations(rule, daily, accepted, now_ms)
        case EwmaRule():
            return averages_out(rule, daily, accepted, now_ms)
        case CusumRule():
            return sums_out(rule, daily, accepted, now_ms)
        case TrendRule():
            return drifts(rule, daily, now_ms)
        case WeightGainRule():
            return gains(rule, daily, now_ms)
        case WeightLossRule():
            return losses(rule, daily, now_ms)
        case _:
            return ()


def deviations(rule: DeviationRule, daily: Daily, accepted: Accepted, now_ms: int) -> Iterator[RuleFinding]:
    daily = _of_kinds(daily, rule.kinds)
    sides, today = _sides(daily), daily.values[:, -1]
    usual = with_accepted(baselines(daily.last(rule.days + 1)[:, :-1]), daily.key, accepted)
    z = robust_z(today, usual, sides.mad_floor)
    enough = usual.accepted | (usual.days >= rule.least_days)
    for place in np.flatnonzero((np.abs(z) > rule.z) & enough & sides.worse(z)).tolist():
        yield rule_finding(
            rule,
            int(daily.key[place]),
            _direction(z[place]),
            window_ms=_window(daily, rule.days + 1, now_ms),
            readings=int(usual.days[place]),
            value=today[place],
            usual=usual.center[place],
            mad=usual.believed_mad(sides.mad_floor)[place],
            z=z[place],
            accepted=float(usual.accepted[place]),
        )


def averages_out(rule: EwmaRule, daily: Daily, accepted: Accepted, now_ms: int) -> Iterator[RuleFinding]:
    daily, usual, since = _charted(daily, rule.kinds, rule.days, accepted)
    sides = _sides(daily)
    readings = np.count_nonzero(~np.isnan(since), axis=1)
    average = ewma(since, usual.center, rule.weight)[:, -1]
    half_width = ewma_half_width(usual.sigma(sides.mad_floor), rule.weight, rule.width, readings)
    away = average - usual.center
    out = (np.abs(away) > half_width) & (np.abs(away) >= sides.smallest)
    for place in np.flatnonzero(out & sides.worse(away) & ~np.isnan(since[:, -1])).tolist():
        yield rule_finding(
            rule,
            int(daily.key[place]),
            _direction(away[place]),
            window_ms=_window(daily, rule.days, now_ms),
            readings=int(readings[place]),
            average=average[place],
            usual=usual.center[place],
            limit=usual.center[place] + np.copysign(half_width[place], away[place]),
        )


def sums_out(rule: CusumRule, daily: Daily, accepted: Accepted, now_ms: int) -> Iterator[RuleFinding]:
    daily, usual, since = _charted(daily, rule.kinds, rule.days, accepted)
    sides = _sides(daily)
    sigma = usual.sigma(sides.mad_floor)
    above, below = cusum(since, usual.center, rule.slack * sigma)
    for sums, sign in ((below, -1), (above, 1)):
        which = (sums[:, -1] > rule.height * sigma) & sides.worse(np.full(len(daily), sign))
        for place in np.flatnonzero(which & ~np.isnan(since[:, -1])).tolist():
            # Montgomery's estimate of a shift: the slack and the sum's share of each day since it was last 0.
            zeros = np.flatnonzero(sums[place] == 0)
            begin = int(zeros[-1]) + 1 if zeros.size else 0
            days = int(np.count_nonzero(~np.isnan(since[place, begin:])))
            shift = rule.slack * sigma[place] + sums[place, -1] / days
            if shift >= sides.smallest[place]:
                yield rule_finding(
                    rule,
                    int(daily.key[place]),
                    _direction(sign),
                    window_ms=_window(daily, rule.days - begin, now_ms),
                    readings=days,
                    sum=sums[place, -1],
                    limit=rule.height * sigma[place],
                    usual=usual.center[place],
                    shift=sign * shift,
                )


def drifts(rule: TrendRule, daily: Daily, now_ms: int) -> Iterator[RuleFinding]:
    daily = _of_kinds(daily, rule.kinds)
    daily = daily.of(~np.isnan(daily.values[:, -1]))
    found, sides, values = mann_kendall(daily.last(rule.days)), _sides(daily), daily.last(rule.days)
    significant = (np.abs(found.z) > rule.z) & (found.count >= rule.least_days) & sides.worse(found.score)
    places = np.flatnonzero(significant)  # the slope is the dear half: only where it can matter
    slope = theil_sen(values[places], np.arange(float(rule.days)))
    matters = (np.abs(slope) * rule.days > sides.smallest[places]) & (slope * found.score[places] > 0)
    for place, per_day in zip(places[matters].tolist(), slope[matters].tolist(), strict=True):
        yield rule_finding(
            rule,
            int(daily.key[place]),
            _direction(per_day),
            window_ms=_window(daily, rule.days, now_ms),
            readings=int(found.count[place]),
            per_day=per_day,
            p=p_value(found.z[place]),
            change=per_day * rule.days,
            smallest=sides.smallest[place],
        )


def gains(rule: WeightGainRule, daily: Daily, now_ms: int) -> Iterator[RuleFinding]:
    daily = daily.of(daily.kind == WEIGHT)
    days = daily.last(rule.days + 1)
    gained = gain_kg(days, rule.days)
    for place in np.flatnonzero(gained > rule.more_than_kg).tolist():
        yield rule_finding(
            rule,
            int(daily.key[place]),
            "high",
            window_ms=_window(daily, rule.days + 1, now_ms),
            readings=int(np.count_nonzero(~np.isnan(days[place]))),
            value=days[place, -1],
            gained_kg=gained[place],
            more_than_kg=rule.more_than_kg,
        )


def losses(rule: WeightLossRule, daily: Daily, now_ms: int) -> Iterator[RuleFinding]:
    daily = daily.of(daily.kind == WEIGHT)
    days = daily.last(rule.days + rule.week)
    share = lost_share(days, rule.days, rule.week)
    now_kg = middle_kg(days[:, -rule.week :])
    for place in np.flatnonzero(share >= rule.share).tolist():
        weeks = np.concatenate([days[place, : rule.week], days[place, -rule.week :]])
        yield rule_finding(
            rule,
            int(daily.key[place]),
            "low",
            window_ms=_window(daily, rule.days + rule.week, now_ms),
            readings=int(np.count_nonzero(~np.isnan(weeks))),
            value=now_kg[place],
            lost_share=share[place],
            at_least_share=rule.share,
        )


def _charted(daily: Daily, kinds: frozenset[Kind], days: int, accepted: Accepted) -> tuple[Daily, Baselines, Floats]:
    """Streams with an accepted baseline, and their values since: older ones must not testify against a newer one."""
    daily = _of_kinds(daily, kinds)
    nothing = np.full(len(daily), np.nan)
    none = np.zeros(len(daily), np.int64)
    usual = with_accepted(Baselines(center=nothing, mad=nothing, days=none, last_day=none), daily.key, accepted)
    which = usual.accepted
    daily, usual = daily.of(which), usual.of(which)
    days_of = np.arange(-days, 0) + daily.today + 1
    return daily, usual, np.where(days_of > usual.last_day[:, None], daily.last(days), np.nan)


def _of_kinds(daily: Daily, kinds: frozenset[Kind]) -> Daily:
    wanted = np.zeros(NUMBERS, np.bool_)
    wanted[[KINDS[kind].number for kind in kinds]] = True
    which = wanted[daily.kind]
    return daily if which.all() else daily.of(which)


def _sides(daily: Daily) -> Sides:
    kind = daily.kind
    return Sides(mad_floor=MAD_FLOOR[kind], smallest=SMALLEST[kind], low=LOW[kind], high=HIGH[kind])


def _by_number(name: str) -> Floats:
    table = np.full(NUMBERS, np.nan)
    for kind, change in CHANGES.items():
        table[KINDS[kind].number] = getattr(change, name)
    return table


MAD_FLOOR, SMALLEST = _by_number("mad_floor"), _by_number("smallest")
LOW, HIGH = _by_number("low") == 1, _by_number("high") == 1


def _direction(signed: float) -> Direction:
    return "low" if signed < 0 else "high"


def _window(daily: Daily, days: int, now_ms: int) -> tuple[int, int]:
    """From the first midnight of the last `days`, or of what is known of them, until now."""
    return int(daily.midnights_ms[max(len(daily.midnights_ms) - 1 - days, 0)]), now_ms
