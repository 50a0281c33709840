"""The slow rules at work: takes marks that are due, reads back, judges, writes alerts and takes the marks away, all in
one transaction.

A thread of the clock role with a connection of its own. When it dies, the marks are still there. What cannot be judged
is found by halving the batch, put off, and told to its team.
"""

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import psycopg

from devices.wire.columns import to_millis
from server.alerts import slow
from server.alerts.findings import NOT_ASSESSED, Finding, fault_over, not_assessed, subject_of
from server.detection.assess import Assessed, assess
from server.detection.histories import Judged, RulesOf
from server.detection.patient_rules import Known
from server.store import alerts, assessing, facts, reading_back, settings, signals, teamlog
from server.store.assessing import Mark
from server.store.standby import Standby

CAUSE: Final = "assessor"
MARKS_AT_ONCE: Final = 500
POLL_S: Final = 1.0
REST_S: Final = 0.05  # readings come in many small batches: a few of them at once
AFTER_MIDNIGHT: Final = timedelta(minutes=5)  # the last readings of a day are there by then
AGAIN_AFTER: Final = timedelta(minutes=1)  # doubled with each failure
AGAIN_AT_MOST: Final = timedelta(hours=6)
NOT_SYMPTOMS: Final = ("baseline", "oxygen_seen", "consciousness", "news2_scale")

log = logging.getLogger(__name__)


class Assessor(Standby):
    name = "assessor"
    lock = 0x686A656D61736573  # "hjemases"

    def work(self, conn: psycopg.Connection) -> None:
        assessing.plan_anew(conn)
        signals.listen(conn, [signals.Channel.READINGS, signals.Channel.ENROLMENT])
        while not self._stopping.is_set():
            if not look(conn, self._now()):
                for _ in signals.wait(conn, POLL_S):
                    pass
                self._stopping.wait(REST_S)


def look(conn: psycopg.Connection, now: datetime, *, most: int = MARKS_AT_ONCE) -> int:
    """At what is due; how many marks were taken. `conn` is in autocommit mode."""
    marks = assessing.due(conn, now, most)
    _settle(conn, marks, now)
    return len(marks)


def _settle(conn: psycopg.Connection, marks: Sequence[Mark], now: datetime) -> None:
    """A failure concerns one stream: halves find it, and the others are looked at."""
    error = _tried(conn, marks, now) if marks else None
    if error is None:
        return
    if len(marks) > 1:
        half = len(marks) // 2
        _settle(conn, marks[:half], now)
        _settle(conn, marks[half:], now)
    else:
        _fail(conn, marks[0], error, now)


def _tried(conn: psycopg.Connection, marks: Sequence[Mark], now: datetime) -> Exception | None:
    try:
        with conn.transaction():
            _look_at(conn, marks, now)
    except psycopg.OperationalError:  # nobody's data: the line, a deadlock, a full disk
        raise
    except Exception as error:  # noqa: BLE001 - the outer edge of this thread: what a rule trips over is one stream's
        return error
    return None


def _look_at(conn: psycopg.Connection, marks: Sequence[Mark], now: datetime) -> None:
    active = {mark.patient for mark in marks if mark.active}
    rules = {patient: chosen for patient, chosen in settings.rules_of(conn, active).items() if chosen}
    assessed = _assessed(conn, [mark for mark in marks if mark.patient in rules], rules, now)
    held = assessing.hold(conn, marks)
    _take_away(conn, [mark for mark in marks if mark.patient in held], assessed.unripe, now)
    findings = _findings(assessed.rounds, assessing.standing(conn, held & set(rules)), held, now)
    findings += _healed(conn, [mark for mark in marks if mark.faults and mark.patient in held], now)
    subjects = alerts.hold(conn, {subject_of(finding) for finding in findings})
    if findings:
        entries = alerts.write(conn, alerts.decided(conn, subjects, findings, now))
        teamlog.append(conn, entries, now)


def _assessed(conn: psycopg.Connection, marks: Sequence[Mark], rules: RulesOf, now: datetime) -> Assessed:
    reported = {mark.patient for mark in marks if mark.is_patient}
    since = {(mark.patient, mark.kind): mark.since for mark in marks if not mark.is_patient}
    for stream in assessing.streams_of(conn, reported):
        since.setdefault(stream, now)
    read = reading_back.histories(conn, since, reported, rules, now)
    return assess(read, rules, _known(conn, rules, reported), to_millis(now))


def _known(conn: psycopg.Connection, patients: Iterable[int], reported: Collection[int]) -> dict[int, Known]:
    said = facts.of_patients(conn, sorted(patients), NOT_SYMPTOMS)
    symptoms = facts.of_patients(conn, sorted(reported), ("symptoms",)) if reported else {}
    return {
        patient: Known(
            baselines=each.baselines,
            oxygen_seen=each.oxygen_seen,
            consciousness=each.consciousness,
            scales=each.scales,
            symptoms=symptoms[patient].symptoms if patient in symptoms else {},
        )
        for patient, each in said.items()
    }


def _take_away(conn: psycopg.Connection, held: Sequence[Mark], unripe: Collection[int], now: datetime) -> None:
    """A day that is not enough yet is looked at again when it is over, if no reading has it looked at before."""
    today, tomorrow = reading_back.midnights_until(now, 0)
    assessing.put_off(conn, [mark for mark in held if mark.key in unripe], tomorrow + AFTER_MIDNIGHT, since=today)
    assessing.done(conn, [mark for mark in held if mark.key not in unripe])


def _findings(
    rounds: Sequence[Judged], standing: Mapping[int, set[str]], held: Collection[int], now: datetime
) -> list[Finding]:
    findings: list[Finding] = []
    rules = {patient: set(names) for patient, names in standing.items()}
    for judged in rounds:
        told = slow.concerns(
            [found for found in judged.found if found.patient in held],
            [looked for looked in judged.looked if looked.patient in held],
            rules,
            now,
        )
        for finding in told:
            patient = subject_of(finding).patient
            if patient is not None:
                rules.setdefault(patient, set()).add(finding.rule)
        findings += told
    return findings


def _healed(conn: psycopg.Connection, marks: Sequence[Mark], now: datetime) -> list[Finding]:
    """Of streams that could not be looked at until now: it is over for teams that have no others."""
    if not marks:
        return []
    left = assessing.failing(conn, {mark.patient for mark in marks})
    return [fault_over(alerts.cause_of_team(CAUSE, team), NOT_ASSESSED, now) for team, many in left.items() if not many]


def _fail(conn: psycopg.Connection, mark: Mark, error: Exception, now: datetime) -> None:
    log.error("could not look at %s, for the %d. time", mark, mark.faults + 1, exc_info=error)
    again_at = now + min(AGAIN_AFTER * 2 ** min(mark.faults, 20), AGAIN_AT_MOST)
    with conn.transaction():
        team = assessing.failed(conn, mark, again_at)
        if team is None:
            assessing.done(conn, [mark])
            return
        subject = alerts.cause_of_team(CAUSE, team)
        held = alerts.hold(conn, [subject])
        why = f"{mark} could not be looked at ({type(error).__name__}); it is tried again"
        fault = not_assessed(subject, now, streams=assessing.failing(conn, {mark.patient})[team], why=why)
        alerts.apply(conn, alerts.decided(conn, held, [fault], now), now)
