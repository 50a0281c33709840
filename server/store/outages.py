"""Outages in the database: which silent gateways one alert tells of, for the clock; and whom that concerns, for staff.

The clock holds the subjects of outages together with those of the gateways, in order of id (server/store/alerts.py)."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import numpy as np
import psycopg
from psycopg.rows import class_row

from server.alerts import outage, policy
from server.alerts.findings import GATEWAY_SILENT, OUTAGE, Finding, fault_over
from server.alerts.model import Alert, Subject
from server.alerts.outage import Silent
from server.store import alerts, queries
from server.store.courses import TELL_OF_HELP

SQL: Final = queries.load("outages")
Place = tuple[int, str]
"""A team, and a line in it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Concerned:
    """What must be held beside silent gateways. `alone`: subjects of gateways that may join with them."""

    causes: Mapping[Place, tuple[Subject, int]] = field(default_factory=dict)
    alone: frozenset[int] = frozenset()

    @property
    def subjects(self) -> frozenset[int]:
        return self.alone | {id_ for _, id_ in self.causes.values()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """`joining`: gateways of which an outage tells from now on, by its subject's id; `grouped`: the alerts of their own
    that some of them had."""

    findings: list[Finding] = field(default_factory=list)
    grouped: list[Alert] = field(default_factory=list)
    joining: dict[int, Sequence[Silent]] = field(default_factory=dict)

    @property
    def gateways(self) -> frozenset[int]:
        return frozenset(each.gateway for members in self.joining.values() for each in members)


def concerned(conn: psycopg.Connection, gateways: Collection[int]) -> Concerned:
    """Before anything is held."""
    if not gateways:
        return Concerned()
    places: list[Place] = conn.execute(SQL["concerned"], {"ids": _ids(gateways)}).fetchall()
    causes = {place: cause(*place) for place in places}
    met = alerts.meet(conn, causes.values())
    given = {"teams": _ids({team for team, _ in places}), "rule": GATEWAY_SILENT}
    alone = frozenset(subject for (subject,) in conn.execute(SQL["alone"], given))
    return Concerned(causes={place: (subject, met[subject]) for place, subject in causes.items()}, alone=alone)


def cause(team: int, line: str) -> Subject:
    return alerts.cause_of_team(f"outage:{line}", team)


def judge(conn: psycopg.Connection, new: Collection[int], known: Concerned, now: datetime) -> Judged:
    """Under the locks. `new`: gateways that are silent since now."""
    judged = Judged()
    if not new:
        return judged
    teams = {team for team, _ in known.causes}
    silent = _silent(conn, teams, now)
    of = {(team, line): count for team, line, count in conn.execute(SQL["lines"], {"teams": _ids(teams)})}
    alone = _alone(conn, known)
    for team in sorted(teams):
        here = silent.get(team, ())
        found = outage.joins(
            [each for each, _ in here if each.gateway in new],
            [each for each, _ in here if each.gateway in alone],
            [each for each, told in here if told and each.gateway not in new],
            {line: count for (whose, line), count in of.items() if whose == team},
        )
        for line, joining in found.items():
            if (team, line) in known.causes:  # else its line was changed since anything was held: it is told alone
                standing = [each for each, told in here if told and each.line == line and each.gateway not in new]
                _put(judged, known.causes[team, line], line, joining, standing, alone, of[team, line])
    return judged


def _put(
    judged: Judged,
    place: tuple[Subject, int],
    line: str,
    joining: Sequence[Silent],
    standing: Sequence[Silent],
    alone: Mapping[int, Alert],
    of: int,
) -> None:
    subject, id_ = place
    lost_cover = any(each.covers for each in joining)
    grouped = [alone[each.gateway] for each in joining if each.gateway in alone]
    call_by = min((alert.next_at for alert in grouped if alert.next_at is not None), default=None)
    judged.findings.append(
        outage.told(subject, line, [*standing, *joining], of, lost_cover=lost_cover, call_by=call_by)
    )
    judged.grouped.extend(grouped)
    judged.joining[id_] = joining


def remember(conn: psycopg.Connection, judged: Judged, now: datetime) -> None:
    """After the alerts were written."""
    standing = _standing(conn, judged.joining)
    for subject, joining in judged.joining.items():
        given: dict[str, Any] = {"alert": standing[subject], "now": now}
        given |= {"gateways": _ids(each.gateway for each in joining)}
        conn.execute(SQL["leave"], given)
        ordered = sorted(joining, key=lambda each: each.gateway)
        given |= {"heard": [each.heard_at for each in ordered], "covers": [each.covers for each in ordered]}
        conn.execute(SQL["join"], given)


def watch(conn: psycopg.Connection, now: datetime) -> int:
    """The clock's: an outage shrinks as gateways come back, and is over with the last of them. How many changed."""
    subjects = _ids(subject for (subject,) in conn.execute(SQL["returned"]))
    if not len(subjects):
        return 0
    with conn.transaction():
        alerts.hold_ids(conn, subjects)
        changed = {alert for (alert,) in conn.execute(SQL["back"], {"subjects": subjects, "now": now})}
        standing = [alert for alert in alerts.open_alerts(conn, subjects) if alert.id in changed]
        members = _members(conn, changed)
        findings = [_shrunk(alert, members.get(alert.id or 0, ()), now) for alert in standing]
        alerts.apply(conn, policy.decide(standing, findings, now), now)
    return len(changed)


def _shrunk(alert: Alert, members: Sequence[Silent], now: datetime) -> Finding:
    if not members:
        return fault_over(alert.subject, OUTAGE, now)
    of = int(alert.evidence.numbers["of"])
    return outage.told(alert.subject, alert.evidence.place or outage.UNKNOWN_LINE, members, of)


def _silent(conn: psycopg.Connection, teams: Iterable[int], now: datetime) -> Mapping[int, list[tuple[Silent, bool]]]:
    """By team; with each whether an open outage tells of it."""
    found: defaultdict[int, list[tuple[Silent, bool]]] = defaultdict(list)
    given = {"teams": _ids(teams), "profiles": list(TELL_OF_HELP), "now": now}
    for team, gateway, line, heard_at, covers, told in conn.execute(SQL["silent"], given):
        each = Silent(gateway=gateway, line=line, heard_at=heard_at, covers=covers)
        found[team].append((each, told is not None))
    return found


def _alone(conn: psycopg.Connection, known: Concerned) -> Mapping[int, Alert]:
    """By gateway."""
    return {
        alert.subject.gateway: alert
        for alert in alerts.open_alerts(conn, known.alone)
        if alert.rule == GATEWAY_SILENT and alert.subject.gateway is not None and outage.can_join(alert)
    }


def _standing(conn: psycopg.Connection, subjects: Iterable[int]) -> Mapping[int, int]:
    rows = conn.execute(SQL["standing"], {"subjects": _ids(subjects), "rule": OUTAGE})
    return {subject: alert for alert, subject in rows}


def _members(conn: psycopg.Connection, ids: Iterable[int]) -> Mapping[int, list[Silent]]:
    found: defaultdict[int, list[Silent]] = defaultdict(list)
    for alert, gateway, line, heard_at, covers in conn.execute(SQL["members"], {"alerts": _ids(ids)}):
        found[alert].append(Silent(gateway=gateway, line=line, heard_at=heard_at, covers=covers))
    return found


def _ids(ids: Iterable[int]) -> Any:
    return np.array(sorted(ids), np.int64)


# ---- whom it concerns; after `sessions.identify`


@dataclass(frozen=True, kw_only=True, slots=True)
class SilentRow:
    gateway: str
    home: int | None
    heard_at: datetime
    back_at: datetime | None
    operator: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PatientRow:
    id: int
    name: str
    phone: str | None
    home: int
    has_alarm: bool
    lives_alone: bool
    alone_is_said: bool


def of_alert(conn: psycopg.Connection, alert: int, now: datetime) -> tuple[list[SilentRow], list[PatientRow]]:
    """The gateways of an alert about silence, and who lives where they stand: first who has a fall or SOS alarm and
    lives alone, then who has one, then who lives alone. Who is silent still before who is heard again."""
    with conn.cursor(row_factory=class_row(SilentRow)) as rows:
        gateways = rows.execute(SQL["gateways"], {"alert": alert}).fetchall()
    homes = {each.home for each in gateways if each.home is not None}
    given = {"homes": _ids(homes), "profiles": list(TELL_OF_HELP), "now": now}
    with conn.cursor(row_factory=class_row(PatientRow)) as rows_:
        patients = rows_.execute(SQL["patients"], given).fetchall()
    silent = {each.home for each in gateways if each.back_at is None}
    patients.sort(key=lambda each: (each.home not in silent, not each.has_alarm, not each.lives_alone, each.name))
    return gateways, patients
