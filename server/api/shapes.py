"""Rows of the store as the public shapes."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from devices.limits import Limit
from devices.vocabulary import KIND_BY_NUMBER, KINDS, Quality, Sign
from server.api import alert_schemas, board_schemas, duty_schemas, schemas
from server.store import board, duty
from server.store.settings import LimitsOf

EVIDENCE_NAMES = frozenset(alert_schemas.Evidence.model_fields)
TROUBLES_MAX = 20
# By what the database holds: a board asks thousands of times.
DECIMALS = {facts.number: facts.decimals for facts in KINDS.values()}
SIGNS = {int(sign): sign for sign in Sign}
UNREADABLE = alert_schemas.Evidence(reference="The stored evidence could not be read.")


def alert(row: board.AlertRow) -> alert_schemas.Alert:
    return alert_schemas.Alert.model_validate(
        {
            "id": row.id,
            "team": row.team,
            "rev": row.rev,
            "rule": row.rule,
            "priority": row.priority,
            "state": row.state,
            "patient": row.patient,
            "home": row.home,
            "gateway": row.gateway,
            "device": row.device,
            "lives_there": row.lives_there,
            "began_at": row.began_at,
            "raised_at": row.raised_at,
            "last_at": row.last_at,
            "late": row.late,
            "count": row.count,
            "condition_ended_at": row.condition_ended_at,
            "owner": _person(row.owner_id, row.owner_name, row.owner_initials),
            "acknowledged_at": row.acknowledged_at,
            "on_way_at": row.on_way_at,
            "there_at": row.there_at,
            "contact_at": row.contact_at,
            "contact_needed": row.contact_needed,
            "snoozed_until": row.snoozed_until,
            "step": row.step,
            "next_at": row.next_at,
            "called": row.called,
            "asked": row.asked and {**row.asked, "kind": KIND_BY_NUMBER[row.asked["kind"]]},
            "quiet": row.quiet,
            "response": row.response,
            "handled_by": _person(row.handler_id, row.handler_name, row.handler_initials),
            "handled_at": row.handled_at,
            "outcome": row.outcome,
            "seen_on": row.seen_on,
            "evidence": _evidence(row),
        }
    )


def _evidence(row: board.AlertRow) -> alert_schemas.Evidence:
    """One alert's evidence that a newer or older program wrote must not take the whole board away."""
    known = {name: value for name, value in row.evidence.items() if name in EVIDENCE_NAMES}
    try:
        return alert_schemas.Evidence.model_validate(known)
    except ValidationError:
        return UNREADABLE


def _person(id_: int | None, name: str | None, initials: str | None) -> schemas.StaffMember | None:
    if id_ is None or name is None or initials is None:
        return None
    return schemas.StaffMember(id=id_, name=name, initials=initials)


def on_duty(row: duty.OnDuty) -> duty_schemas.OnDuty:
    staff = schemas.StaffMember(id=row.staff, name=row.name, initials=row.initials)
    return duty_schemas.OnDuty.model_validate(
        {"part": row.part, "staff": staff, "since": row.from_at, "ways": row.ways}
    )


def history(row: board.HistoryRow) -> alert_schemas.HistoryEntry:
    note, until = row.detail.get("note"), row.detail.get("until")
    return alert_schemas.HistoryEntry(
        rev=row.rev,
        at=row.at,
        action=row.action,
        staff=_person(row.staff_id, row.staff_name, row.staff_initials),
        note=note if isinstance(note, str) else None,
        to=_person(row.to_id, row.to_name, row.to_initials),
        until=datetime.fromisoformat(until) if isinstance(until, str) else None,
        outcome=row.detail.get("outcome"),
        kind=row.detail.get("kind"),
    )


def latest(row: board.ValueRow, limit: Limit | None) -> board_schemas.LatestValue:
    kind = KIND_BY_NUMBER[row.kind]
    return board_schemas.LatestValue(
        patient=row.patient,
        kind=kind,
        value=row.value,
        unit=KINDS[kind].ucum,
        decimals=KINDS[kind].decimals,
        sign=row.sign,
        quality=row.quality,
        taken_at=row.taken_at,
        span_s=row.span_s,
        received_at=row.received_at,
        clock=row.clock,
        device=row.device,
        level=level_of(row, limit),
    )


def limit_of(row: board.ValueRow, limits: Mapping[int, LimitsOf]) -> Limit | None:
    """The one that counts for this patient."""
    counting = limits[row.patient].get(KIND_BY_NUMBER[row.kind])
    return None if counting is None else counting.limit


def level_of(row: board.ValueRow, limit: Limit | None) -> int | None:
    if limit is None or row.value is None or row.quality == Quality.DEMONSTRATION:
        return None
    return int(limit.level_of(row.value, SIGNS[row.sign], decimals=DECIMALS[row.kind]))


def gateway(row: board.GatewayRow) -> board_schemas.GatewayRow:
    return board_schemas.GatewayRow.model_validate(gateway_facts(row))


def gateway_facts(row: board.GatewayRow) -> dict[str, Any]:
    """By the names of GatewayRow."""
    devices = row.status.get("devices")
    return {
        "id": row.id,
        "home": row.home,
        "team": row.team,
        "state": row.state,
        "state_since": row.state_since,
        "heard_at": row.heard_at,
        "waiting": _count(row.status.get("waiting_alarm")) + _count(row.status.get("waiting_bulk")),
        "troubles": _troubles(row.status.get("troubles")),
        "refused": {device: count for device, count in _said(devices, "refused").items() if count},
        "battery": _said(devices, "battery_percent"),
        "signal": _said(devices, "rssi_dbm"),
    }


def _count(said: object) -> int:
    return said if isinstance(said, int) else 0


def _troubles(said: object) -> list[str]:
    return [str(each) for each in said[:TROUBLES_MAX]] if isinstance(said, list) else []


def _said(devices: object, what: str) -> dict[str, int]:
    """Of each device that says a number."""
    said = [each for each in devices if isinstance(each, dict)] if isinstance(devices, list) else []
    return {str(each.get("device")): each[what] for each in said if isinstance(each.get(what), int)}
