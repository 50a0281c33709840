"""Who works in a team, and as what: for all who work with people to see, for administrators to decide."""

from collections.abc import Callable

from fastapi import APIRouter

from server.access import MAY, Deed, Role
from server.api import case
from server.api import members_schemas as shapes
from server.api.case import CONFLICT, Asking, Asks, TeamId
from server.api.desk import DeskOfApp, Token, Work
from server.store import answering, members

router = APIRouter(prefix="/api/v1/teams/{team}/members", tags=["members"], dependencies=case.SIGNED_IN)


@router.get("")
def get_members(team: TeamId, desk: DeskOfApp, token: Token) -> shapes.Members:
    """Whoever has ended is not among them, nor are other programs."""
    with desk.work(token) as work:
        case.must_be_in(work, team, Deed.SEE_MEMBERS)
        return _members(work, team)


@router.get("/history")
def get_member_history(team: TeamId, desk: DeskOfApp, token: Token) -> shapes.MemberHistory:
    """Who was given which role by an administrator of the team, and who left, when and why."""
    with desk.work(token) as work:
        case.must_be_in(work, team, Deed.SEE_MEMBERS)
        found = members.changes(work.conn, team)
        people = case.people(work, [id_ for each in found for id_ in (each.staff, each.by)])
    changes = [
        shapes.MemberChange(
            staff=people[each.staff],
            role=None if each.role is None else Role(each.role).value,
            by=people[each.by],
            at=each.at,
            reason=each.reason,
        )
        for each in found
    ]
    return shapes.MemberHistory(team=team, changes=changes)


@router.post("", responses=CONFLICT)
def add_member(team: TeamId, wish: shapes.AddMember, asks: Asks) -> shapes.Members:
    """Somebody who has a login already. Their screens fetch their board anew at once."""

    def put(work: Work) -> None:
        staff = members.find(work.conn, wish.login)
        members.decide(work.conn, team, staff, Role(wish.role), now=work.now, reason=wish.reason)

    return _decide(asks, team, "member add", wish, put)


@router.post("/{staff}", responses=CONFLICT)
def set_role(team: TeamId, staff: shapes.StaffNumber, wish: shapes.SetRole, asks: Asks) -> shapes.Members:
    def put(work: Work) -> None:
        members.decide(work.conn, team, staff, Role(wish.role), now=work.now, reason=wish.reason)

    return _decide(asks, team, f"member role {staff}", wish, put)


@router.post("/{staff}/end", responses=CONFLICT)
def end_membership(team: TeamId, staff: shapes.StaffNumber, wish: shapes.EndMembership, asks: Asks) -> shapes.Members:
    """Of this team: the login stays, and so does what this person did."""

    def put(work: Work) -> None:
        members.decide(work.conn, team, staff, None, now=work.now, reason=wish.reason)

    return _decide(asks, team, f"member end {staff}", wish, put)


def _decide(
    asks: Asking,
    team: int,
    what: str,
    wish: shapes.AddMember | shapes.SetRole | shapes.EndMembership,
    put: Callable[[Work], None],
) -> shapes.Members:
    with asks.desk.work(asks.token) as work:
        case.must_be_in(work, team, Deed.SEE_MEMBERS)
        case.must_do(work, team, Deed.MANAGE_MEMBERS)
        case.hold_team(work, team)

        def do() -> shapes.Members:
            case.must_be(wish.rev, _members(work, team).rev, "members")
            put(work)
            return _members(work, team)

        return case.once_only(work, asks.key, (what, team), wish, do, shapes.Members)


def _members(work: Work, team: int) -> shapes.Members:
    shown = [
        shapes.Member(staff=case.member(row), role=role.value, answers=Deed.HANDLE_ALERTS in MAY[role])
        for row, role in answering.members(work.conn, team)
    ]
    made = shapes.Members(team=team, members=shown, rev="")
    return made.model_copy(update={"rev": case.rev_of(made)})
