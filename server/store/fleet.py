"""Gateways as one fleet: who runs what, what was said to them and by whom, and what is new and comes in rings."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

import msgspec
import numpy as np
from psycopg import Connection
from psycopg.rows import class_row

from devices.wire.messages import Status, UpgradeState
from server import rollouts
from server.rollouts import At, Member
from server.store import commands, queries, signals

SQL: Final = queries.load("fleet")
COMMANDS_SHOWN: Final = 50
ROLLOUTS_SHOWN: Final = 20
AT_ONCE: Final = 20  # rollouts in one round of the clock
UPGRADE: Final = "upgrade"
State = Literal["never", "online", "offline", "lost", "silent"]
TargetState = Literal["waits", "asked", "there", "done", "failed"]
RolloutState = Literal["running", "stopped", "done", "ended"]


@dataclass(frozen=True, kw_only=True, slots=True)
class FleetRow:
    """`rollout`: the newest that it is in; None: it never was in any. `status`: its last word, as it came."""

    id: int
    name: str
    home: int | None
    team: int
    label: str
    state: State
    state_since: datetime
    heard_at: datetime | None
    status: Mapping[str, Any]
    rollout: int | None
    target_state: TargetState | None
    target_why: str | None
    target_program: str | None
    target_heartbeat_s: float | None


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandRow:
    """`staff` None: the server itself. `state` None: there is no answer yet."""

    command: str
    what: str
    at: datetime
    staff: int | None
    until_at: datetime | None
    detail: str
    state: Literal["done", "refused", "expired"] | None
    answered_at: datetime | None
    why: str
    handed_in_at: datetime | None


@dataclass(frozen=True, kw_only=True, slots=True)
class RolloutRow:
    id: int
    teams: list[int]
    program: str | None
    heartbeat_s: float | None
    rings: list[int]
    made_at: datetime
    made_by: int
    state: RolloutState
    ring: int
    ring_at: datetime
    changed_at: datetime
    changed_by: int | None
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class MemberRow:
    rollout: int
    gateway: str
    ring: int
    state: TargetState
    asked_at: datetime | None
    changed_at: datetime
    why: str


# ---- looking


def gateways(conn: Connection, teams: Collection[int], name: str | None = None) -> list[FleetRow]:
    with conn.cursor(row_factory=class_row(FleetRow)) as cursor:
        return cursor.execute(SQL["gateways"], {"teams": list(teams), "name": name}).fetchall()


def said(conn: Connection, gateway: int) -> list[CommandRow]:
    with conn.cursor(row_factory=class_row(CommandRow)) as cursor:
        return cursor.execute(SQL["commands"], {"gateway": gateway, "most": COMMANDS_SHOWN}).fetchall()


def diagnosis(conn: Connection, gateway: int, command: str) -> tuple[datetime, str] | None:
    return conn.execute(SQL["diagnosis"], {"gateway": gateway, "command": command}).fetchone()


def shown(conn: Connection, id_: int | None = None) -> list[RolloutRow]:
    with conn.cursor(row_factory=class_row(RolloutRow)) as cursor:
        return cursor.execute(SQL["rollouts"], {"id": id_, "most": ROLLOUTS_SHOWN}).fetchall()


def members(conn: Connection, ids: Sequence[int]) -> list[MemberRow]:
    with conn.cursor(row_factory=class_row(MemberRow)) as cursor:
        return cursor.execute(SQL["members"], {"ids": list(ids)}).fetchall()


# ---- deciding


def under_way(conn: Connection, teams: Collection[int]) -> bool:
    return conn.execute(SQL["under_way"], {"teams": list(teams)}).fetchone() is not None


def begin(
    conn: Connection,
    teams: Collection[int],
    order: Sequence[int],
    sizes: Sequence[int],
    now: datetime,
    *,
    program: str | None,
    heartbeat_s: float | None,
) -> int:
    """`order`: gateways by their ids, the first ones first. Its number."""
    given = {"teams": list(teams), "program": program, "heartbeat_s": heartbeat_s, "rings": list(sizes), "now": now}
    row = conn.execute(SQL["make"], given).fetchone()
    assert row is not None
    placed = rollouts.rings_of(order, sizes)
    joined = {
        "id": row[0],
        "gateways": np.array([gateway for gateway, _ in placed], np.int32),
        "rings": np.array([ring for _, ring in placed], np.int32),
    }
    conn.execute(SQL["join"], joined | {"now": now})
    return int(row[0])


def decide(conn: Connection, id_: int, state: str, why: str, now: datetime) -> bool:
    """False: it is over, or not the caller's."""
    return conn.execute(SQL["decide"], {"id": id_, "state": state, "why": why, "now": now}).fetchone() == (True,)


# ---- of the clock role


def go_on(conn: Connection, now: datetime) -> None:
    """Every running rollout, each in a transaction of its own."""
    for id_, ring, program, heartbeat_s, staff in conn.execute(SQL["running"], {"most": AT_ONCE}).fetchall():
        with conn.transaction():
            if conn.execute(SQL["hold"], {"id": id_}).fetchone() == ("running",):
                _go_on(conn, _Target(id=id_, program=program, heartbeat_s=heartbeat_s, staff=staff), ring, now)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Target:
    id: int
    program: str | None
    heartbeat_s: float | None
    staff: int


def _go_on(conn: Connection, target: _Target, ring: int, now: datetime) -> None:
    found = [_member(target, row) for row in conn.execute(SQL["standing"], {"id": target.id}).fetchall()]
    plan = rollouts.plan(found, ring, now)
    for step in plan.steps:
        given = {"id": target.id, "gateway": step.gateway, "to": step.to, "why": step.why, "now": now}
        conn.execute(SQL["step"], given)
    names = {each.gateway: each.name for each in found}
    for gateway in plan.ask:
        command = _ask(conn, target, gateway, names[gateway], now)
        conn.execute(SQL["asked"], {"id": target.id, "gateway": gateway, "command": command, "now": now})
    state = "stopped" if plan.stopped else "done" if plan.is_done else "running"
    given = {"id": target.id, "ring": plan.ring, "state": state, "why": plan.stopped, "now": now}
    conn.execute(SQL["go_on"], given)


def _ask(conn: Connection, target: _Target, gateway: int, name: str, now: datetime) -> str | None:
    """The command's id; None: its next configuration asks."""
    if target.program is not None:
        return commands.order(conn, gateway, name, UPGRADE, now, version=target.program, staff=target.staff)
    conn.execute(SQL["set_heartbeat"], {"gateway": gateway, "heartbeat_s": target.heartbeat_s})
    signals.send(conn, signals.Channel.ENROLMENT)
    return None


def _member(target: _Target, row: tuple[Any, ...]) -> Member:
    id_, name, ring, at, asked_at, changed_at, is_online, heard_at, said_last, refused, answer, is_carried_out = row
    status = _status(said_last)
    return Member(
        gateway=id_,
        name=name,
        ring=ring,
        at=At(at),
        since=asked_at if at == At.ASKED else changed_at,
        is_online=is_online,
        heard_at=heard_at,
        has_it=status is not None and _has_it(target, status),
        refusal=(answer if refused else "") or (_refusal(target, status) if status and is_carried_out else ""),
    )


def _has_it(target: _Target, status: Status) -> bool:
    if target.program is not None:
        return status.version == target.program
    return target.heartbeat_s is not None and status.every_s <= target.heartbeat_s


def _refusal(target: _Target, status: Status) -> str:
    """Of a gateway that has heard what it was asked: what it said before may be about an earlier time."""
    upgrade = status.upgrade
    if target.program is None or upgrade is None or upgrade.version != target.program:
        return ""
    return upgrade.why or "it could not be installed" if upgrade.state is UpgradeState.FAILED else ""


def _status(said_last: Mapping[str, Any]) -> Status | None:
    try:
        return msgspec.convert(said_last, Status)
    except msgspec.ValidationError:
        return None
