"""Limits, rules and the measuring plan: what counts for a patient and why, the patient's own, and a team's pathway."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Path, Query

from devices.limits import Limit
from devices.vocabulary import Kind
from server.access import Deed
from server.api import care, care_schemas, care_shapes, case, settings_schemas
from server.api.care import CHANGES_AT_ONCE, Cursor
from server.api.case import CONFLICT, Asks, PatientId, TeamId
from server.api.desk import DeskOfApp, Token, Work
from server.api.problems import RefusedError
from server.clinical import deeds
from server.clinical.pathways import Pathway
from server.store import decisions, settings
from server.store.clinic import Followed
from server.store.decisions import Whose
from server.store.settings import OfPathway, OfPatient

RuleName = Annotated[str, Path(pattern=r"^[a-z0-9_]{1,60}$")]
Wish = settings_schemas.SetLimit | settings_schemas.SetRule | settings_schemas.SetPlan | settings_schemas.TakeBack
Shown = TypeVar(
    "Shown", settings_schemas.EffectiveLimits, settings_schemas.EffectiveRules, settings_schemas.EffectivePlans
)
Decide = Callable[[Work, Whose], None]

OF_PATIENT = "/patients/{patient}"
OF_PATHWAY = "/teams/{team}/pathways/{pathway}"
router = APIRouter(prefix="/api/v1", tags=["settings"], dependencies=case.SIGNED_IN)
NOUN = {"limit": "limits", "rule": "rules", "plan": "plans"}
changing: dict[str, Any] = {"responses": CONFLICT}


# ---- limits


@router.get(OF_PATIENT + "/limits")
def get_limits(patient: PatientId, desk: DeskOfApp, token: Token) -> settings_schemas.EffectiveLimits:
    """What counts now: the patient's own, else a prescribed range or an accepted baseline, else the team's, else the
    shipped one. A kind that is not there never alerts by its value."""
    with case.look(desk, token, patient, "limits") as work:
        return _limits(work, _whose(work, patient))


@router.post(OF_PATIENT + "/limits/{kind}", **changing)
def set_limit(
    patient: PatientId, kind: Kind, wish: settings_schemas.SetLimit, asks: Asks
) -> settings_schemas.EffectiveLimits:
    """The patient's own, in place of all others. In palliative care only a doctor sets them."""
    limit = care_shapes.limit(wish)
    return _for_patient(
        asks,
        patient,
        f"limit {kind}",
        _deed,
        wish,
        _limits,
        lambda work, whose: _set_limit(work, whose, kind, limit, wish),
    )


@router.post(OF_PATIENT + "/limits/{kind}/take-back", **changing)
def take_back_limit(
    patient: PatientId, kind: Kind, wish: settings_schemas.TakeBack, asks: Asks
) -> settings_schemas.EffectiveLimits:
    return _for_patient(
        asks,
        patient,
        f"limit {kind} back",
        _deed,
        wish,
        _limits,
        lambda work, whose: _set_limit(work, whose, kind, None, wish),
    )


@router.get(OF_PATHWAY + "/limits")
def get_pathway_limits(
    team: TeamId, pathway: Pathway, desk: DeskOfApp, token: Token
) -> settings_schemas.EffectiveLimits:
    with desk.work(token) as work:
        return _limits(work, _pathway_of(work, team, pathway))


@router.post(OF_PATHWAY + "/limits/{kind}", **changing)
def set_pathway_limit(
    team: TeamId, pathway: Pathway, kind: Kind, wish: settings_schemas.SetLimit, asks: Asks
) -> settings_schemas.EffectiveLimits:
    """For all of the team's patients in the pathway who have nothing nearer."""
    limit = care_shapes.limit(wish)
    return _for_pathway(
        asks,
        team,
        pathway,
        f"limit {kind}",
        wish,
        _limits,
        lambda work, whose: _set_limit(work, whose, kind, limit, wish),
    )


@router.post(OF_PATHWAY + "/limits/{kind}/take-back", **changing)
def take_back_pathway_limit(
    team: TeamId, pathway: Pathway, kind: Kind, wish: settings_schemas.TakeBack, asks: Asks
) -> settings_schemas.EffectiveLimits:
    return _for_pathway(
        asks,
        team,
        pathway,
        f"limit {kind} back",
        wish,
        _limits,
        lambda work, whose: _set_limit(work, whose, kind, None, wish),
    )


# ---- rules


@router.get(OF_PATIENT + "/rules")
def get_rules(patient: PatientId, desk: DeskOfApp, token: Token) -> settings_schemas.EffectiveRules:
    """All rules, also those that are off for this patient."""
    with case.look(desk, token, patient, "rules") as work:
        return _rules(work, _whose(work, patient))


@router.post(OF_PATIENT + "/rules/{rule}", **changing)
def set_rule(
    patient: PatientId, rule: RuleName, wish: settings_schemas.SetRule, asks: Asks
) -> settings_schemas.EffectiveRules:
    """In palliative care only a doctor sets them."""
    return _for_patient(
        asks, patient, f"rule {rule}", _deed, wish, _rules, lambda work, whose: _set_rule(work, whose, rule, wish)
    )


@router.post(OF_PATIENT + "/rules/{rule}/take-back", **changing)
def take_back_rule(
    patient: PatientId, rule: RuleName, wish: settings_schemas.TakeBack, asks: Asks
) -> settings_schemas.EffectiveRules:
    return _for_patient(
        asks, patient, f"rule {rule} back", _deed, wish, _rules, lambda work, whose: _set_rule(work, whose, rule, wish)
    )


@router.get(OF_PATHWAY + "/rules")
def get_pathway_rules(team: TeamId, pathway: Pathway, desk: DeskOfApp, token: Token) -> settings_schemas.EffectiveRules:
    with desk.work(token) as work:
        return _rules(work, _pathway_of(work, team, pathway))


@router.post(OF_PATHWAY + "/rules/{rule}", **changing)
def set_pathway_rule(
    team: TeamId, pathway: Pathway, rule: RuleName, wish: settings_schemas.SetRule, asks: Asks
) -> settings_schemas.EffectiveRules:
    return _for_pathway(
        asks, team, pathway, f"rule {rule}", wish, _rules, lambda work, whose: _set_rule(work, whose, rule, wish)
    )


@router.post(OF_PATHWAY + "/rules/{rule}/take-back", **changing)
def take_back_pathway_rule(
    team: TeamId, pathway: Pathway, rule: RuleName, wish: settings_schemas.TakeBack, asks: Asks
) -> settings_schemas.EffectiveRules:
    return _for_pathway(
        asks, team, pathway, f"rule {rule} back", wish, _rules, lambda work, whose: _set_rule(work, whose, rule, wish)
    )


# ---- the measuring plan


@router.get(OF_PATIENT + "/plan")
def get_plan(patient: PatientId, desk: DeskOfApp, token: Token) -> settings_schemas.EffectivePlans:
    """What the patient should measure, and when. It is awaited only while a device for it is bound to the patient."""
    with case.look(desk, token, patient, "plan") as work:
        return _plans(work, _whose(work, patient))


@router.post(OF_PATIENT + "/plan/{kind}", **changing)
def set_plan(
    patient: PatientId, kind: Kind, wish: settings_schemas.SetPlan, asks: Asks
) -> settings_schemas.EffectivePlans:
    """Without `times` nothing is awaited of this kind."""
    return _for_patient(
        asks,
        patient,
        f"plan {kind}",
        Deed.SET_CARE,
        wish,
        _plans,
        lambda work, whose: _set_plan(work, whose, kind, wish),
    )


@router.post(OF_PATIENT + "/plan/{kind}/take-back", **changing)
def take_back_plan(
    patient: PatientId, kind: Kind, wish: settings_schemas.TakeBack, asks: Asks
) -> settings_schemas.EffectivePlans:
    return _for_patient(
        asks,
        patient,
        f"plan {kind} back",
        Deed.SET_CARE,
        wish,
        _plans,
        lambda work, whose: _set_plan(work, whose, kind, wish),
    )


@router.get(OF_PATHWAY + "/plan")
def get_pathway_plan(team: TeamId, pathway: Pathway, desk: DeskOfApp, token: Token) -> settings_schemas.EffectivePlans:
    with desk.work(token) as work:
        return _plans(work, _pathway_of(work, team, pathway))


@router.post(OF_PATHWAY + "/plan/{kind}", **changing)
def set_pathway_plan(
    team: TeamId, pathway: Pathway, kind: Kind, wish: settings_schemas.SetPlan, asks: Asks
) -> settings_schemas.EffectivePlans:
    return _for_pathway(
        asks, team, pathway, f"plan {kind}", wish, _plans, lambda work, whose: _set_plan(work, whose, kind, wish)
    )


@router.post(OF_PATHWAY + "/plan/{kind}/take-back", **changing)
def take_back_pathway_plan(
    team: TeamId, pathway: Pathway, kind: Kind, wish: settings_schemas.TakeBack, asks: Asks
) -> settings_schemas.EffectivePlans:
    return _for_pathway(
        asks, team, pathway, f"plan {kind} back", wish, _plans, lambda work, whose: _set_plan(work, whose, kind, wish)
    )


@router.get(OF_PATHWAY + "/changes")
def get_pathway_changes(
    team: TeamId,
    pathway: Pathway,
    desk: DeskOfApp,
    token: Token,
    before: Cursor = None,
    most: Annotated[int, Query(ge=1, le=CHANGES_AT_ONCE)] = 50,
) -> care_schemas.Changes:
    """Who decided what for the pathway, and why. `before`: `next` of a page."""
    with desk.work(token) as work:
        return care.changes(work, _pathway_of(work, team, pathway), before, most)


# ---- what counts now


def _limits(work: Work, whose: Whose) -> settings_schemas.EffectiveLimits:
    if whose.patient is None:
        found = decisions.limits_of_pathway(work.conn, whose.team, whose.pathway)
    else:
        found = settings.limits_of(work.conn, [whose.patient], work.now)[whose.patient]
    return care_shapes.limits(found, case.people(work, [each.by for each in found.values()]))


def _rules(work: Work, whose: Whose) -> settings_schemas.EffectiveRules:
    found = decisions.rules(work.conn, whose)
    return care_shapes.rules(found, case.people(work, [each.decided.by for each in found]))


def _plans(work: Work, whose: Whose) -> settings_schemas.EffectivePlans:
    found = decisions.plans(work.conn, whose)
    return care_shapes.plans(found, case.people(work, [each.decided.by for each in found]))


# ---- deciding


def _for_patient(
    asks: case.Asking,
    patient: int,
    what: str,
    deed: Callable[[Followed], Deed] | Deed,
    wish: Wish,
    show: Callable[[Work, Whose], Shown],
    decide: Decide,
) -> Shown:
    with case.change(asks.desk, asks.token, patient, what, deed) as work:
        return _decide(work, _whose(work, patient), asks.key, what, wish, show, decide)


def _for_pathway(
    asks: case.Asking,
    team: int,
    pathway: Pathway,
    what: str,
    wish: Wish,
    show: Callable[[Work, Whose], Shown],
    decide: Decide,
) -> Shown:
    with asks.desk.work(asks.token) as work:
        whose = _pathway_of(work, team, pathway)
        case.must_do(work, team, Deed.SET_PATHWAYS)
        case.hold_team(work, team)
        return _decide(work, whose, asks.key, what, wish, show, decide)


def _decide(
    work: Work, whose: Whose, key: str, what: str, wish: Wish, show: Callable[[Work, Whose], Shown], decide: Decide
) -> Shown:
    """One after the other: whoever decides has seen what was decided before."""
    shown = show(work, whose)

    def do() -> Shown:
        case.must_be(wish.rev, shown.rev, NOUN[what.split()[0]])
        decide(work, whose)
        return show(work, whose)

    asked = (what, whose.patient or 0, whose.team, whose.pathway.value)
    return case.once_only(work, key, asked, wish, do, type(shown))


def _set_limit(
    work: Work,
    whose: Whose,
    kind: Kind,
    limit: Limit | None,
    wish: settings_schemas.SetLimit | settings_schemas.TakeBack,
) -> None:
    by, now, reason = work.caller.staff, work.now, wish.reason
    if whose.patient is not None:
        settings.set_limit(work.conn, whose.patient, kind, limit, by=by, now=now, reason=reason)
    else:
        team, pathway = whose.team, whose.pathway
        settings.set_pathway_limit(work.conn, team, pathway, kind, limit, by=by, now=now, reason=reason)


def _set_rule(work: Work, whose: Whose, rule: str, wish: settings_schemas.SetRule | settings_schemas.TakeBack) -> None:
    enabled, numbers = (wish.enabled, wish.numbers) if isinstance(wish, settings_schemas.SetRule) else (None, {})
    by, now, reason = work.caller.staff, work.now, wish.reason
    settings.set_rule(work.conn, _place(whose), rule, enabled=enabled, numbers=numbers, by=by, now=now, reason=reason)


def _set_plan(work: Work, whose: Whose, kind: Kind, wish: settings_schemas.SetPlan | settings_schemas.TakeBack) -> None:
    item = care_shapes.plan_item(kind, wish) if isinstance(wish, settings_schemas.SetPlan) else None
    by, now, reason = work.caller.staff, work.now, wish.reason
    settings.set_plan(work.conn, _place(whose), kind, item, by=by, now=now, reason=reason)


def _place(whose: Whose) -> OfPatient | OfPathway:
    if whose.patient is not None:
        return OfPatient(patient=whose.patient)
    return OfPathway(team=whose.team, pathway=whose.pathway)


def _deed(mine: Followed) -> Deed:
    return deeds.to_make_alert(mine.pathway)


def _whose(work: Work, patient: int) -> Whose:
    mine = case.followed(work, patient)
    return Whose(patient=patient, team=mine.team, pathway=mine.pathway)


def _pathway_of(work: Work, team: int, pathway: Pathway) -> Whose:
    if team not in work.teams(Deed.SEE_PATIENTS):
        raise RefusedError(HTTPStatus.NOT_FOUND, "None of your teams has this number.")
    return Whose(patient=None, team=team, pathway=pathway)
