"""Limits, rules and the measuring plan: what counts for a patient and why, the patient's own, and a team's pathway."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

from fastapi import APIRouter, Depends, Path, Query

from devices.vocabulary import Kind
from server.access import Deed
from server.api import care, case
from server.api import settings_shapes as made
from server.api.care import CHANGES_AT_ONCE, Cursor
from server.api.care_schemas import Changes
from server.api.case import CONFLICT, Asking, Asks, PatientId, TeamId
from server.api.desk import DeskOfApp, Token, Work
from server.api.settings_schemas import (
    EffectiveLimits,
    EffectivePlans,
    EffectiveRules,
    SetLimit,
    SetPlan,
    SetRule,
    TakeBack,
)
from server.clinical import deeds
from server.clinical.pathways import Pathway
from server.store import decisions, settings
from server.store.clinic import Followed
from server.store.decisions import Whose
from server.store.settings import OfPathway, OfPatient

RuleName = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,60}$")]
Wish = SetLimit | SetRule | SetPlan | TakeBack
Shown = TypeVar("Shown", EffectiveLimits, EffectiveRules, EffectivePlans)

OF_PATIENT = "/patients/{patient}"
OF_PATHWAY = "/teams/{team}/pathways/{pathway}"
router = APIRouter(prefix="/api/v1", tags=["settings"], dependencies=case.SIGNED_IN)
changing: dict[str, Any] = {"responses": CONFLICT}


# ---- whose settings


@dataclass(frozen=True, slots=True)
class OnePatient:
    patient: int
    asks: Asking

    @contextmanager
    def change(self, what: str, deed: Callable[[Followed], Deed]) -> Iterator[tuple[Work, Whose]]:
        with case.change(self.asks.desk, self.asks.token, self.patient, what, deed) as work:
            yield work, _whose(work, self.patient)


@dataclass(frozen=True, slots=True)
class OnePathway:
    team: int
    pathway: Pathway
    asks: Asking

    @contextmanager
    def change(self, what: str, deed: Callable[[Followed], Deed]) -> Iterator[tuple[Work, Whose]]:
        """One deed for all of a pathway, whatever it would be for a patient."""
        with self.asks.desk.work(self.asks.token) as work:
            whose = _pathway_of(work, self.team, self.pathway)
            case.must_do(work, self.team, Deed.SET_PATHWAYS)
            case.hold_team(work, self.team)
            yield work, whose


def _one_patient(patient: PatientId, asks: Asks) -> OnePatient:
    return OnePatient(patient, asks)


def _one_pathway(team: TeamId, pathway: Pathway, asks: Asks) -> OnePathway:
    return OnePathway(team, pathway, asks)


APatient: TypeAlias = Annotated[OnePatient, Depends(_one_patient)]
APathway: TypeAlias = Annotated[OnePathway, Depends(_one_pathway)]


# ---- limits


@router.get(OF_PATIENT + "/limits")
def get_limits(patient: PatientId, desk: DeskOfApp, token: Token) -> EffectiveLimits:
    """What counts now: the patient's own, else a prescribed range or an accepted baseline, else the team's, else the
    shipped one. A kind that is not there never alerts by its value."""
    with case.look(desk, token, patient, "limits") as work:
        return _limits(work, _whose(work, patient))


@router.post(OF_PATIENT + "/limits/{kind}", **changing)
def set_limit(of: APatient, kind: Kind, wish: SetLimit) -> EffectiveLimits:
    """The patient's own, in place of all others. In palliative care only a doctor sets them."""
    return _change_limit(of, kind, wish)


@router.post(OF_PATIENT + "/limits/{kind}/take-back", **changing)
def take_back_limit(of: APatient, kind: Kind, wish: TakeBack) -> EffectiveLimits:
    return _change_limit(of, kind, wish)


@router.get(OF_PATHWAY + "/limits")
def get_pathway_limits(team: TeamId, pathway: Pathway, desk: DeskOfApp, token: Token) -> EffectiveLimits:
    with desk.work(token) as work:
        return _limits(work, _pathway_of(work, team, pathway))


@router.post(OF_PATHWAY + "/limits/{kind}", **changing)
def set_pathway_limit(of: APathway, kind: Kind, wish: SetLimit) -> EffectiveLimits:
    """For all of the team's patients in the pathway who have nothing nearer."""
    return _change_limit(of, kind, wish)


@router.post(OF_PATHWAY + "/limits/{kind}/take-back", **changing)
def take_back_pathway_limit(of: APathway, kind: Kind, wish: TakeBack) -> EffectiveLimits:
    return _change_limit(of, kind, wish)


# ---- rules


@router.get(OF_PATIENT + "/rules")
def get_rules(patient: PatientId, desk: DeskOfApp, token: Token) -> EffectiveRules:
    """All rules, also those that are off for this patient."""
    with case.look(desk, token, patient, "rules") as work:
        return _rules(work, _whose(work, patient))


@router.post(OF_PATIENT + "/rules/{rule}", **changing)
def set_rule(of: APatient, rule: RuleName, wish: SetRule) -> EffectiveRules:
    """In palliative care only a doctor sets them."""
    return _change_rule(of, rule, wish)


@router.post(OF_PATIENT + "/rules/{rule}/take-back", **changing)
def take_back_rule(of: APatient, rule: RuleName, wish: TakeBack) -> EffectiveRules:
    return _change_rule(of, rule, wish)


@router.get(OF_PATHWAY + "/rules")
def get_pathway_rules(team: TeamId, pathway: Pathway, desk: DeskOfApp, token: Token) -> EffectiveRules:
    with desk.work(token) as work:
        return _rules(work, _pathway_of(work, team, pathway))


@router.post(OF_PATHWAY + "/rules/{rule}", **changing)
def set_pathway_rule(of: APathway, rule: RuleName, wish: SetRule) -> EffectiveRules:
    return _change_rule(of, rule, wish)


@router.post(OF_PATHWAY + "/rules/{rule}/take-back", **changing)
def take_back_pathway_rule(of: APathway, rule: RuleName, wish: TakeBack) -> EffectiveRules:
    return _change_rule(of, rule, wish)


# ---- the measuring plan


@router.get(OF_PATIENT + "/plan")
def get_plan(patient: PatientId, desk: DeskOfApp, token: Token) -> EffectivePlans:
    """What the patient should measure, and when. It is awaited only while a device for it is bound to the patient."""
    with case.look(desk, token, patient, "plan") as work:
        return _plans(work, _whose(work, patient))


@router.post(OF_PATIENT + "/plan/{kind}", **changing)
def set_plan(of: APatient, kind: Kind, wish: SetPlan) -> EffectivePlans:
    """Without `times` nothing is awaited of this kind."""
    return _change_plan(of, kind, wish)


@router.post(OF_PATIENT + "/plan/{kind}/take-back", **changing)
def take_back_plan(of: APatient, kind: Kind, wish: TakeBack) -> EffectivePlans:
    return _change_plan(of, kind, wish)


@router.get(OF_PATHWAY + "/plan")
def get_pathway_plan(team: TeamId, pathway: Pathway, desk: DeskOfApp, token: Token) -> EffectivePlans:
    with desk.work(token) as work:
        return _plans(work, _pathway_of(work, team, pathway))


@router.post(OF_PATHWAY + "/plan/{kind}", **changing)
def set_pathway_plan(of: APathway, kind: Kind, wish: SetPlan) -> EffectivePlans:
    return _change_plan(of, kind, wish)


@router.post(OF_PATHWAY + "/plan/{kind}/take-back", **changing)
def take_back_pathway_plan(of: APathway, kind: Kind, wish: TakeBack) -> EffectivePlans:
    return _change_plan(of, kind, wish)


@router.get(OF_PATHWAY + "/changes")
def get_pathway_changes(
    team: TeamId,
    pathway: Pathway,
    desk: DeskOfApp,
    token: Token,
    before: Cursor = None,
    most: Annotated[int, Query(ge=1, le=CHANGES_AT_ONCE)] = 50,
) -> Changes:
    """Who decided what for the pathway, and why. `before`: `next` of a page."""
    with desk.work(token) as work:
        return care.changes(work, _pathway_of(work, team, pathway), before, most)


# ---- what counts now


def _limits(work: Work, whose: Whose) -> EffectiveLimits:
    if whose.patient is None:
        found = decisions.limits_of_pathway(work.conn, whose.team, whose.pathway)
    else:
        found = settings.limits_of(work.conn, [whose.patient], work.now)[whose.patient]
    return made.limits(found, case.people(work, [each.by for each in found.values()]))


def _rules(work: Work, whose: Whose) -> EffectiveRules:
    found = decisions.rules(work.conn, whose)
    return made.rules(found, case.people(work, [each.decided.by for each in found]))


def _plans(work: Work, whose: Whose) -> EffectivePlans:
    found = decisions.plans(work.conn, whose)
    return made.plans(found, case.people(work, [each.decided.by for each in found]))


# ---- deciding


@dataclass(frozen=True, slots=True)
class _Matter(Generic[Shown]):
    """`deed`: what somebody must be allowed to do to set a patient's own."""

    one: str
    all: str
    show: Callable[[Work, Whose], Shown]
    deed: Callable[[Followed], Deed]


def _may_alert(mine: Followed) -> Deed:
    return deeds.to_make_alert(mine.pathway)


LIMIT: Final = _Matter("limit", "limits", _limits, _may_alert)
RULE: Final = _Matter("rule", "rules", _rules, _may_alert)
PLAN: Final = _Matter("plan", "plans", _plans, lambda _: Deed.SET_CARE)


def _change_limit(of: OnePatient | OnePathway, kind: Kind, wish: SetLimit | TakeBack) -> EffectiveLimits:
    limit = made.limit(wish) if isinstance(wish, SetLimit) else None

    def decide(work: Work, whose: Whose) -> None:
        by, now, reason = work.caller.staff, work.now, wish.reason
        if whose.patient is not None:
            settings.set_limit(work.conn, whose.patient, kind, limit, by=by, now=now, reason=reason)
        else:
            team, pathway = whose.team, whose.pathway
            settings.set_pathway_limit(work.conn, team, pathway, kind, limit, by=by, now=now, reason=reason)

    return _decide(of, LIMIT, kind, wish, decide)


def _change_rule(of: OnePatient | OnePathway, rule: str, wish: SetRule | TakeBack) -> EffectiveRules:
    enabled, numbers = (wish.enabled, wish.numbers) if isinstance(wish, SetRule) else (None, {})

    def decide(work: Work, whose: Whose) -> None:
        by, now, place = work.caller.staff, work.now, _place(whose)
        settings.set_rule(work.conn, place, rule, enabled=enabled, numbers=numbers, by=by, now=now, reason=wish.reason)

    return _decide(of, RULE, rule, wish, decide)


def _change_plan(of: OnePatient | OnePathway, kind: Kind, wish: SetPlan | TakeBack) -> EffectivePlans:
    item = made.plan_item(kind, wish) if isinstance(wish, SetPlan) else None

    def decide(work: Work, whose: Whose) -> None:
        by, now, place = work.caller.staff, work.now, _place(whose)
        settings.set_plan(work.conn, place, kind, item, by=by, now=now, reason=wish.reason)

    return _decide(of, PLAN, kind, wish, decide)


def _decide(
    of: OnePatient | OnePathway,
    matter: _Matter[Shown],
    which: str,
    wish: Wish,
    decide: Callable[[Work, Whose], None],
) -> Shown:
    """One after the other: whoever decides has seen what was decided before."""
    what = f"{matter.one} {which}" + (" back" if isinstance(wish, TakeBack) else "")
    with of.change(what, matter.deed) as (work, whose):
        shown = matter.show(work, whose)

        def do() -> Shown:
            case.must_be(wish.rev, shown.rev, matter.all)
            decide(work, whose)
            return matter.show(work, whose)

        asked = (what, whose.patient or 0, whose.team, whose.pathway.value)
        return case.once_only(work, of.asks.key, asked, wish, do, type(shown))


def _place(whose: Whose) -> OfPatient | OfPathway:
    if whose.patient is not None:
        return OfPatient(patient=whose.patient)
    return OfPathway(team=whose.team, pathway=whose.pathway)


def _whose(work: Work, patient: int) -> Whose:
    mine = case.followed(work, patient)
    return Whose(patient=patient, team=mine.team, pathway=mine.pathway)


def _pathway_of(work: Work, team: int, pathway: Pathway) -> Whose:
    case.must_be_in(work, team)
    return Whose(patient=None, team=team, pathway=pathway)
