"""What staff decided, with who, when and why, as screens show it. Everything goes through row-level security: call
`sessions.identify` first. Deciding itself is in `facts`, `settings` and `excuses`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from psycopg import Connection

from devices.vocabulary import KINDS, Kind
from server.clinical.glucose_days import midnight
from server.clinical.here import HERE
from server.clinical.pathways import Pathway
from server.clinical.plans import PLANS, PlanItem
from server.clinical.settings import CountingLimit, pathway_limits, reached
from server.detection.chosen_rules import RuleSetting, set_to
from server.detection.days import Hours
from server.detection.home_rules import SHIPPED, HomeRule, Night, with_setting
from server.detection.proposal import REMEMBERED_DAYS, Proposal, proposal
from server.detection.rules import RULES, RULES_OF, Rule
from server.store import arrays, queries
from server.store.setting_rows import plan_items, set_limits

SQL: Final = queries.load("decisions")
Place = Literal["patient", "team", "shipped"]
NO_HOURS: Final = Hours(
    key=np.empty(0, np.int64),
    hour_ms=np.empty(0, np.int64),
    mean=np.empty(0),
    until_ms=np.empty(0, np.int64),
    continuous=np.empty(0, np.bool_),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Whose:
    """A patient with the team and pathway behind; or, `patient` None, the pathway alone."""

    patient: int | None
    team: int
    pathway: Pathway

    def behind(self) -> "Whose":
        return Whose(patient=None, team=self.team, pathway=self.pathway)


@dataclass(frozen=True, kw_only=True, slots=True)
class Decided:
    """`by` and `at` None: it is shipped, or (`at` given) came with an enrolment list."""

    source: Place
    by: int | None = None
    at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CountingRule:
    """`rule` with the numbers that count, also while it is off."""

    rule: Rule
    shipped: Rule
    enabled: bool
    decided: Decided


@dataclass(frozen=True, kw_only=True, slots=True)
class CountingPlan:
    """An item without times says: nothing is awaited."""

    item: PlanItem
    decided: Decided


@dataclass(frozen=True, kw_only=True, slots=True)
class CountingHomeRule:
    """`by`, `at` None: it is shipped."""

    rule: HomeRule
    shipped: HomeRule
    by: int | None = None
    at: datetime | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CountingHome:
    home: int
    night: Night
    rules: tuple[CountingHomeRule, ...]


class ChangePlace(NamedTuple):
    """In the order of changes: newer ones are greater."""

    at: datetime
    rank: int
    id: int


class ChangeRow(NamedTuple):
    """In the order of the statement. `rank` says what it is (RANKS); `what`: the fact's type, the rule, or why."""

    at: datetime
    rank: int
    id: int
    by: int | None
    reason: str
    of_team: bool
    kind: int | None
    what: str | None
    content: Mapping[str, Any]

    @property
    def place(self) -> ChangePlace:
        return ChangePlace(self.at, self.rank, self.id)


FACT, FACT_WITHDRAWN, OWN_LIMIT, TEAM_LIMIT, RULE, PLAN, EXCUSE, EXCUSE_ENDED, HOME_RULE = range(1, 10)


def limits_of_pathway(conn: Connection, team: int, pathway: Pathway) -> Mapping[Kind, CountingLimit]:
    rows = conn.execute(SQL["limits_of_pathway"], {"team": team, "pathway": str(pathway)}).fetchall()
    return pathway_limits(pathway, set_limits(rows))


def rules(conn: Connection, whose: Whose) -> list[CountingRule]:
    """Every rule that there is, also those that are off."""
    own = _rules_set(conn, whose) if whose.patient is not None else {}
    team = reached(whose.pathway, _rules_set(conn, whose.behind())) or {}
    on = {rule.name for rule in RULES_OF[whose.pathway]}
    found = []
    for shipped in RULES:
        set_here = own.get(shipped.name) or team.get(shipped.name)
        if set_here is None:
            decided, setting = Decided(source="shipped"), RuleSetting(enabled=shipped.name in on)
        else:
            decided, setting = set_here
        rule = set_to(shipped, setting)
        found.append(CountingRule(rule=rule, shipped=shipped, enabled=setting.enabled, decided=decided))
    return found


def plans(conn: Connection, whose: Whose) -> list[CountingPlan]:
    """By kind, also those that say that nothing is awaited."""
    own = _plans_set(conn, whose) if whose.patient is not None else {}
    team = reached(whose.pathway, _plans_set(conn, whose.behind())) or {}
    shipped = {item.kind: CountingPlan(item=item, decided=Decided(source="shipped")) for item in PLANS[whose.pathway]}
    found = {**shipped, **team, **own}
    return [found[kind] for kind in Kind if kind in found]


def home_rules(conn: Connection, home: int) -> CountingHome:
    """Every rule that there is, also those that are off. The home is one that the caller sees."""
    night = conn.execute(SQL["night"], {"home": home}).fetchone()
    assert night is not None, "a patient's home is seen by who sees the patient"
    set_here = {row[0]: row[1:] for row in conn.execute(SQL["home_rules_set"], {"home": home}) if not row[-1]}
    found = []
    for name, shipped in SHIPPED.named().items():
        if name not in set_here:
            found.append(CountingHomeRule(rule=shipped, shipped=shipped))
            continue
        enabled, numbers, by, at, reason, _ = set_here[name]
        changed = with_setting(SHIPPED, name, enabled=enabled, numbers=numbers)
        found.append(CountingHomeRule(rule=changed.named()[name], shipped=shipped, by=by, at=at, reason=reason))
    return CountingHome(home=home, night=Night(from_at=night[0], to_at=night[1]), rules=tuple(found))


def because_withdrawn(conn: Connection, patient: int, fact: int, reason: str) -> None:
    conn.execute(SQL["fact_withdrawn_because"], {"id": fact, "patient": patient, "reason": reason})


def because_ended(conn: Connection, excuse: int, reason: str) -> None:
    conn.execute(SQL["excuse_ended_because"], {"id": excuse, "reason": reason})


def baseline_proposal(conn: Connection, patient: int, kind: Kind, *, last_day: date, window_days: int) -> Proposal:
    """Of the days up to `last_day`, by the clock in Norway."""
    first = last_day - timedelta(days=window_days - 1)
    every = [first + timedelta(days=each) for each in range(-REMEMBERED_DAYS, window_days + 2)]
    midnights = [midnight(day, HERE).astimezone(UTC) for day in every]
    hours = _hours(conn, patient, kind, midnights[0], midnights[-2])
    days = every[REMEMBERED_DAYS : REMEMBERED_DAYS + window_days]
    return proposal(hours, np.array([round(each.timestamp() * 1000) for each in midnights], np.int64), days)


def changes(conn: Connection, whose: Whose, *, before: ChangePlace | None, most: int) -> list[ChangeRow]:
    """The newest first."""
    at, rank, id_ = before or (None, 0, 0)
    given = {"patient": whose.patient, "team": whose.team, "pathway": str(whose.pathway), "most": most}
    rows = conn.execute(SQL["changes"], {**given, "before_at": at, "before_rank": rank, "before_id": id_})
    return [ChangeRow._make(row) for row in rows]


def _source(whose: Whose) -> Place:
    return "team" if whose.patient is None else "patient"


def _place(whose: Whose) -> dict[str, Any]:
    """One of the two: a patient's own rows are not mixed with the pathway's."""
    if whose.patient is None:
        return {"patient": None, "team": whose.team, "pathway": str(whose.pathway)}
    return {"patient": whose.patient, "team": None, "pathway": None}


def _rules_set(conn: Connection, whose: Whose) -> dict[str, tuple[Decided, RuleSetting]]:
    return {
        rule: (
            Decided(source=_source(whose), by=by, at=at, reason=reason),
            RuleSetting(enabled=enabled, numbers=numbers),
        )
        for rule, enabled, numbers, by, at, reason, removed in conn.execute(SQL["rules_set"], _place(whose))
        if not removed
    }


def _plans_set(conn: Connection, whose: Whose) -> dict[Kind, CountingPlan]:
    found = {}
    for *row, by, at, reason, removed in conn.execute(SQL["plans_set"], _place(whose)):
        for item in plan_items([(*row, removed)], own=whose.patient is not None):
            decided = Decided(source=_source(whose), by=by, at=at, reason=reason)
            found[item.kind] = CountingPlan(item=item, decided=decided)
    return found


def _hours(conn: Connection, patient: int, kind: Kind, from_at: datetime, to_at: datetime) -> Hours:
    given = {"patient": patient, "kind": KINDS[kind].number, "from_at": from_at, "to_at": to_at}
    with conn.cursor(binary=True) as cursor:
        arrays.register_loaders(cursor)
        row = cursor.execute(SQL["hours"], given).fetchone()
    if row is None or row[0] is None:
        return NO_HOURS
    hour_ms, mean, until_ms, continuous = row
    return Hours(
        key=np.zeros(len(hour_ms), np.int64),
        hour_ms=hour_ms,
        mean=mean,
        until_ms=until_ms,
        continuous=continuous.astype(np.bool_),
    )
