"""All slow rules over a batch of streams, whatever its size: histories in, findings out, and what was looked at.

What is found depends on the stored readings and on `now` alone, not on the batch, nor on the order in which the
readings came. Rules that look at days judge each day since the oldest new reading, a closed one as of its end; the
others judge `now`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

import numpy as np

from devices.vocabulary import KINDS
from server.detection.baseline import Accepted, accepted_columns
from server.detection.daily import Daily
from server.detection.days import Days, days_of
from server.detection.histories import Histories, Judged, RulesOf
from server.detection.looking import looked_at
from server.detection.now_rules import as_of, judge_now
from server.detection.panel import NEVER
from server.detection.patient_rules import Known
from server.detection.rows import Bools, Ints
from server.detection.rule_findings import Looked, RuleFinding
from server.detection.rules import Rule
from server.detection.slow_rules import evaluate

AsOf = tuple[Daily, Ints]
DAYS_BACK: Final = 14  # so far back days of a backlog are judged one by one [proposal]


@dataclass(frozen=True, kw_only=True, slots=True)
class Assessed:
    """The oldest day first. `unripe`: streams of which today is not enough yet to be judged."""

    rounds: tuple[Judged, ...]
    unripe: frozenset[int]


def assess(histories: Histories, rules: RulesOf, known: Mapping[int, Known], now_ms: int) -> Assessed:
    """`rules`: who is not in it is not looked at."""
    days = days_of(histories.hours, histories.midnights_ms)
    accepted = accepted_columns(each for patient in sorted(known) for each in known[patient].baselines)
    first = _first_days(days, histories.since_ms)
    span = range(int(first.min(initial=days.today)), days.today + 1)
    last = np.max([np.where(days.enough(day), day, -1) for day in span], axis=0)
    rounds = [
        _judge_day(days.as_of(day, first <= day), last[first <= day] == day, rules, accepted, now_ms) for day in span
    ]
    now = _joined([rounds[-1], *judge_now(histories, rules, known, now_ms)])
    return Assessed(rounds=(*rounds[:-1], now), unripe=frozenset(days.unripe().tolist()))


def _first_days(days: Days, since_ms: Mapping[int, int]) -> Ints:
    midnights_ms, keys = days.daily.midnights_ms, days.daily.key.tolist()
    since = np.array([since_ms.get(key, NEVER) for key in keys], np.int64)
    day = np.searchsorted(midnights_ms, since, side="right") - 1
    return np.clip(day, max(days.today - DAYS_BACK, 0), days.today)


def _judge_day(as_of_day: AsOf, is_last: Bools, rules: RulesOf, accepted: Accepted, now_ms: int) -> Judged:
    """`is_last`: no later day of this stream is judged. What was so on an earlier one ends nothing that stands now."""
    daily, until_ms = as_of_day
    at_ms = min(int(daily.midnights_ms[-1]), now_ms)
    newest = dict(zip(daily.key.tolist(), until_ms.tolist(), strict=True))
    found: list[RuleFinding] = []
    looked: list[Looked] = []
    for chosen, streams in _by_rules(daily, rules):
        told = evaluate(chosen, streams, accepted, at_ms)
        found += [as_of(each, newest[_key(each)]) for each in told]
    for chosen, streams in _by_rules(daily.of(is_last), rules):
        looked += looked_at(chosen, streams, accepted, newest)
    return Judged(found=tuple(sorted(found, key=_place)), looked=tuple(looked))


def _by_rules(daily: Daily, rules: RulesOf) -> Iterator[tuple[tuple[Rule, ...], Daily]]:
    """Streams of patients with the same rules together: most have those of their pathway, some have numbers of their
    own."""
    sets: dict[tuple[Rule, ...], list[int]] = {}
    for patient in np.unique(daily.patient).tolist():
        if rules.get(patient):
            sets.setdefault(rules[patient], []).append(patient)
    for chosen, patients in sets.items():
        yield chosen, daily.of(np.isin(daily.patient, patients))


def _joined(parts: Iterable[Judged]) -> Judged:
    parts = list(parts)
    return Judged(
        found=tuple(sorted(chain.from_iterable(each.found for each in parts), key=_place)),
        looked=tuple(chain.from_iterable(each.looked for each in parts)),
    )


def _place(finding: RuleFinding) -> tuple[int, str, str]:
    return _key(finding), finding.name, finding.direction


def _key(finding: RuleFinding) -> int:
    return (finding.patient << 16) | KINDS[finding.kind].number
