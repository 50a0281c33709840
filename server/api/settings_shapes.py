"""What counts, as the public shapes."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from http import HTTPStatus
from typing import Protocol

from devices.limits import Limit
from devices.vocabulary import KINDS, Kind
from server.api import schemas, settings_schemas
from server.api.care_shapes import NO_REV, People, who
from server.api.case import rev_of
from server.api.clinic_shapes import references
from server.api.problems import RefusedError
from server.clinical.plans import PlanItem
from server.clinical.settings import CountingLimit
from server.detection.chosen_rules import numbers_of
from server.detection.home_rules import BOUNDS
from server.detection.home_rules import numbers_of as home_numbers
from server.store.decisions import CountingHome, CountingHomeRule, CountingPlan, CountingRule


def limits(found: Mapping[Kind, CountingLimit], people: People) -> settings_schemas.EffectiveLimits:
    """A kind that is not there has none, and nobody said so."""
    shown = [_limit(kind, found[kind], people) for kind in Kind if kind in found]
    made = settings_schemas.EffectiveLimits(rev=NO_REV, limits=shown)
    return made.model_copy(update={"rev": rev_of(made)})


def _limit(kind: Kind, found: CountingLimit, people: People) -> settings_schemas.EffectiveLimit:
    return settings_schemas.EffectiveLimit(
        kind=kind,
        unit=KINDS[kind].ucum,
        decimals=KINDS[kind].decimals,
        limits=None if found.limit is None else edges(found.limit),
        source=None if found.source is None else found.source.value,
        rests_on=found.basis,
        by=who(people, found.by),
        since=found.at,
        reason=found.reason,
        until=found.until,
        references=references(found.references),
    )


class Edges(Protocol):
    """Four numbers as a screen sends them."""

    @property
    def red_low(self) -> float | None: ...
    @property
    def yellow_low(self) -> float | None: ...
    @property
    def yellow_high(self) -> float | None: ...
    @property
    def red_high(self) -> float | None: ...


def limit(given: Edges) -> Limit:
    """Refused in a sentence when it is none."""
    try:
        return Limit(
            red_low=given.red_low,
            yellow_low=given.yellow_low,
            yellow_high=given.yellow_high,
            red_high=given.red_high,
        )
    except ValueError as error:
        sentence = "The limits must ascend: red low, yellow low, yellow high, red high, each at least the one before."
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, sentence) from error


def edges(limit: Limit) -> schemas.Limits:
    return schemas.Limits(
        red_low=limit.red_low, yellow_low=limit.yellow_low, yellow_high=limit.yellow_high, red_high=limit.red_high
    )


def rules(found: Sequence[CountingRule], people: People) -> settings_schemas.EffectiveRules:
    made = settings_schemas.EffectiveRules(rev=NO_REV, rules=[_rule(each, people) for each in found])
    return made.model_copy(update={"rev": rev_of(made)})


def _rule(found: CountingRule, people: People) -> settings_schemas.EffectiveRule:
    return settings_schemas.EffectiveRule(
        rule=found.rule.name,
        version=found.rule.version,
        colour=found.rule.colour,
        enabled=found.enabled,
        numbers=dict(numbers_of(found.rule)),
        shipped=dict(numbers_of(found.shipped)),
        source=found.decided.source,
        by=who(people, found.decided.by),
        since=found.decided.at,
        reason=found.decided.reason,
        proposal=found.rule.proposal,
        references=references(found.rule.references),
    )


def home_rules(found: CountingHome, people: People) -> settings_schemas.EffectiveHomeRules:
    made = settings_schemas.EffectiveHomeRules(
        home=found.home,
        rev=NO_REV,
        night=settings_schemas.Night(from_at=found.night.from_at, to_at=found.night.to_at),
        rules=[_home_rule(each, people) for each in found.rules],
    )
    return made.model_copy(update={"rev": rev_of(made)})


def _home_rule(found: CountingHomeRule, people: People) -> settings_schemas.EffectiveHomeRule:
    return settings_schemas.EffectiveHomeRule(
        rule=found.rule.name,
        version=found.rule.version,
        enabled=found.rule.enabled,
        numbers=dict(home_numbers(found.rule)),
        shipped=dict(home_numbers(found.shipped)),
        bounds=dict(BOUNDS[found.rule.name]),
        source="shipped" if found.at is None else "home",
        by=who(people, found.by),
        since=found.at,
        reason=found.reason,
        proposal=found.rule.proposal,
        references=references(found.rule.references),
    )


def plans(found: Sequence[CountingPlan], people: People) -> settings_schemas.EffectivePlans:
    made = settings_schemas.EffectivePlans(rev=NO_REV, plan=[_plan(each, people) for each in found])
    return made.model_copy(update={"rev": rev_of(made)})


def _plan(found: CountingPlan, people: People) -> settings_schemas.EffectivePlan:
    item = found.item
    return settings_schemas.EffectivePlan(
        kind=item.kind,
        weekdays=sorted(item.weekdays),
        times=list(item.times),
        before_min=item.before // timedelta(minutes=1),
        after_min=item.after // timedelta(minutes=1),
        source=found.decided.source,
        by=who(people, found.decided.by),
        since=found.decided.at,
        reason=found.decided.reason,
        proposal=item.proposal,
        references=references(item.references),
    )


def plan_item(kind: Kind, wish: settings_schemas.SetPlan) -> PlanItem:
    return PlanItem(
        kind=kind,
        weekdays=frozenset(wish.weekdays),
        times=tuple(sorted(wish.times)),
        before=timedelta(minutes=wish.before_min),
        after=timedelta(minutes=wish.after_min),
    )
