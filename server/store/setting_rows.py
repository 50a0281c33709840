"""Rows of settings as the values that the core wants."""

import logging
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from devices.limits import Limit
from devices.vocabulary import KIND_BY_NUMBER, Kind
from server.clinical.plans import PlanItem
from server.clinical.references import PERSONAL, TEAM_SETTING
from server.clinical.settings import SetLimit
from server.detection.chosen_rules import RuleSetting

log = logging.getLogger(__name__)


def set_limits(rows: Iterable[tuple[Any, ...]]) -> dict[Kind, SetLimit]:
    """One that no program of ours wrote, and that is no limit, hurts itself alone: what stands behind it counts."""
    found: dict[Kind, SetLimit] = {}
    for number, red_low, yellow_low, yellow_high, red_high, by, at, reason, removed in rows:
        if removed:
            continue
        try:
            limit = Limit(red_low=red_low, yellow_low=yellow_low, yellow_high=yellow_high, red_high=red_high)
        except ValueError as error:
            log.error("a limit that was set at %s for kind %s cannot be used: %s", at, number, error)
        else:
            found[KIND_BY_NUMBER[number]] = SetLimit(limit=limit, by=by, at=at, reason=reason)
    return found


def rule_settings(rows: Iterable[tuple[Any, ...]]) -> dict[str, RuleSetting]:
    return {
        rule: RuleSetting(enabled=enabled, numbers=numbers) for rule, enabled, numbers, removed in rows if not removed
    }


def plan_items(rows: Iterable[tuple[Any, ...]], *, own: bool) -> Iterable[PlanItem]:
    for number, weekdays, times, before_min, after_min, removed in rows:
        if not removed:
            yield PlanItem(
                kind=KIND_BY_NUMBER[number],
                weekdays=frozenset(weekdays),
                times=tuple(sorted(times)),
                before=timedelta(minutes=before_min),
                after=timedelta(minutes=after_min),
                references=(PERSONAL if own else TEAM_SETTING,),
            )
