"""What follows from gateways' heartbeats: their state, when they are next awaited, and what is wrong with them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import psycopg

from devices.wire.columns import from_millis
from devices.wire.messages import LinkState, Status
from server.alerts.findings import (
    CLOCK_WRONG,
    IDENTITY_CONFLICT,
    Fault,
    Finding,
    fault_over,
    gateway_back,
    identity_conflict,
)
from server.alerts.model import Subject, gateway_subject
from server.detection.silence import gateway_due_at, is_clock_off
from server.store import commands, configs, deadlines, gateways, teamlog
from server.store.deadlines import Deadline, DeadlineType
from server.store.gateways import TURNS_WITHIN, Gateway
from server.store.intake import Heartbeat

ONLINE: Final = "online"


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A gateway's status, and when it came."""

    gateway_id: int
    status: Status
    at: datetime
    subject: Subject


def of(beats: Sequence[Heartbeat], gateway_ids: Mapping[str, int]) -> list[Heard]:
    return [
        Heard(
            gateway_id=gateway_ids[beat.topic.gateway],
            status=beat.status,
            at=beat.arrival.received_at,
            subject=gateway_subject(gateway_ids[beat.topic.gateway]),
        )
        for beat in beats
    ]


def hear(
    conn: psycopg.Connection, heard: Sequence[Heard], held: Mapping[Subject, int]
) -> tuple[list[Finding], list[teamlog.Entry]]:
    """Under the lock of the gateways' subjects."""
    if not heard:
        return [], []
    standing = gateways.hold(conn, {each.gateway_id for each in heard})
    findings: list[Finding] = []
    entries: list[teamlog.Entry] = []
    spoke: list[Heard] = []
    awaited: dict[tuple[DeadlineType, int], Deadline] = {}
    for each in heard:
        gateway = standing[each.gateway_id]
        if gateways.says_nothing_new(gateway, each.status):
            continue
        gateways.hear(conn, gateway.id, each.status, each.at)
        since = gateway.state_since if gateway.state == each.status.state else each.at
        standing[gateway.id] = replace(
            gateway,
            state=str(each.status.state),
            state_since=since,
            started=each.status.started,
            clock_was_wrong=gateways.clock_is_wrong(each.status, each.at),
        )
        if gateway.state != each.status.state:
            entries += gateways.entry(gateway)
        if each.status.state is not LinkState.LOST:
            spoke.append(each)
            found = _alive(conn, each, gateway)
            findings += found
            for type_, due_at in _awaited(each, found):
                subject_id = held[each.subject]
                every_s = (due_at - each.at).total_seconds()
                awaited[type_, subject_id] = Deadline(subject_id=subject_id, due_at=due_at, every_s=every_s)
    findings += configs.hear(conn, [_told(each, standing[each.gateway_id]) for each in spoke])
    commands.done(conn, [(each.gateway_id, each.status) for each in spoke], heard[-1].at)
    for type_ in sorted({type_ for type_, _ in awaited}):
        deadlines.set_deadlines(conn, type_, [each for key, each in awaited.items() if key[0] is type_])
    return findings, entries


def _alive(conn: psycopg.Connection, heard: Heard, gateway: Gateway) -> list[Finding]:
    subject = gateway_subject(gateway.id, home=gateway.home_id)
    findings: list[Finding] = []
    if gateway.state != ONLINE:
        findings.append(gateway_back(subject, heard.at))
    findings += _of_clock(heard, gateway, subject)
    if gateways.takes_turns(conn, gateway.id, heard.status.outbox, heard.at):
        findings.append(identity_conflict(subject, heard.at))
    return findings


def _of_clock(heard: Heard, gateway: Gateway, subject: Subject) -> Iterator[Finding]:
    """Only when it is another one than the last time: a heartbeat that says the same costs nothing."""
    is_wrong = gateways.clock_is_wrong(heard.status, heard.at)
    if is_wrong is None or is_wrong == gateway.clock_was_wrong:
        return
    if not is_wrong:
        yield fault_over(subject, CLOCK_WRONG, heard.at)
        return
    assert heard.status.at is not None
    ahead_s = (from_millis(heard.status.at) - heard.at).total_seconds()
    numbers = {"ahead_s": ahead_s} if is_clock_off(from_millis(heard.status.at), heard.at) else {}
    cause = "its clock is wrong: check its network time"
    yield Fault(subject=subject, rule=CLOCK_WRONG, at=heard.at, cause=cause, numbers=numbers)


def _told(heard: Heard, gateway: Gateway) -> configs.Told:
    return configs.Told(
        gateway_id=gateway.id,
        status=heard.status,
        at=heard.at,
        online_since=gateway.state_since,
        subject=gateway_subject(gateway.id, home=gateway.home_id),
    )


def _awaited(heard: Heard, found: Sequence[Finding]) -> Iterator[tuple[DeadlineType, datetime]]:
    yield DeadlineType.GATEWAY_SILENT, gateway_due_at(heard.at, heard.status.every_s)
    if any(finding.rule == IDENTITY_CONFLICT for finding in found):
        yield DeadlineType.IDENTITY_CONFLICT, heard.at + TURNS_WITHIN
