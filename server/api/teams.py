"""The teams in which somebody registers patients, and what their administrators decide about them."""

from collections.abc import Mapping, Sequence

from fastapi import APIRouter

from server.access import Deed
from server.api import case
from server.api import registering_schemas as shapes
from server.api.case import CONFLICT, Asks, TeamId
from server.api.desk import DeskOfApp, Token, Work
from server.store import persons, teams
from server.store.teams import TeamRow

router = APIRouter(prefix="/api/v1/teams", tags=["teams"], dependencies=case.SIGNED_IN)


@router.get("")
def get_teams(desk: DeskOfApp, token: Token) -> shapes.Teams:
    """With how much each has to do, and whether anybody answers."""
    with desk.work(token) as work:
        mine = work.teams(Deed.REGISTER)
        names = {number: name for number, name, _ in persons.municipalities(work.conn)}
        found = teams.of(work.conn, mine)
        administered = work.caller.teams(Deed.MAKE_TEAMS)
        offered = sorted({number for each in found if each.id in administered for number in each.municipalities})
        return shapes.Teams(
            teams=_teams(work, found, names),
            municipalities=_municipalities(offered, names),
        )


@router.post("")
def make_team(wish: shapes.MakeTeam, asks: Asks) -> shapes.MadeTeam:
    """Whoever makes it administers it, and lets others in. Its hours and chains are the shipped ones at first."""
    with asks.desk.work(asks.token) as work:
        work.teams(Deed.MAKE_TEAMS)

        def make() -> shapes.MadeTeam:
            made = teams.make(work.conn, wish.name, wish.municipalities, now=work.now, reason=wish.reason)
            return shapes.MadeTeam(team=made, name=wish.name)

        return case.once_only(work, asks.key, ("make_team",), wish, make, shapes.MadeTeam)


@router.post("/{team}/name", responses=CONFLICT)
def rename_team(team: TeamId, wish: shapes.RenameTeam, asks: Asks) -> shapes.MadeTeam:
    with asks.desk.work(asks.token) as work:
        case.must_be_in(work, team, Deed.MAKE_TEAMS)
        case.hold_team(work, team)

        def rename() -> shapes.MadeTeam:
            (row,) = teams.of(work.conn, [team])
            case.must_be(wish.rev, _rev(row), "name")
            teams.rename(work.conn, team, wish.name, now=work.now, reason=wish.reason)
            return shapes.MadeTeam(team=team, name=wish.name)

        return case.once_only(work, asks.key, ("rename_team", team), wish, rename, shapes.MadeTeam)


def _teams(work: Work, found: Sequence[TeamRow], names: Mapping[str, str]) -> list[shapes.Team]:
    changes = teams.changes(work.conn, [each.id for each in found])
    people = case.people(work, [each.by for each in changes])
    return [
        shapes.Team(
            id=row.id,
            name=row.name,
            rev=_rev(row),
            role=work.caller.roles[row.id].value,
            municipalities=_municipalities(row.municipalities, names),
            patients=row.patients,
            members=row.members,
            answering=row.answering,
            on_duty=row.on_duty,
            changes=[
                shapes.TeamChange(
                    name=each.name, before=each.before, by=people[each.by], at=each.at, reason=each.reason
                )
                for each in changes
                if each.team == row.id
            ],
        )
        for row in found
    ]


def _municipalities(numbers: Sequence[str], names: Mapping[str, str]) -> list[shapes.MunicipalityName]:
    return [shapes.MunicipalityName(number=each, name=names[each]) for each in numbers]


def _rev(row: TeamRow) -> str:
    return case.rev_of(shapes.MadeTeam(team=row.id, name=row.name))
