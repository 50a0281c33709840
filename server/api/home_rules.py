"""The rules of a patient's home: what its quiet sensors must say together to be an alert. They belong to the home, and
are the same for everybody who lives there."""

from collections.abc import Mapping
from typing import Annotated, Final

from fastapi import APIRouter, Path

from server.access import Deed
from server.api import case, settings_shapes
from server.api.case import CONFLICT, Asking, Asks, PatientId
from server.api.desk import DeskOfApp, Token, Work
from server.api.settings_schemas import EffectiveHomeRules, SetRule, TakeBack
from server.store import decisions, settings
from server.store.settings import OfHome

RuleName = Annotated[str, Path(pattern=r"^[a-z0-9_:]{1,60}$")]
NO_NUMBERS: Final[Mapping[str, float]] = {}
router = APIRouter(prefix="/api/v1/patients/{patient}/home-rules", tags=["settings"], dependencies=case.SIGNED_IN)


@router.get("")
def get_home_rules(patient: PatientId, desk: DeskOfApp, token: Token) -> EffectiveHomeRules:
    """All rules, also those that are off in this home."""
    with case.look(desk, token, patient, "home_rules") as work:
        return _rules(work, case.home(work, patient))


@router.post("/{rule}", responses=CONFLICT)
def set_home_rule(patient: PatientId, rule: RuleName, wish: SetRule, asks: Asks) -> EffectiveHomeRules:
    """What stands in the home is judged anew by it at once."""
    return _change(asks, patient, f"home_rule {rule}", rule, wish)


@router.post("/{rule}/take-back", responses=CONFLICT)
def take_back_home_rule(patient: PatientId, rule: RuleName, wish: TakeBack, asks: Asks) -> EffectiveHomeRules:
    """It is as shipped again."""
    return _change(asks, patient, f"home_rule {rule} back", rule, wish)


def _change(asks: Asking, patient: int, what: str, rule: str, wish: SetRule | TakeBack) -> EffectiveHomeRules:
    enabled, numbers = (wish.enabled, wish.numbers) if isinstance(wish, SetRule) else (None, NO_NUMBERS)

    def decide() -> EffectiveHomeRules:
        case.must_be(wish.rev, _rules(work, home).rev, "rules of the home")
        by, now, place = work.caller.staff, work.now, OfHome(home=home)
        settings.set_rule(work.conn, place, rule, enabled=enabled, numbers=numbers, by=by, now=now, reason=wish.reason)
        return _rules(work, home)

    with case.change(asks.desk, asks.token, patient, what, Deed.SET_CARE) as work:
        home = case.hold_home(work, patient, what)
        return case.once_only(work, asks.key, (what, patient, home), wish, decide, EffectiveHomeRules)


def _rules(work: Work, home: int) -> EffectiveHomeRules:
    found = decisions.home_rules(work.conn, home)
    return settings_shapes.home_rules(found, case.people(work, [each.by for each in found.rules]))
