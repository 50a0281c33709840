"""The fleet of gateways: who runs what and is in trouble, orders with a proof, and what comes to all in rings."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path

from devices.wire.messages import Status
from server.access import Deed
from server.api import case
from server.api import fleet_schemas as shapes
from server.api import installing as asking
from server.api.case import Asks
from server.api.desk import DeskOfApp, Token, Work
from server.api.enrolment_schemas import GatewayName
from server.api.fields import RecordId
from server.api.heard import status_of
from server.api.problems import RefusedError
from server.api.schemas import Problem, StaffMember
from server.store import commands, fleet
from server.store.fleet import CommandRow, FleetRow, MemberRow, RolloutRow

LOSES_HOME, BROKEN, TELLS, WELL = 3, 2, 1, 0
SILENT: Final = frozenset({"silent", "lost", "never"})
ROLLOUT: Final = "No rollout of teams whose equipment you look after has this number."
CONFLICT: Final[dict[int | str, dict[str, Any]]] = {
    409: {"model": Problem, "description": "It cannot be so: `type` says why"}
}

router = APIRouter(prefix="/api/v1/fleet", tags=["fleet"], dependencies=case.SIGNED_IN)

Gateway = Annotated[GatewayName, Path()]
CommandId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


@router.get("")
def get_fleet(desk: DeskOfApp, token: Token) -> shapes.Fleet:
    with desk.work(token) as work:
        rows = fleet.gateways(work.conn, work.teams(Deed.SEE_TROUBLES))
    shown = [_gateway(each) for each in rows]
    return shapes.Fleet(gateways=sorted(shown, key=lambda each: (-each.urgency, each.gateway)))


@router.get("/gateways/{gateway}/orders")
def get_orders(gateway: Gateway, desk: DeskOfApp, token: Token) -> shapes.GivenOrders:
    with desk.work(token) as work:
        return _orders(work, _row(work, gateway, Deed.SEE_TROUBLES))


@router.post("/gateways/{gateway}/orders", responses=CONFLICT)
def give_order(gateway: Gateway, wish: shapes.GiveOrder, asks: Asks) -> shapes.GivenOrders:
    """Proven, so that the gateway believes it; said again for a while, and done once."""

    def give(work: Work) -> shapes.GivenOrders:
        row = _row(work, gateway, Deed.INSTALL)
        if not _takes_orders(status_of(row.status)):
            detail = "The program of this gateway is too old for it, or it was never heard."
            raise asking.refusal(HTTPStatus.CONFLICT, detail, "urn:hjemvakt:too-old")
        commands.order(work.conn, row.id, row.name, wish.what, work.now)
        return _orders(work, row)

    return asking.once(asks, ("give_order", gateway), wish, give, shapes.GivenOrders)


@router.get("/gateways/{gateway}/diagnoses/{command}")
def get_diagnosis(gateway: Gateway, command: CommandId, desk: DeskOfApp, token: Token) -> shapes.HandedIn:
    with desk.work(token) as work:
        row = _row(work, gateway, Deed.INSTALL)
        found = fleet.diagnosis(work.conn, row.id, command)
    if found is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "This gateway has handed in nothing for that order, or it is gone.")
    return shapes.HandedIn(gateway=gateway, at=found[0], diagnosis=json.loads(found[1]))


@router.get("/rollouts")
def get_rollouts(desk: DeskOfApp, token: Token) -> shapes.Rollouts:
    with desk.work(token) as work:
        work.teams(Deed.INSTALL)
        return shapes.Rollouts(rollouts=_rollouts(work, fleet.shown(work.conn)))


@router.post("/rollouts", responses=CONFLICT)
def begin_rollout(wish: shapes.BeginRollout, asks: Asks) -> shapes.Rollout:
    """The first ring is asked at once; the next one when that one is well."""
    if (wish.program is None) == (wish.heartbeat_s is None):
        raise asking.wrong("Say which version of the program, or how often gateways say a word, and not both.")

    def begin(work: Work) -> shapes.Rollout:
        if not set(wish.teams) <= work.teams(Deed.INSTALL):
            raise RefusedError(HTTPStatus.NOT_FOUND, "You do not look after the equipment of all of these teams.")
        if fleet.under_way(work.conn, wish.teams):
            detail = "Another rollout of one of these teams is under way: end it first."
            raise asking.refusal(HTTPStatus.CONFLICT, detail, "urn:hjemvakt:under-way")
        order = _order(fleet.gateways(work.conn, wish.teams), wish.first)
        if not order:
            raise asking.wrong("These teams have no gateways.")
        id_ = fleet.begin(
            work.conn,
            wish.teams,
            order,
            wish.rings,
            work.now,
            program=wish.program,
            heartbeat_s=wish.heartbeat_s,
        )
        return _rollout(work, id_)

    return asking.once(asks, ("begin_rollout",), wish, begin, shapes.Rollout)


@router.post("/rollouts/{rollout}/decide", responses=CONFLICT)
def decide_rollout(rollout: Annotated[RecordId, Path()], wish: shapes.DecideRollout, asks: Asks) -> shapes.Rollout:
    """Stop it, let it go on, or end it for good. Gateways that have it already keep it."""

    def decide(work: Work) -> shapes.Rollout:
        shown = _rollout(work, rollout)
        if not fleet.decide(work.conn, rollout, wish.what, wish.why, work.now):
            detail = f"This rollout is {shown.state}, or has gateways that are not yours: it cannot be {wish.what}."
            raise asking.refusal(HTTPStatus.CONFLICT, detail, "urn:hjemvakt:rollout-state")
        return _rollout(work, rollout)

    return asking.once(asks, ("decide_rollout", rollout), wish, decide, shapes.Rollout)


# ---- shapes


def _gateway(row: FleetRow) -> shapes.FleetGateway:
    status = status_of(row.status)
    upgrade = None if status is None else status.upgrade
    return shapes.FleetGateway(
        gateway=row.name,
        label=row.label,
        team=row.team,
        home=row.home,
        state=row.state,
        state_since=row.state_since,
        heard_at=row.heard_at,
        program="" if status is None else status.version,
        takes_orders=_takes_orders(status),
        troubles=[] if status is None else status.troubles,
        urgency=_urgency(row, status),
        target=_target(row),
        upgrading=None
        if upgrade is None
        else shapes.Upgrading(program=upgrade.version, state=upgrade.state.value, why=upgrade.why),
    )


def _target(row: FleetRow) -> shapes.Target | None:
    if row.rollout is None or row.target_state is None:
        return None
    return shapes.Target(
        rollout=row.rollout,
        program=row.target_program,
        heartbeat_s=row.target_heartbeat_s,
        state=row.target_state,
        why=row.target_why or "",
    )


def _urgency(row: FleetRow, status: Status | None) -> int:
    """At the depot nobody is watched over."""
    if row.home is not None and row.state in SILENT:
        return LOSES_HOME
    if row.target_state == "failed" or (status is not None and status.config_refused):
        return BROKEN
    return TELLS if status is None or status.troubles or row.state != "online" else WELL


def _takes_orders(status: Status | None) -> bool:
    return status is not None and status.orders


def _order(rows: Iterable[FleetRow], first: Sequence[str]) -> list[int]:
    """Where nobody is watched over goes first, then what is well."""
    wanted = {name: place for place, name in enumerate(first)}

    def place(row: FleetRow) -> tuple[int, bool, int, str]:
        return wanted.get(row.name, len(wanted)), row.home is not None, _urgency(row, status_of(row.status)), row.name

    return [row.id for row in sorted(rows, key=place)]


def _row(work: Work, gateway: str, deed: Deed) -> FleetRow:
    found = fleet.gateways(work.conn, work.teams(deed), gateway)
    if not found:
        raise RefusedError(HTTPStatus.NOT_FOUND, asking.GATEWAY)
    return found[0]


def _orders(work: Work, row: FleetRow) -> shapes.GivenOrders:
    rows = fleet.said(work.conn, row.id)
    staff = case.people(work, [each.staff for each in rows])
    return shapes.GivenOrders(gateway=row.name, orders=[_given(each, staff, work.now) for each in rows])


def _given(row: CommandRow, staff: Mapping[int, StaffMember], now: datetime) -> shapes.Given:
    is_over = row.until_at is not None and row.until_at < now
    return shapes.Given(
        id=row.command,
        what=row.what,
        detail=row.detail,
        at=row.at,
        staff=None if row.staff is None else staff.get(row.staff),
        until=row.until_at,
        state=row.state or ("expired" if is_over else "waits"),
        answered_at=row.answered_at,
        why=row.why,
        handed_in_at=row.handed_in_at,
    )


def _rollout(work: Work, id_: int) -> shapes.Rollout:
    work.teams(Deed.INSTALL)
    found = _rollouts(work, fleet.shown(work.conn, id_))
    if not found:
        raise RefusedError(HTTPStatus.NOT_FOUND, ROLLOUT)
    return found[0]


def _rollouts(work: Work, rows: Sequence[RolloutRow]) -> list[shapes.Rollout]:
    members = fleet.members(work.conn, [each.id for each in rows])
    staff = case.people(work, [id_ for each in rows for id_ in (each.made_by, each.changed_by)])
    return [_rollout_of(each, [one for one in members if one.rollout == each.id], staff) for each in rows]


def _rollout_of(row: RolloutRow, of: Collection[MemberRow], staff: Mapping[int, StaffMember]) -> shapes.Rollout:
    return shapes.Rollout(
        id=row.id,
        teams=row.teams,
        program=row.program,
        heartbeat_s=row.heartbeat_s,
        rings=row.rings,
        made_at=row.made_at,
        made_by=staff[row.made_by],
        state=row.state,
        ring=row.ring,
        ring_at=row.ring_at,
        changed_at=row.changed_at,
        changed_by=None if row.changed_by is None else staff.get(row.changed_by),
        why=row.why,
        gateways=[
            shapes.RolloutMember(
                gateway=each.gateway,
                ring=each.ring,
                state=each.state,
                asked_at=each.asked_at,
                changed_at=each.changed_at,
                why=each.why,
            )
            for each in of
        ],
    )
