"""Every change of an alert decides when it goes on and who is called: in the transaction that writes the change.

The one place is `alerts.write`. What is awaited is one row of `deadline` for each alert: nothing is
forgotten, whoever dies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from psycopg import Connection

from server.alerts import escalation
from server.alerts.escalation import IN_THE_QUEUE, NOTHING, Around, Course, Person
from server.alerts.findings import GATEWAY_SILENT, OUTAGE, SENSOR_SILENT
from server.alerts.lifecycle import OPEN
from server.alerts.model import Action, Alert, Change
from server.store import chains, notices, queries
from server.store.chains import Team
from server.store.notices import Call

SQL: Final = queries.load("chains")
LOSES_COVER: Final = frozenset({GATEWAY_SILENT, SENSOR_SILENT})
TELL_OF_HELP: Final = ("pendant", "bthome_sos", "bthome_fall")  # profiles of what somebody calls for help with


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """Whose an alert is. None: not of one patient."""

    team: int
    pathway: str | None = None
    municipality: str | None = None


class Courses:
    """Of the changes of one transaction. What is looked up about a team is looked up once."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self._teams: dict[int, Team] = {}
        self._decided: dict[object, Course] = {}

    def decide(self, change: Change, about: Callable[[], About | None]) -> tuple[Change, Course]:
        """The change as it is to be written, and where the alert stands then."""
        alert = change.alert
        before = self._decided.get(alert.key) or escalation.course_of(alert)
        covers = self._covers(alert, change.at)
        whose = about() if _concerns_somebody(alert, covers=covers) else None
        course = NOTHING
        if whose is not None:
            around = self.around(whose, alert, covers=covers)
            course = escalation.follow(change, before, around, had=self._had(change))
        self._decided[alert.key] = replace(course, calls=())
        after = replace(alert, step=course.step, next_at=course.next_at, quiet=course.quiet, response=course.response)
        course = replace(course, moved=course.next_at != before.next_at)
        return replace(change, alert=after, rings=change.rings and not course.quiet), course

    def around(self, about: About, alert: Alert, *, covers: bool = False) -> Around:
        team = self._teams.get(about.team)
        if team is None:
            team = self._teams[about.team] = chains.of_team(self._conn, about.team)
        return Around(
            chains=team.chains[alert.priority],
            hours=team.hours_of(about.municipality, about.pathway, alert.priority),
            roster=team.roster,
            covers=covers,
        )

    def _covers(self, alert: Alert, now: datetime) -> bool:
        if alert.rule == OUTAGE:
            return alert.evidence.numbers["covering"] > 0
        if alert.rule not in LOSES_COVER or alert.state not in IN_THE_QUEUE:
            return False
        where = {"device": alert.subject.device, "gateway": alert.subject.gateway}
        row = self._conn.execute(SQL["covers"], {**where, "profiles": list(TELL_OF_HELP), "now": now}).fetchone()
        return row is not None and row[0]

    def _had(self, change: Change) -> int | None:
        """Who had it until now and did not answer."""
        if change.action is not Action.RETURNED or change.alert.id is None:
            return None
        row = self._conn.execute(SQL["owner"], {"alert": change.alert.id}).fetchone()
        return None if row is None else row[0]


def keep(conn: Connection, alert_id: int, change: Change, course: Course) -> None:
    """After the alert was written: when the clock must look, and who is called."""
    if course.moved and course.next_at is not None:
        every_s = (course.next_at - change.at).total_seconds()
        conn.execute(SQL["await"], {"alert": alert_id, "due_at": course.next_at, "every_s": every_s})
    elif course.moved:
        conn.execute(SQL["await_nothing"], {"alert": alert_id})
    if course.calls:
        called(conn, replace(change.alert, id=alert_id), course.calls, change.at)


def called(conn: Connection, alert: Alert, people: Sequence[Person], now: datetime) -> None:
    """These are called now about an alert as it stands after the change that calls them."""
    assert alert.id is not None
    of = partial(Call, alert=alert.id, rev=alert.rev, step=alert.step)
    notices.call(conn, [of(staff=each.staff, phone=each.phone) for each in people], now)
    for place, person in enumerate(people):
        row = {"alert": alert.id, "rev": alert.rev, "place": place, "step": alert.step, "at": now}
        conn.execute(SQL["call"], {**row, "staff": person.staff, "name": person.name, "phone": person.phone})


def _concerns_somebody(alert: Alert, *, covers: bool) -> bool:
    """What does not is decided without looking anything up."""
    if alert.state not in OPEN:
        return False
    return escalation.may_escalate(alert, covers=covers)
