"""Who is on duty. Who goes off duty hands over what they have; somebody must be left, or somebody has said why not.

As staff read and change it, everything goes through row-level security: call `sessions.identify` first."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from psycopg import Connection
from psycopg.rows import class_row

from server.access import MAY, Deed, Role
from server.alerts.escalation import Part
from server.alerts.findings import NOBODY_ON_DUTY, Fault, Finding, fault_over
from server.alerts.handing_over import hand_over, is_last, next_of
from server.alerts.lifecycle import OPEN
from server.alerts.model import Change
from server.errors import CareError
from server.store import alerts, chains, queries, teamlog

SQL: Final = queries.load("duty")
CAUSE: Final = "duty"


@dataclass(frozen=True, kw_only=True, slots=True)
class OnDuty:
    team: int
    part: str
    staff: int
    name: str
    initials: str
    from_at: datetime
    ways: list[str]


def on_duty(conn: Connection, teams: Collection[int]) -> list[OnDuty]:
    with conn.cursor(row_factory=class_row(OnDuty)) as cursor:
        return cursor.execute(SQL["on_duty"], {"teams": list(teams)}).fetchall()


@dataclass(frozen=True, kw_only=True, slots=True)
class Period:
    """`to_at` None: still on duty. `note`: why nobody was left."""

    staff: int
    name: str
    initials: str
    part: str
    from_at: datetime
    to_at: datetime | None
    started_by: int | None
    ended_by: int | None
    note: str


def periods(conn: Connection, team: int, since: datetime, *, most: int) -> list[Period]:
    with conn.cursor(row_factory=class_row(Period)) as cursor:
        return cursor.execute(SQL["periods"], {"team": team, "since": since, "most": most}).fetchall()


def begin(conn: Connection, team: int, staff: int, part: Part, *, by: int, now: datetime) -> None:
    """Whoever decides for the team holds it."""
    must_be_able_to(conn, team, staff)
    given = {"team": team, "staff": staff, "part": str(part), "by": by, "now": now}
    if conn.execute(SQL["begin"], given).fetchone() is not None:
        teamlog.append(conn, [_entry(team)], now)


def must_be_able_to(conn: Connection, team: int, staff: int) -> None:
    row = conn.execute(SQL["works_there"], {"team": team, "staff": staff}).fetchone()
    if row is None or Deed.HANDLE_ALERTS not in MAY[Role(row[0])]:
        raise CareError("Only who may answer the team's alerts can be on duty there.")


def leave(
    conn: Connection, team: int, staff: int, part: Part, *, by: int, now: datetime, nobody_because: str = ""
) -> list[Change]:
    """Whoever decides for the team holds it. What was handed over; to nobody only when `nobody_because` says why."""
    roster = chains.roster(conn, team)
    parts = [each for each, people in roster.on_duty.items() if any(person.staff == staff for person in people)]
    if part not in parts:
        raise CareError("This person is not on duty in this part.")
    if parts == [part] and is_last(roster, staff) and not nobody_because:
        raise CareError("Nobody else is on duty: let somebody go on duty first, or say why nobody is.")
    to = next_of(roster, staff, part)
    changes = []
    if parts == [part]:
        found = conn.execute(SQL["has"], {"team": team, "staff": staff}).fetchall()
        alerts.hold_ids(conn, {subject for _, subject in found})
        standing = alerts.of_ids(conn, [alert for alert, _ in found])
        mine = [alert for alert in standing if alert.owner == staff and alert.state in OPEN]
        changes = [hand_over(alert, None if to is None else to.staff, by, now) for alert in mine]
    given = {"team": team, "staff": staff, "part": str(part), "by": by, "now": now, "note": nobody_because}
    conn.execute(SQL["end"], given)
    teamlog.append(conn, [*alerts.write(conn, changes), _entry(team)], now)
    return changes


def watch(conn: Connection, now: datetime) -> int:
    """The clock's: teams with patients where nobody is on duty are told so until somebody is. How many changed."""
    found = conn.execute(SQL["unwatched"], {"rule": NOBODY_ON_DUTY}).fetchall()
    if not found:
        return 0
    with conn.transaction():
        held = alerts.hold(conn, [alerts.cause_of_team(CAUSE, team) for team, _ in found])
        # Read again under the lock: somebody may have gone on duty meanwhile.
        again = conn.execute(SQL["unwatched"], {"rule": NOBODY_ON_DUTY}).fetchall()
        findings = [
            _finding(team, missing, now) for team, missing in again if alerts.cause_of_team(CAUSE, team) in held
        ]
        alerts.apply(conn, alerts.decided(conn, held, findings, now), now)
    return len(findings)


def _finding(team: int, missing: bool, now: datetime) -> Finding:
    subject = alerts.cause_of_team(CAUSE, team)
    if not missing:
        return fault_over(subject, NOBODY_ON_DUTY, now)
    return Fault(subject=subject, rule=NOBODY_ON_DUTY, at=now, cause="nobody is on duty")


def _entry(team: int) -> teamlog.Entry:
    return teamlog.Entry(team_id=team, type="duty")
