"""Rows of the store as the public shapes."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

from pydantic import ValidationError

from devices.limits import Limit
from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind, Mode, Quality, Sign
from server.api import schemas
from server.clinical.limits import join_within_s, limits_for, stale_after_s
from server.clinical.pathways import Pathway
from server.store import board, sparks

EVIDENCE_NAMES = frozenset(schemas.Evidence.model_fields)
TROUBLES_MAX = 20
UNREADABLE = schemas.Evidence(reference="The stored evidence could not be read.")


def alert(row: board.AlertRow) -> schemas.Alert:
    return schemas.Alert.model_validate(
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
            "handled_at": row.handled_at,
            "outcome": row.outcome,
            "seen_on": row.seen_on,
            "evidence": _evidence(row),
        }
    )


def _evidence(row: board.AlertRow) -> schemas.Evidence:
    """One alert's evidence that a newer or older program wrote must not take the whole board away."""
    known = {name: value for name, value in row.evidence.items() if name in EVIDENCE_NAMES}
    try:
        return schemas.Evidence.model_validate(known)
    except ValidationError:
        return UNREADABLE


def _person(id_: int | None, name: str | None, initials: str | None) -> schemas.StaffMember | None:
    if id_ is None or name is None or initials is None:
        return None
    return schemas.StaffMember(id=id_, name=name, initials=initials)


def history(row: board.HistoryRow) -> schemas.HistoryEntry:
    note = row.detail.get("note")
    return schemas.HistoryEntry(
        rev=row.rev,
        at=row.at,
        action=row.action,
        staff=_person(row.staff_id, row.staff_name, row.staff_initials),
        note=note if isinstance(note, str) else None,
    )


def latest(row: board.ValueRow) -> schemas.LatestValue:
    kind = KIND_BY_NUMBER[row.kind]
    return schemas.LatestValue(
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
        level=_level(row, kind),
    )


def _level(row: board.ValueRow, kind: Kind) -> int | None:
    limit = _limit(row, kind)
    if limit is None or row.value is None or row.quality == Quality.DEMONSTRATION:
        return None
    return int(limit.level_of(row.value, Sign(row.sign), decimals=KINDS[kind].decimals))


def _limit(row: board.ValueRow, kind: Kind) -> Limit | None:
    return limits_for(Pathway(row.pathway), kind, row.own_limit)


@lru_cache(maxsize=10_000)
def _limits(limit: Limit) -> schemas.Limits:
    return schemas.Limits(
        red_low=limit.red_low, yellow_low=limit.yellow_low, yellow_high=limit.yellow_high, red_high=limit.red_high
    )


def vital(row: board.ValueRow, spark: sparks.Spark | None) -> schemas.Vital:
    kind, mode = KIND_BY_NUMBER[row.kind], Mode(row.mode)
    limit = _limit(row, kind)
    return schemas.Vital(
        kind=kind,
        latest=latest(row),
        limits=None if limit is None else _limits(limit),
        spark=None if spark is None else _spark(spark),
        gap_s=join_within_s(kind, mode) + row.span_s,
        stale_after_s=stale_after_s(kind, mode),
    )


def _spark(spark: sparks.Spark) -> schemas.Spark:
    return schemas.Spark(begins=spark.begins, after_ms=spark.after_ms, value=spark.value)


def patient(
    row: board.PatientRow, *, vitals: list[schemas.Vital], sensors_off: list[str], gateways: list[str]
) -> schemas.PatientRow:
    return schemas.PatientRow.model_validate(
        {
            "id": row.id,
            "name": row.name,
            "born_on": row.born_on,
            "pathway": row.pathway,
            "team": row.team,
            "home": row.home,
            "gateways": gateways,
            "sensors_off": sensors_off,
            "virtual": row.virtual,
            "vitals": vitals,
        }
    )


def gateway(row: board.GatewayRow) -> schemas.GatewayRow:
    waiting = sum(_count(row.status.get(name)) for name in ("waiting_alarm", "waiting_bulk"))
    return schemas.GatewayRow.model_validate(
        {
            "id": row.id,
            "home": row.home,
            "team": row.team,
            "state": row.state,
            "state_since": row.state_since,
            "heard_at": row.heard_at,
            "waiting": waiting,
            "troubles": _troubles(row.status.get("troubles")),
            "refused": _refused(row.status.get("devices")),
        }
    )


def _count(said: object) -> int:
    return said if isinstance(said, int) else 0


def _troubles(said: object) -> list[str]:
    return [str(each) for each in said[:TROUBLES_MAX]] if isinstance(said, list) else []


def _refused(said: object) -> dict[str, int]:
    devices = [each for each in said if isinstance(each, dict)] if isinstance(said, list) else []
    counted = {str(each.get("device")): _count(each.get("refused")) for each in devices}
    return {device: count for device, count in counted.items() if count}


def homes(rows: Iterable[board.HomeRow]) -> list[schemas.HomeRow]:
    return [schemas.HomeRow(id=row.id, address=row.address, team=row.team) for row in rows]


def gateways(rows: Sequence[board.GatewayRow]) -> list[schemas.GatewayRow]:
    return [gateway(row) for row in rows]
