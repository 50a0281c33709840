"""The daily trial of the alarm path: from the agent over the broker into the log, and onto a screen that listens.

A command asks for it, an event of its own in the alarm lane answers, the team's log says it to the screens, and a
screen answers `seen`. It concerns nobody and rings nowhere. One that does not come is a technical alert; a gateway that
does not know the command yet is not blamed.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import psycopg
from psycopg.rows import class_row

from server.alerts import proving
from server.alerts.findings import Finding, proof_arrived, proof_missing
from server.alerts.model import Subject, gateway_subject
from server.store import alerts, commands, deadlines, queries
from server.store.deadlines import Deadline, DeadlineType
from server.store.events import FiledEvent
from server.store.gateways import Gateway
from server.store.teamlog import Entry

SQL: Final = queries.load("proofs")
AT_ONCE: Final = 20  # asked in one round of the clock
TRIAL_WITHIN: Final = timedelta(minutes=1)  # whoever asked stands there and waits
ARRIVES_WITHIN: Final = timedelta(hours=36)  # what comes later answers nothing any more
ONLINE: Final = "online"


@dataclass(frozen=True, kw_only=True, slots=True)
class ProofRow:
    """`made_at`: by the gateway's clock. `stored_at` None: it has not come. `seen_at` None: no screen has shown it."""

    gateway: str
    home: int | None
    day: date
    asked_at: datetime
    made_at: datetime | None
    stored_at: datetime | None
    seen_at: datetime | None

    @property
    def server_s(self) -> float | None:
        """From the question to the database, by one clock."""
        return None if self.stored_at is None else (self.stored_at - self.asked_at).total_seconds()

    @property
    def screen_s(self) -> float | None:
        return None if self.seen_at is None else (self.seen_at - self.asked_at).total_seconds()


def ask(conn: psycopg.Connection, now: datetime) -> int:
    """Those whose minute of the day has come; how many."""
    day = proving.day_of(now)
    found = conn.execute(SQL["unasked"], {"day": day}).fetchall()
    turns = [each for each in found if proving.is_time(each[1], now)][:AT_ONCE]
    if not turns:
        return 0
    with conn.transaction():
        held = alerts.hold(conn, {gateway_subject(id_) for id_, _, _ in turns})
        for id_, name, home in turns:
            command = commands.prove(conn, id_, name, now)
            asked = {"gateway": id_, "home": home, "day": day, "command": command, "now": now}
            conn.execute(SQL["asked"], asked)
        within_s = proving.ANSWER_WITHIN.total_seconds()
        awaited = [
            Deadline(subject_id=held[gateway_subject(id_)], due_at=now + proving.ANSWER_WITHIN, every_s=within_s)
            for id_, _, _ in turns
        ]
        deadlines.set_deadlines(conn, DeadlineType.PROOF, awaited)
    return len(turns)


def try_now(conn: psycopg.Connection, gateway_id: int, name: str, home: int, now: datetime) -> int:
    """Somebody waits for it, beside the daily one; its number. Nobody is alerted when it does not come."""
    command = commands.prove(conn, gateway_id, name, now, within=TRIAL_WITHIN)
    asked = {"gateway": gateway_id, "home": home, "day": proving.day_of(now), "command": command, "now": now}
    row = conn.execute(SQL["tried"], asked | {"until": now + TRIAL_WITHIN}).fetchone()
    assert row is not None
    return int(row[0])


def hear(
    conn: psycopg.Connection, proofs: Sequence[FiledEvent], held: Mapping[Subject, int], now: datetime
) -> tuple[list[Finding], list[Entry]]:
    """Under the lock of the gateways' subjects."""
    findings: list[Finding] = []
    entries: list[Entry] = []
    for proof in sorted(proofs, key=lambda each: each.gateway_id):
        arrived = {"gateway": proof.gateway_id, "made": proof.occurred_at, "received": proof.received_at}
        row = conn.execute(SQL["arrived"], arrived | {"now": now, "since": now - ARRIVES_WITHIN}).fetchone()
        if row is None:
            continue
        subject = gateway_subject(proof.gateway_id)
        if row[2]:
            deadlines.cancel(conn, DeadlineType.PROOF, [(held[subject], "")])
        findings.append(proof_arrived(subject, now))
        if row[1] is not None:
            entries.append(Entry(team_id=row[1], type="proof", body={"proof": row[0]}))
    return findings, entries


def expire(conn: psycopg.Connection, gateway: Gateway, now: datetime) -> list[Finding]:
    """Silence has an alert of its own; and what does not know the command is not broken."""
    row = conn.execute(SQL["unanswered"], {"gateway": gateway.id}).fetchone()
    if row is None:
        return []
    id_, asked_at = row
    if gateway.state != ONLINE:
        conn.execute(SQL["forget"], {"id": id_})
        return []
    if conn.execute(SQL["can_prove"], {"gateway": gateway.id}).fetchone() != (True,):
        return []
    return [proof_missing(gateway_subject(gateway.id, home=gateway.home_id), now, asked_at=asked_at)]


def see(conn: psycopg.Connection, proof: int, now: datetime) -> None:
    """A screen that reads its log hours later did not listen."""
    conn.execute(SQL["see"], {"id": proof, "now": now, "since": now - proving.SEEN_WITHIN})


def newest(conn: psycopg.Connection, gateways: Iterable[str]) -> dict[str, ProofRow]:
    with conn.cursor(row_factory=class_row(ProofRow)) as cursor:
        return {row.gateway: row for row in cursor.execute(SQL["newest"], {"names": list(gateways)})}


def of_days(conn: psycopg.Connection, teams: Iterable[int], first: date, last: date) -> list[ProofRow]:
    """The newest day first."""
    with conn.cursor(row_factory=class_row(ProofRow)) as cursor:
        return cursor.execute(SQL["of_days"], {"teams": list(teams), "first": first, "last": last}).fetchall()


def prune(conn: psycopg.Connection, before: date) -> int:
    return conn.execute(SQL["prune"], {"before": before}).rowcount
