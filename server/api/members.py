"""Who works in a team, and as what."""

from http import HTTPStatus

from fastapi import APIRouter

from server.access import MAY, Deed
from server.api import case
from server.api.case import TeamId
from server.api.desk import DeskOfApp, Token
from server.api.members_schemas import Member, Members
from server.api.problems import RefusedError
from server.store import answering

router = APIRouter(prefix="/api/v1/teams/{team}", tags=["members"], dependencies=case.SIGNED_IN)


@router.get("/members")
def get_members(team: TeamId, desk: DeskOfApp, token: Token) -> Members:
    """Whoever has ended is not among them, nor are other programs."""
    with desk.work(token) as work:
        if team not in work.teams(Deed.SEE_MEMBERS):
            raise RefusedError(HTTPStatus.NOT_FOUND, "None of your teams has this number.")
        found = answering.members(work.conn, team)
    shown = [
        Member(staff=case.member(row), role=role.value, answers=Deed.HANDLE_ALERTS in MAY[role]) for row, role in found
    ]
    return Members(team=team, members=shown)
