"""Limits, rules and plans: what counts for each patient and home, who set it, and setting it.

Rows are only ever added; the newest one in its place counts (clinical.settings has the order of the places). Whoever
sets something tells everybody that keeps settings in memory, when the transaction commits."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import numpy as np
import psycopg
from msgspec import json

from devices.limits import Limit
from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind
from server.clinical.limits import why_not as unreachable
from server.clinical.pathways import Pathway
from server.clinical.plans import PlanItem, chosen_plan
from server.clinical.plans import why_not as unplannable
from server.clinical.settings import (
    NO_FACTS,
    NO_LIMIT,
    PATIENT_ONLY,
    SAME_LIMIT,
    CountingLimit,
    SaturationFacts,
    SetLimit,
    counting_limit,
    pathway_limits,
    set_in,
)
from server.detection import home_rules as of_home
from server.detection.chosen_rules import Number, chosen_rules, why_not
from server.detection.home_rules import HomeRules, Night
from server.detection.rows import Stream
from server.detection.rules import Rule
from server.errors import CareError
from server.store import facts, queries, signals
from server.store.facts import MOVE_LIMITS
from server.store.setting_rows import plan_items, rule_settings, set_limits

SQL: Final = queries.load("settings")
REASON_MAX: Final = 500
EDGES: Final = ("red_low", "yellow_low", "yellow_high", "red_high")
NO_NUMBERS: Final[Mapping[str, Number]] = MappingProxyType({})
LimitsOf = Mapping[Kind, CountingLimit]


@dataclass(frozen=True, kw_only=True, slots=True)
class OfPatient:
    patient: int


@dataclass(frozen=True, kw_only=True, slots=True)
class OfPathway:
    """Of everybody in a team who is followed up for the same."""

    team: int
    pathway: Pathway


@dataclass(frozen=True, kw_only=True, slots=True)
class OfHome:
    home: int


Place = OfPatient | OfPathway | OfHome


class _Lives(NamedTuple):
    """What a patient's settings follow from. In the order of the statement."""

    patient: int
    team: int
    pathway: Pathway


@dataclass(frozen=True, kw_only=True, slots=True)
class _Limits:
    """What was set, by patient and by team and pathway, and what was said."""

    own: Mapping[int, Mapping[Kind, SetLimit]]
    team: Mapping[tuple[int, Pathway], Mapping[Kind, SetLimit]]
    said: Mapping[int, facts.Facts]


def limits(conn: psycopg.Connection, streams: Sequence[Stream], now: datetime) -> Mapping[Stream, CountingLimit]:
    """Of each stream whose patient there is, as of `now`."""
    found = limits_of(conn, sorted({patient for patient, _ in streams}), now)
    return {
        (patient, number): found[patient].get(KIND_BY_NUMBER[number], NO_LIMIT)
        for patient, number in streams
        if patient in found
    }


def limits_of(conn: psycopg.Connection, patients: Collection[int], now: datetime) -> Mapping[int, LimitsOf]:
    """All limits of each patient that there is; a kind that is not there has none. Most patients share one mapping."""
    lives = _lives(conn, patients)
    given = _given_limits(conn, lives)
    shared = {
        (each.team, each.pathway): pathway_limits(each.pathway, given.team.get((each.team, each.pathway), {}))
        for each in {(each.team, each.pathway): each for each in lives}.values()
    }
    found: dict[int, LimitsOf] = {}
    for each in lives:
        behind = shared[each.team, each.pathway]
        nearer = _nearer(each, given, now)
        found[each.patient] = MappingProxyType({**behind, **nearer}) if nearer else behind
    return found


def rules_of(conn: psycopg.Connection, patients: Collection[int]) -> Mapping[int, tuple[Rule, ...]]:
    """The rules that are on, with the numbers that count."""
    lives = _lives(conn, patients)
    own = _by_place(conn.execute(SQL["own_rules"], _ids("patients", patients)), 1)
    team = _by_place(conn.execute(SQL["team_rules"], _ids("teams", {each.team for each in lives})), 2)
    return {
        each.patient: chosen_rules(
            each.pathway,
            rule_settings(own.get((each.patient,), ())),
            rule_settings(team.get((each.team, each.pathway), ())),
        )
        for each in lives
    }


def home_rules(conn: psycopg.Connection, homes: Collection[int]) -> Mapping[int, HomeRules]:
    """Of every home that there is."""
    of_each = _by_place(conn.execute(SQL["home_rules"], _ids("homes", homes)), 1)
    found: dict[int, HomeRules] = {}
    for home, from_at, to_at in conn.execute(SQL["nights"], _ids("homes", homes)):
        rules = replace(of_home.SHIPPED, night=Night(from_at=from_at, to_at=to_at))
        for name, enabled, numbers, removed in of_each.get((home,), ()):
            if not removed:
                rules = of_home.with_setting(rules, name, enabled=enabled, numbers=numbers)
        found[home] = rules
    return found


def plans_of(conn: psycopg.Connection, patients: Collection[int]) -> Mapping[int, tuple[PlanItem, ...]]:
    """What each patient should measure, and when. Whether there is a device for it is another question."""
    lives = _lives(conn, patients)
    own = _by_place(conn.execute(SQL["own_plans"], _ids("patients", patients)), 1)
    team = _by_place(conn.execute(SQL["team_plans"], _ids("teams", {each.team for each in lives})), 2)
    return {
        each.patient: chosen_plan(
            each.pathway,
            {item.kind: item for item in plan_items(own.get((each.patient,), ()), own=True)},
            {item.kind: item for item in plan_items(team.get((each.team, each.pathway), ()), own=False)},
        )
        for each in lives
    }


def set_limit(
    conn: psycopg.Connection, patient: int, kind: Kind, limit: Limit | None, *, by: int, now: datetime, reason: str
) -> None:
    """The patient's own. None: no longer; Limit(): this kind never alerts. CareError: why not; nothing was set."""
    _insert(conn, "set_limit", {"patient": patient, **_limit(kind, limit)}, by=by, now=now, reason=reason)


def set_pathway_limit(
    conn: psycopg.Connection,
    team: int,
    pathway: Pathway,
    kind: Kind,
    limit: Limit | None,
    *,
    by: int,
    now: datetime,
    reason: str,
) -> None:
    """For all of a team's patients of that pathway who have nothing nearer. `limit` as in `set_limit`."""
    _check_pathway(pathway)
    place = {"team": team, "pathway": str(pathway)}
    _insert(conn, "set_pathway_limit", {**place, **_limit(kind, limit)}, by=by, now=now, reason=reason)


def set_rule(
    conn: psycopg.Connection,
    place: Place,
    rule: str,
    *,
    enabled: bool | None,
    numbers: Mapping[str, Number] = NO_NUMBERS,
    by: int,
    now: datetime,
    reason: str,
) -> None:
    """`enabled` None: what stands behind it counts again. `numbers` stand in place of shipped ones; the others stay."""
    refused = of_home.refused(rule, numbers) if isinstance(place, OfHome) else why_not(rule, numbers)
    if refused:
        raise CareError(refused)
    setting = {"rule": rule, "enabled": bool(enabled), "numbers": json.encode(dict(numbers)).decode()}
    given = {**_place(place), **setting, "removed": enabled is None}
    _insert(conn, "set_rule", given, by=by, now=now, reason=reason)


def set_plan(
    conn: psycopg.Connection,
    place: OfPatient | OfPathway,
    kind: Kind,
    item: PlanItem | None,
    *,
    by: int,
    now: datetime,
    reason: str,
) -> None:
    """None: what stands behind it counts again; an item without times: nothing is awaited."""
    if item is not None and (item.kind is not kind or (refused := unplannable(item))):
        raise CareError(f"The plan for {kind} is one for {item.kind}." if item.kind is not kind else refused)
    _insert(conn, "set_plan", {**_place(place), **_plan(kind, item)}, by=by, now=now, reason=reason)


def _insert(
    conn: psycopg.Connection, statement: str, given: dict[str, Any], *, by: int, now: datetime, reason: str
) -> None:
    if not reason.strip():
        raise CareError("Say why it is set so: the reason stays on record.")
    if len(reason) > REASON_MAX:
        raise CareError(f"The reason has {len(reason)} characters: at most {REASON_MAX} are kept.")
    try:
        with conn.transaction():
            done = conn.execute(SQL[statement], {**given, "by": by, "now": now, "reason": reason.strip()}).rowcount
    except psycopg.errors.UniqueViolation as error:
        raise CareError("Somebody else has set it in this very moment: look at it again.") from error
    if not done:
        raise CareError("There is no such patient, team or home that you could set it for.")
    signals.send(conn, signals.Channel.ENROLMENT, given.get("patient") or "")


def _place(place: Place) -> dict[str, Any]:
    nowhere: dict[str, Any] = {"patient": None, "team": None, "pathway": None, "home": None}
    match place:
        case OfPatient():
            return nowhere | {"patient": place.patient}
        case OfPathway():
            _check_pathway(place.pathway)
            return nowhere | {"team": place.team, "pathway": str(place.pathway)}
        case OfHome():
            return nowhere | {"home": place.home}


def _check_pathway(pathway: Pathway) -> None:
    if pathway in PATIENT_ONLY:
        raise CareError(f"Nothing is set for everybody in {pathway} care: set it for the patient who needs it.")


def _limit(kind: Kind, limit: Limit | None) -> dict[str, Any]:
    given = limit or Limit()
    if refused := unreachable(kind, given):
        raise CareError(refused)
    return {"kind": KINDS[kind].number, "removed": limit is None, **{name: getattr(given, name) for name in EDGES}}


def _plan(kind: Kind, item: PlanItem | None) -> dict[str, Any]:
    return {
        "kind": KINDS[kind].number,
        "weekdays": sorted(item.weekdays) if item else [],
        "times": list(item.times) if item else [],
        "before_min": item.before // timedelta(minutes=1) if item else 0,
        "after_min": item.after // timedelta(minutes=1) if item else 0,
        "removed": item is None,
    }


def _lives(conn: psycopg.Connection, patients: Collection[int]) -> list[_Lives]:
    rows = conn.execute(SQL["pathways"], _ids("patients", patients))
    return [_Lives(patient, team, Pathway(pathway)) for patient, team, pathway in rows]


def _given_limits(conn: psycopg.Connection, lives: Sequence[_Lives]) -> _Limits:
    patients = [each.patient for each in lives]
    own = _by_place(conn.execute(SQL["own_limits"], _ids("patients", patients)), 1)
    team = _by_place(conn.execute(SQL["team_limits"], _ids("teams", {each.team for each in lives})), 2)
    return _Limits(
        own={patient: set_limits(rows) for (patient,), rows in own.items()},
        team={(team_id, Pathway(pathway)): set_limits(rows) for (team_id, pathway), rows in team.items()},
        said=facts.of_patients(conn, patients, MOVE_LIMITS),
    )


def _nearer(patient: _Lives, given: _Limits, now: datetime) -> dict[Kind, CountingLimit]:
    """What is set or said of this patient, in place of the pathway's."""
    own = given.own.get(patient.patient, {})
    team = given.team.get((patient.team, patient.pathway), {})
    said: SaturationFacts = given.said[patient.patient].saturation
    kinds = {*own, *(SAME_LIMIT[kind] for kind in own if kind in SAME_LIMIT)}
    if said != NO_FACTS:
        kinds.add(Kind.SPO2)
    return {
        kind: counting_limit(patient.pathway, kind, now, own=set_in(own, kind), facts=said, team=set_in(team, kind))
        for kind in kinds
    }


def _ids(name: str, ids: Collection[int]) -> dict[str, Any]:
    return {name: np.array(sorted(ids), np.int32)}


def _by_place(rows: Iterable[tuple[Any, ...]], key: int) -> Mapping[tuple[Any, ...], list[tuple[Any, ...]]]:
    """The first `key` columns say whose it is."""
    found: defaultdict[tuple[Any, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for row in rows:
        found[row[:key]].append(row[key:])
    return found
