"""Which slow rules are looked at for a patient, with which numbers: the patient's setting, else the team's for the
pathway, else the shipped one (clinical.settings). A setting replaces the one behind it whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from math import isfinite
from types import MappingProxyType
from typing import Any, Final

from server.clinical.pathways import Pathway
from server.clinical.settings import nearest, reached
from server.detection.rules import RULES, RULES_OF, Rule

Number = float | int


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleSetting:
    """`numbers` in place of the shipped ones; those that it does not name stay."""

    enabled: bool
    numbers: Mapping[str, Number] = field(default_factory=dict)


RULE: Final[Mapping[str, Rule]] = MappingProxyType({rule.name: rule for rule in RULES})
_OF_EVERY_RULE: Final = frozenset(each.name for each in fields(Rule))

# The smallest and the largest that a number of this name may be: beyond it is rather a slip of the pen [proposal].
BOUNDS: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "z": (0.5, 20),
        "days": (1, 200),
        "least_days": (1, 200),
        "weight": (0.01, 1),
        "width": (0.5, 10),
        "slack": (0, 5),
        "height": (0.5, 50),
        "more_than_kg": (0.1, 50),
        "share": (0.005, 0.5),
        "week": (1, 28),
        "below_mmol_per_l": (2, 10),
        "within_min": (5, 60),
        "in_a_row": (1, 12),
        "mmol_per_l_per_min": (0.01, 1),
        "at_most_mmol_per_l": (3, 30),
        "systolic_mmhg": (80, 250),
        "diastolic_mmhg": (40, 150),
        "least_readings": (1, 28),
    }
)


def numbers_of(rule: Rule) -> Mapping[str, Number]:
    """What can be set of it, as it stands."""
    named = {each.name: getattr(rule, each.name) for each in fields(rule) if each.name not in _OF_EVERY_RULE}
    return {name: value for name, value in named.items() if isinstance(value, float | int)}


def why_not(name: str, numbers: Mapping[str, Number]) -> str:
    """A sentence; "": the rule can be set so."""
    rule = RULE.get(name)
    if rule is None:
        return f"There is no rule {name!r}: choose one of {', '.join(RULE)}."
    shipped = numbers_of(rule)
    for key, value in numbers.items():
        if key not in shipped:
            return f"The rule {name} has no number {key!r}: {_names(shipped)}."
        if wrong := _why_not_so(f"{key} of {name}", shipped[key], value, BOUNDS.get(key)):
            return wrong
    chosen = {**shipped, **numbers}
    if chosen.get("least_days", 0) > chosen.get("days", float("inf")):
        return (
            f"The rule {name} cannot ask for {chosen['least_days']:g} of {chosen['days']:g} days: least_days is more."
        )
    return ""


def _why_not_so(what: str, shipped: Number, value: Number, bounds: tuple[float, float] | None) -> str:
    if isinstance(value, bool) or not isinstance(value, float | int) or not isfinite(value):
        return f"{what} must be a number."
    if isinstance(shipped, int) and value != int(value):
        return f"{what} must be a whole number, not {value:g}."
    lowest, highest = bounds or (0, 1e6)
    if not lowest <= value <= highest:
        return f"{what} must be between {lowest:g} and {highest:g}, not {value:g}."
    return ""


def _names(numbers: Mapping[str, Number]) -> str:
    return f"it has {', '.join(numbers)}" if numbers else "it can only be on or off"


def set_to(rule: Rule, setting: RuleSetting) -> Rule:
    """The version stays: the rule is the same, its numbers are another team's."""
    shipped = numbers_of(rule)
    numbers: dict[str, Any] = {
        key: type(shipped[key])(value) for key, value in setting.numbers.items() if key in shipped
    }
    return replace(rule, **numbers) if numbers else rule


def chosen_rules(pathway: Pathway, own: Mapping[str, RuleSetting], team: Mapping[str, RuleSetting]) -> tuple[Rule, ...]:
    """Those that are on, in the order of RULES. `own` and `team` by the rule's name, without what was removed."""
    return tuple(_chosen(pathway, own, team))


def _chosen(pathway: Pathway, own: Mapping[str, RuleSetting], team: Mapping[str, RuleSetting]) -> Iterable[Rule]:
    shipped = {rule.name for rule in RULES_OF[pathway]}
    for rule in RULES:
        setting = nearest(own.get(rule.name), reached(pathway, team.get(rule.name)))
        if setting is None and rule.name in shipped:
            yield rule
        elif setting is not None and setting.enabled:
            yield set_to(rule, setting)
