"""Rows of settings as the values that the core wants, and as a history that people read."""

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from devices.limits import Limit
from devices.vocabulary import KIND_BY_NUMBER, Kind
from server.clinical.plans import PlanItem
from server.clinical.references import PERSONAL, TEAM_SETTING
from server.clinical.settings import SetLimit
from server.detection.chosen_rules import RuleSetting

What = Literal["limit", "rule", "plan"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class SettingRow:
    """`setting`: of a limit its four numbers, of a rule `enabled` and `numbers`, of a plan `weekdays`, `times`,
    `before_min` and `after_min`. `removed`: from then on what stands behind it counts. `by` None: an enrolment list."""

    what: What
    kind: Kind | None
    rule: str | None
    setting: Mapping[str, Any]
    removed: bool
    by: int | None
    by_name: str | None
    at: datetime
    reason: str


def setting_row(row: tuple[Any, ...]) -> SettingRow:
    what, kind, rule, setting, removed, by, by_name, at, reason = row
    return SettingRow(
        what=cast(What, what),
        kind=None if kind is None else KIND_BY_NUMBER[kind],
        rule=rule,
        setting=setting,
        removed=removed,
        by=by,
        by_name=by_name,
        at=at,
        reason=reason,
    )


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
