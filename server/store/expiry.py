"""What the clock does with deadlines that nobody met."""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

import psycopg

from server.alerts import outage, policy
from server.alerts.findings import IDENTITY_CONFLICT, MONITOR_WAS_DOWN, Finding, fault_over, gateway_silent
from server.alerts.model import Subject, SubjectType, gateway_subject
from server.store import alerts, deadlines, gateways, homes, outages, proofs, snoozes, teamlog
from server.store.deadlines import LEDGER, DeadlineType, Due
from server.store.gateways import Gateway
from server.store.outages import Concerned

# What silence means only while somebody listens.
HEARD_BY_MONITOR: Final = frozenset({DeadlineType.GATEWAY_SILENT, DeadlineType.HOME, DeadlineType.PROOF})
log = logging.getLogger(__name__)


def expire_due(conn: psycopg.Connection, now: datetime, *, monitor_hears: bool) -> int:
    """One transaction; how many deadlines ended."""
    types: Collection[DeadlineType] = set(DeadlineType) - LEDGER - {DeadlineType.ESCALATION}
    types = types if monitor_hears else set(types) - HEARD_BY_MONITOR
    found = deadlines.due(conn, now, types)
    if not found:
        return 0
    with conn.transaction():
        homes.hold(conn, found)
        concerned = outages.concerned(conn, [int(due.reference) for due in found if _is_silence(due)])
        alerts.hold_ids(conn, {due.subject_id for due in found} | concerned.subjects)
        expired = deadlines.expire(conn, [due.id for due in found], now)
        _tell(conn, [due for due in found if due.id in expired], expired, concerned, now)
    return len(expired)


def _is_silence(due: Due) -> bool:
    return due.type is DeadlineType.GATEWAY_SILENT


def _tell(
    conn: psycopg.Connection,
    found: list[Due],
    expired: Mapping[int, tuple[datetime, float]],
    concerned: Concerned,
    now: datetime,
) -> None:
    standing = gateways.hold(conn, [int(due.reference) for due in found if due.subject_type == SubjectType.GATEWAY])
    recalled = gateways.recalled(conn, standing) if standing else frozenset()
    findings: list[Finding] = homes.expire(conn, found, now)
    entries: list[teamlog.Entry] = []
    silences: dict[int, Finding] = {}
    for due in found:
        due_at, every_s = expired[due.id]
        match due.type:
            case DeadlineType.GATEWAY_SILENT:
                if gateway := standing.get(int(due.reference)):
                    silence = _silence(conn, gateway, due_at - timedelta(seconds=every_s), now)
                    silences |= {} if gateway.id in recalled else {gateway.id: silence}
                    entries += gateways.entry(gateway)
                else:  # nobody's silence must not end the clock, and with it the watch over everybody's
                    log.warning("gateway %s was awaited, but is no more", due.reference)
            case DeadlineType.IDENTITY_CONFLICT:
                findings.append(fault_over(_subject(due, standing), IDENTITY_CONFLICT, now))
            case DeadlineType.PROOF:
                if gateway := standing.get(int(due.reference)):
                    findings += proofs.expire(conn, gateway, now)
            case DeadlineType.MONITOR_BACK:
                findings.append(fault_over(_subject(due, standing), MONITOR_WAS_DOWN, now))
    together = outages.judge(conn, silences.keys(), concerned, now)
    findings += [silence for gateway, silence in silences.items() if gateway not in together.gateways]
    findings += together.findings
    stands = alerts.open_alerts(conn, {due.subject_id for due in found} | concerned.subjects)
    changes = [outage.joined(alert, now) for alert in together.grouped] + policy.decide(stands, findings, now)
    snoozes.forget(conn, [due for due in found if due.type is DeadlineType.SNOOZE])
    told = alerts.write(conn, changes)
    outages.remember(conn, together, now)
    teamlog.append(conn, [*told, *entries], now)


def _silence(conn: psycopg.Connection, gateway: Gateway, awaited_from: datetime, now: datetime) -> Finding:
    heard_at = gateways.mark_silent(conn, gateway.id, now)
    return gateway_silent(gateway_subject(gateway.id, home=gateway.home_id), heard_at or awaited_from)


def _subject(due: Due, standing: Mapping[int, Gateway]) -> Subject:
    if due.subject_type == SubjectType.GATEWAY:
        gateway = standing.get(int(due.reference))
        return gateway_subject(int(due.reference), home=gateway.home_id if gateway else None)
    return Subject(type=SubjectType(due.subject_type), reference=due.reference)
