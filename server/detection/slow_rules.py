"""The rules that look at one value a day, evaluated for many streams at once.

All are silent about a stream without a value today, but the loss of weight, which looks at weeks: what was found
yesterday is not found anew by silence."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from devices.vocabulary import KINDS, Kind
from server.clinical.change import CHANGES
from server.detection.baseline import Z_OF_MAD, Accepted, Baselines, accepted_for, robust_z, usual
from server.detection.control import cusum, ewma, ewma_half_width
from server.detection.daily import Daily, counted
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
from server.detection.trends import (
    day_to_day,
    fading,
    least_scores,
    mann_kendall,
    p_value,
    scores,
    theil_sen,
    variance_factor,
)
from server.detection.weight import gain_kg, lost_share, middle_kg, most_lost_share

STREAMS_AT_ONCE: Final = 8192  # their days stay in the cache
NUMBERS: Final = max(facts.number for facts in KINDS.values()) + 1
WEIGHT: Final = KINDS[Kind.WEIGHT].number
CLOSE: Final = 1e-6  # two ways to the same number differ by less
DayRule = DeviationRule | EwmaRule | CusumRule | TrendRule


@dataclass(frozen=True, kw_only=True, slots=True)
class Watched:
    """Streams with a value today, of kinds in clinical.change: their days, what that says of them (NaN and False:
    nothing), what a clinician accepted as usual, and the `least` and `most` of their days."""

    daily: Daily
    agreed: Baselines
    mad_floor: Floats
    smallest: Floats
    low: Bools
    high: Bools
    least: Floats
    most: Floats

    def __len__(self) -> int:
        return len(self.daily)

    def of(self, which: Ints) -> Self:
        return type(self)(
            daily=self.daily.of(which),
            agreed=self.agreed.of(which),
            mad_floor=self.mad_floor[which],
            smallest=self.smallest[which],
            low=self.low[which],
            high=self.high[which],
            least=self.least[which],
            most=self.most[which],
        )

    def charted(self) -> Self:
        """Those with an accepted baseline that may have left it, and of their days those after what it rests on: older
        ones must not testify against it. Neither an average nor a shift is further from its target than the furthest
        of the days is."""
        away = self.smallest - CLOSE
        below, above = self.agreed.center - self.least, self.most - self.agreed.center
        charted = self.of(np.flatnonzero(((below >= away) & self.low) | ((above >= away) & self.high)))
        days = charted.daily.values
        days_of = np.arange(1 - days.shape[1], 1) + self.daily.today
        since = np.where(days_of > charted.agreed.last_day[:, None], days, np.nan)
        return replace(charted, daily=replace(charted.daily, values=since))

    def worse(self, signed: Floats | Ints) -> Bools:
        """A change of this sign is one for the worse."""
        worse: Bools = ((signed < 0) & self.low) | ((signed > 0) & self.high)
        return worse


def evaluate(rules: Sequence[Rule], daily: Daily, accepted: Accepted, now_ms: int) -> list[RuleFinding]:
    """Those of `rules` that look at days. Ordered by stream, then as the rules are."""
    found: list[RuleFinding] = []
    weights = np.flatnonzero(daily.kind == WEIGHT)
    for rule in rules:
        found += _of_weights(rule, daily, weights, now_ms)
    by_days = [rule for rule in rules if isinstance(rule, DayRule)]
    longest = max((rule.days + 1 for rule in by_days), default=0)
    for begin in range(0, len(daily) if by_days else 0, STREAMS_AT_ONCE):
        watched = _watched(daily.of(slice(begin, begin + STREAMS_AT_ONCE)), accepted, longest)
        charted = watched.charted()
        for rule in by_days:
            found += _of_days(rule, watched, charted, now_ms)
    order = {rule.name: place for place, rule in enumerate(rules)}
    found.sort(key=lambda each: (each.patient, KINDS[each.kind].number, order[each.name]))
    return found


def _of_days(rule: DayRule, watched: Watched, charted: Watched, now_ms: int) -> Iterable[RuleFinding]:
    match rule:
        case DeviationRule():
            return deviations(rule, watched, now_ms)
        case EwmaRule():
            return averages_out(rule, charted, now_ms)
        case CusumRule():
            return sums_out(rule, charted, now_ms)
        case TrendRule():
            return drifts(rule, watched, now_ms)


def _of_weights(rule: Rule, daily: Daily, weights: Ints, now_ms: int) -> Iterable[RuleFinding]:
    match rule:
        case WeightGainRule():
            return gains(rule, daily, weights, now_ms)
        case WeightLossRule():
            return losses(rule, daily, weights, now_ms)
        case _:
            return ()


def deviations(rule: DeviationRule, watched: Watched, now_ms: int) -> Iterator[RuleFinding]:
    far = watched.of(_perhaps_far(rule, watched))  # to know what is usual is the dear half: only where it can matter
    daily, today = far.daily, far.daily.values[:, -1]
    baseline = usual(far.agreed, daily.last(rule.days + 1)[:, :-1])
    z = robust_z(today, baseline, far.mad_floor)
    enough = baseline.accepted | (baseline.days >= rule.least_days)
    mad = baseline.believed_mad(far.mad_floor)
    window_ms = _window(daily, rule.days + 1, now_ms)
    for place in np.flatnonzero((np.abs(z) > rule.z) & enough & far.worse(z)).tolist():
        yield rule_finding(
            rule,
            int(daily.key[place]),
            _direction(z[place]),
            window_ms=window_ms,
            readings=int(baseline.days[place]),
            value=today[place],
            usual=baseline.center[place],
            mad=mad[place],
            z=z[place],
            accepted=float(baseline.accepted[place]),
        )


def _perhaps_far(rule: DeviationRule, watched: Watched) -> Ints:
    """Streams whose today is further from the accepted middle, or from the furthest of their days, than the floor of a
    MAD allows: a middle is between the days, and a MAD is no smaller."""
    today, accepted, center = watched.daily.values[:, -1], watched.agreed.accepted, watched.agreed.center
    allowed = rule.z / Z_OF_MAD * watched.mad_floor - CLOSE
    below = np.where(accepted, center, watched.most) - today > allowed
    above = today - np.where(accepted, center, watched.least) > allowed
    return np.flatnonzero((below & watched.low) | (above & watched.high))


def averages_out(rule: EwmaRule, charted: Watched, now_ms: int) -> Iterator[RuleFinding]:
    since, center = charted.daily.last(rule.days), charted.agreed.center
    readings = np.count_nonzero(~np.isnan(since), axis=1)
    average = ewma(since, center, rule.weight)[:, -1]
    half_width = ewma_half_width(charted.agreed.sigma(charted.mad_floor), rule.weight, rule.width, readings)
    away = average - center
    out = (np.abs(away) > half_width) & (np.abs(away) >= charted.smallest)
    window_ms = _window(charted.daily, rule.days, now_ms)
    for place in np.flatnonzero(out & charted.worse(away)).tolist():
        yield rule_finding(
            rule,
            int(charted.daily.key[place]),
            _direction(away[place]),
            window_ms=window_ms,
            readings=int(readings[place]),
            average=average[place],
            usual=center[place],
            limit=center[place] + np.copysign(half_width[place], away[place]),
        )


def sums_out(rule: CusumRule, charted: Watched, now_ms: int) -> Iterator[RuleFinding]:
    since, center = charted.daily.last(rule.days), charted.agreed.center
    sigma = charted.agreed.sigma(charted.mad_floor)
    above, below = cusum(since, center, rule.slack * sigma)
    for sums, sign, worse in ((below, -1, charted.low), (above, 1, charted.high)):
        for place in np.flatnonzero((sums[:, -1] > rule.height * sigma) & worse).tolist():
            # Montgomery's estimate of a shift: the slack and the sum's share of each day since it was last 0.
            zeros = np.flatnonzero(sums[place] == 0)
            begin = int(zeros[-1]) + 1 if zeros.size else 0
            days = int(np.count_nonzero(~np.isnan(since[place, begin:])))
            shift = rule.slack * sigma[place] + sums[place, -1] / days
            if shift >= charted.smallest[place]:
                yield rule_finding(
                    rule,
                    int(charted.daily.key[place]),
                    _direction(sign),
                    window_ms=_window(charted.daily, rule.days - begin, now_ms),
                    readings=days,
                    sum=sums[place, -1],
                    limit=rule.height * sigma[place],
                    usual=center[place],
                    shift=sign * shift,
                )


def drifts(rule: TrendRule, watched: Watched, now_ms: int) -> Iterator[RuleFinding]:
    values = watched.daily.last(rule.days)
    score, count = scores(values), counted(values)
    perhaps = (np.abs(score) >= least_scores(rule.days, rule.z)[count]) & (count >= rule.least_days)
    perhaps &= watched.worse(score)
    watched, values = watched.of(np.flatnonzero(perhaps)), values[perhaps]
    found = mann_kendall(values)
    significant = np.abs(found.z) > rule.z
    places = np.flatnonzero(significant)  # the slope is the dear half: only where it can matter
    slope = theil_sen(values[places], np.arange(float(rule.days)))
    matters = (np.abs(slope) * rule.days > watched.smallest[places]) & (slope * found.score[places] > 0)
    places, slope = places[matters], slope[matters]
    # What is left over from yesterday looks like a direction: so much further from 0 must z be.
    factor = variance_factor(fading(day_to_day(values[places], slope), rule.days))
    z = found.z[places] / np.sqrt(factor)
    certain = np.abs(z) > rule.z
    window_ms = _window(watched.daily, rule.days, now_ms)
    for place, per_day, z_of in zip(
        places[certain].tolist(), slope[certain].tolist(), z[certain].tolist(), strict=True
    ):
        yield rule_finding(
            rule,
            int(watched.daily.key[place]),
            _direction(per_day),
            window_ms=window_ms,
            readings=int(found.count[place]),
            per_day=per_day,
            p=p_value(z_of),
            change=per_day * rule.days,
            smallest=watched.smallest[place],
        )


def gains(rule: WeightGainRule, daily: Daily, weights: Ints, now_ms: int) -> Iterator[RuleFinding]:
    """`weights`: the rows that are such."""
    days = daily.last(rule.days + 1)[weights]
    gained = gain_kg(days, rule.days)
    window_ms = _window(daily, rule.days + 1, now_ms)
    for place in np.flatnonzero(gained > rule.more_than_kg).tolist():
        yield rule_finding(
            rule,
            int(daily.key[weights[place]]),
            "high",
            window_ms=window_ms,
            readings=int(np.count_nonzero(~np.isnan(days[place]))),
            value=days[place, -1],
            gained_kg=gained[place],
            more_than_kg=rule.more_than_kg,
        )


def losses(rule: WeightLossRule, daily: Daily, weights: Ints, now_ms: int) -> Iterator[RuleFinding]:
    """`weights`: the rows that are such."""
    then = daily.last(rule.days + rule.week)[:, : rule.week][weights]
    now = daily.last(rule.week)[weights]
    perhaps = most_lost_share(then, now) >= rule.share - CLOSE
    then, now, weights = then[perhaps], now[perhaps], weights[perhaps]
    share = lost_share(then, now)
    window_ms = _window(daily, rule.days + rule.week, now_ms)
    for place in np.flatnonzero(share >= rule.share).tolist():
        yield rule_finding(
            rule,
            int(daily.key[weights[place]]),
            "low",
            window_ms=window_ms,
            readings=int(np.count_nonzero(~np.isnan([then[place], now[place]]))),
            value=middle_kg(now[place : place + 1])[0],
            lost_share=share[place],
            at_least_share=rule.share,
        )


def _watched(daily: Daily, accepted: Accepted, days: int) -> Watched:
    kind = daily.kind.astype(np.int64)
    which = np.flatnonzero(WATCHED[kind] & ~np.isnan(daily.values[:, -1]))
    kind, key = kind[which], daily.key[which]
    by_day = daily.last(days).take(which, axis=0).T.copy()  # a day is then one piece of memory
    return Watched(
        daily=Daily(key=key, values=by_day.T, midnights_ms=daily.midnights_ms),
        agreed=accepted_for(key, accepted),
        mad_floor=MAD_FLOOR[kind],
        smallest=SMALLEST[kind],
        low=LOW[kind],
        high=HIGH[kind],
        least=np.fmin.reduce(by_day, axis=0),
        most=np.fmax.reduce(by_day, axis=0),
    )


def _by_number(name: str) -> Floats:
    table = np.full(NUMBERS, np.nan)
    for kind, change in CHANGES.items():
        table[KINDS[kind].number] = getattr(change, name)
    return table


MAD_FLOOR, SMALLEST = _by_number("mad_floor"), _by_number("smallest")
LOW, HIGH = _by_number("low") == 1, _by_number("high") == 1
WATCHED: Final = ~np.isnan(MAD_FLOOR)


def _direction(signed: float) -> Direction:
    return "low" if signed < 0 else "high"


def _window(daily: Daily, days: int, now_ms: int) -> tuple[int, int]:
    """From the first midnight of the last `days`, or of what is known of them, until now."""
    return int(daily.midnights_ms[max(len(daily.midnights_ms) - 1 - days, 0)]), now_ms
