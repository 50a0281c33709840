"""A team's chains and service hours as data, and who can be called: what escalation decides with.

As staff read and set it, everything goes through row-level security: call `sessions.identify` first."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Any, Final

from psycopg import Connection
from psycopg.types.json import Jsonb

from server.access import MAY, Deed, Role
from server.alerts import escalation, hours
from server.alerts.escalation import Chain, Chains, Part, Person, Roster, Step
from server.alerts.hours import Period, ServiceHours
from server.alerts.model import Priority
from server.store import queries

SQL: Final = queries.load("chains")
DECISIONS_MAX: Final = 100
Place = tuple[str | None, str | None, Priority]  # municipality, pathway, colour


@dataclass(frozen=True, kw_only=True, slots=True)
class AgreedHours:
    """Of a municipality and a pathway; None: whichever. `removed`: back to what stands behind it."""

    municipality: str | None
    pathway: str | None
    priority: Priority
    hours: ServiceHours
    by: int
    at: datetime
    reason: str
    removed: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """`chains` None: back to the shipped ones."""

    priority: Priority
    chains: Chains | None
    by: int
    at: datetime
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Team:
    """What holds in a team now."""

    chains: Mapping[Priority, Chains]
    hours: Mapping[Place, ServiceHours]
    roster: Roster

    def hours_of(self, municipality: str | None, pathway: str | None, priority: Priority) -> ServiceHours:
        """The nearest: of both, of the pathway, of the municipality, of the team, the shipped ones."""
        places = ((municipality, pathway), (None, pathway), (municipality, None), (None, None))
        found = (self.hours.get((*place, priority)) for place in places)
        return next((each for each in found if each is not None), hours.SHIPPED[priority])


def of_team(conn: Connection, team: int) -> Team:
    return Team(
        chains={**escalation.SHIPPED, **own_chains(conn, team)},
        hours={(each.municipality, each.pathway, each.priority): each.hours for each in agreed(conn, team)},
        roster=roster(conn, team),
    )


def own_chains(conn: Connection, team: int) -> dict[Priority, Chains]:
    """Colours for which the team decided itself."""
    rows = conn.execute(SQL["sets"], {"team": team}).fetchall()
    return {Priority(colour): _chains(list(of_colour)) for colour, of_colour in groupby(rows, lambda row: row[0])}


def decisions(conn: Connection, team: int) -> list[Decision]:
    """What the team has decided so far, the newest first."""
    found = conn.execute(SQL["decisions"], {"team": team, "most": DECISIONS_MAX}).fetchall()
    steps = conn.execute(SQL["steps"], {"sets": [row[0] for row in found]}).fetchall()
    sets = {id_: _chains(list(of_set)) for id_, of_set in groupby(steps, lambda row: row[0])}
    return [
        Decision(priority=Priority(priority), chains=None if removed else sets[id_], by=by, at=at, reason=reason)
        for id_, priority, removed, by, at, reason in found
    ]


def agreed(conn: Connection, team: int) -> list[AgreedHours]:
    return [_agreed(row) for row in conn.execute(SQL["hours"], {"team": team})]


def hour_decisions(conn: Connection, team: int) -> list[AgreedHours]:
    """What the team has decided about its hours so far, the newest first."""
    return [_agreed(row) for row in conn.execute(SQL["hour_decisions"], {"team": team, "most": DECISIONS_MAX})]


def _agreed(row: tuple[Any, ...]) -> AgreedHours:
    municipality, pathway, priority, periods, response, by, at, reason, removed = row
    return AgreedHours(
        municipality=municipality,
        pathway=pathway,
        priority=Priority(priority),
        hours=ServiceHours(periods=tuple(map(_period, periods)), response=response),
        by=by,
        at=at,
        reason=reason,
        removed=removed,
    )


def roster(conn: Connection, team: int) -> Roster:
    on_duty: defaultdict[Part, list[Person]] = defaultdict(list)
    for part, staff, name in conn.execute(SQL["on_duty"], {"team": team}):
        on_duty[Part(part)].append(Person(staff=staff, name=name))
    rows = conn.execute(SQL["members"], {"team": team}).fetchall()
    answering = [(Role(role), Person(staff=id_, name=name)) for id_, name, role in rows if _answers(role)]
    coordinators = tuple(person for role, person in answering if role is Role.COORDINATOR)
    everybody = tuple(person for _, person in answering)
    on = tuple(dict.fromkeys(person for people in on_duty.values() for person in people))
    return Roster(
        on_duty={part: tuple(people) for part, people in on_duty.items()},
        anybody=on or coordinators or everybody,
        members={person.staff: person for person in everybody if person.staff is not None},
    )


def set_chains(
    conn: Connection, team: int, priority: Priority, chains: Chains | None, *, by: int, now: datetime, reason: str
) -> None:
    """None: back to the shipped ones."""
    given = chains or escalation.SHIPPED[priority]
    row = conn.execute(
        SQL["put_set"],
        {
            "team": team,
            "priority": str(priority),
            "unlogged_s": int(given.unlogged.total_seconds()),
            "again_s": int(given.again.total_seconds()),
            "removed": chains is None,
            "by": by,
            "now": now,
            "reason": reason,
        },
    ).fetchone()
    assert row is not None
    for number, chain in enumerate(() if chains is None else chains.chains, 1):
        for position, step in enumerate(chain.steps, 1):
            conn.execute(
                SQL["put_step"], {"set": row[0], "chain": number, "position": position, **_columns(chain, step)}
            )


def set_hours(
    conn: Connection,
    team: int,
    priority: Priority,
    agreed_hours: ServiceHours | None,
    *,
    municipality: str | None,
    pathway: str | None,
    by: int,
    now: datetime,
    reason: str,
) -> None:
    """None: back to what stands behind it."""
    given = agreed_hours or ServiceHours(periods=())
    row: dict[str, object] = {"team": team, "municipality": municipality, "pathway": pathway, "priority": str(priority)}
    periods = Jsonb([_said(period) for period in given.periods])
    row |= {"periods": periods, "response": given.response, "removed": agreed_hours is None}
    conn.execute(SQL["put_hours"], {**row, "by": by, "now": now, "reason": reason})


def _answers(role: str) -> bool:
    return Deed.HANDLE_ALERTS in MAY[Role(role)]


def _chains(rows: Sequence[tuple[Any, ...]]) -> Chains:
    _, unlogged_s, again_s, *_ = rows[0]
    found = []
    for _, of_chain in groupby(rows, lambda row: row[3]):
        steps = list(of_chain)
        _, _, _, _, weekdays, from_, to, *_ = steps[0]
        period = Period(weekdays=frozenset(weekdays), from_=from_, to=to)
        found.append(Chain(period=period, steps=tuple(_step(row) for row in steps)))
    return Chains(chains=tuple(found), unlogged=timedelta(seconds=unlogged_s), again=timedelta(seconds=again_s))


def _step(row: tuple[Any, ...]) -> Step:
    part, staff, staff_name, phone_name, phone, after_s = row[7:]
    after = timedelta(seconds=after_s)
    if part is not None:
        return Step(who=Part(part), after=after)
    return Step(who=Person(staff=staff, name=staff_name or phone_name, phone=phone), after=after)


def _columns(chain: Chain, step: Step) -> dict[str, Any]:
    who = step.who
    person = who if isinstance(who, Person) else None
    return {
        "weekdays": sorted(chain.period.weekdays),
        "from_time": chain.period.from_,
        "to_time": chain.period.to,
        "part": str(who) if isinstance(who, Part) else None,
        "staff": person.staff if person else None,
        "phone_name": person.name if person and person.phone else None,
        "phone": person.phone if person else None,
        "after_s": int(step.after.total_seconds()),
    }


def _period(said: Mapping[str, Any]) -> Period:
    return Period(
        weekdays=frozenset(said["weekdays"]), from_=time.fromisoformat(said["from"]), to=time.fromisoformat(said["to"])
    )


def _said(period: Period) -> dict[str, Any]:
    return {"weekdays": sorted(period.weekdays), "from": f"{period.from_:%H:%M}", "to": f"{period.to:%H:%M}"}
