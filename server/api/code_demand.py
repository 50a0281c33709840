"""Of which roles a code is demanded beside the password: what administrators decide for the whole installation."""

from typing import Final

from fastapi import APIRouter

from server.access import Deed, Role
from server.api import case
from server.api import sign_in_schemas as shapes
from server.api.case import CONFLICT, Asks
from server.api.desk import DeskOfApp, Token, Work
from server.api.seals import SealsOfApp, needed
from server.store import clinic, code_demands
from server.store.code_demands import Demand

ONE: Final = 0  # there is one installation

router = APIRouter(prefix="/api/v1/code-demand", tags=["session"], dependencies=case.SIGNED_IN)


@router.get("")
def get_code_demand(desk: DeskOfApp, token: Token) -> shapes.CodeDemands:
    """What was decided, the newest first."""
    with desk.work(token) as work:
        work.teams(Deed.DEMAND_CODES)
        return _decided(work)


@router.post("", responses=CONFLICT)
def set_code_demand(wish: shapes.DemandCodes, asks: Asks, seals: SealsOfApp) -> shapes.CodeDemands:
    """From now on whoever has one of these roles and comes in by password alone gets no further than to begin with
    codes. Screens that are open by password alone are closed."""
    needed(seals)  # else nobody could begin

    def decide() -> shapes.CodeDemands:
        case.must_be(wish.rev, _decided(work).rev, "demands")
        roles = {Role(role) for role in wish.roles}
        code_demands.decide(work.conn, roles, by=work.caller.staff, now=work.now, reason=wish.reason)
        return _decided(work)

    with asks.desk.work(asks.token) as work:
        work.teams(Deed.DEMAND_CODES)
        clinic.hold(work.conn, "hjemvakt.code_demand", ONE)
        return case.once_only(work, asks.key, ("code demand",), wish, decide, shapes.CodeDemands)


def _decided(work: Work) -> shapes.CodeDemands:
    found = code_demands.decided(work.conn)
    staff = case.people(work, [each.set_by for each in found])

    def shape(each: Demand) -> shapes.CodeDemand:
        return shapes.CodeDemand(
            roles=[Role(role).value for role in each.roles],
            by=staff[each.set_by],
            at=each.set_at,
            reason=each.reason,
        )

    made = shapes.CodeDemands(rev="", decided=[shape(each) for each in found])
    return made.model_copy(update={"rev": case.rev_of(made)})
