"""A team's log as the messages that its screens get: made once for all of them.

The log says that something changed; the message carries it as it stands now. A screen that resumes gets the current
state with each seq, and applying it twice changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from server.api import live_schemas, schemas, shapes
from server.api.screen import LoggedEvent, ReadingKey
from server.store import board, break_glass, screens, settings
from server.store.break_glass import Opened
from server.store.screens import LogRow

STILL_RINGS = frozenset({"raised", "cleared"})  # nobody has looked yet


def read_events(conn: Connection, *, team: int, after: int, limit: int) -> list[LoggedEvent]:
    rows = screens.after(conn, team, after, limit=limit)
    alerts = board.alerts(conn, {row.alert_id for row in rows if row.alert_id is not None})
    names = {str(row.body.get("gateway")) for row in rows if row.type == "gateway"}
    gateways = {row.id: row for row in board.gateways(conn, [team], names)} if names else {}
    opened = break_glass.by_id(conn, {_opened(row) for row in rows if row.type == "break_glass"})
    texts = (
        _emergency(team, row, opened) if row.type == "break_glass" else _text(team, row, alerts, gateways)
        for row in rows
    )
    return [LoggedEvent(team=team, seq=row.seq, text=text) for row, text in zip(rows, texts, strict=True)]


def _opened(row: LogRow) -> int:
    return int(str(row.body["break_glass"]))


def _emergency(team: int, row: LogRow, opened: Mapping[int, Opened]) -> str:
    """Also one that is over by now: whoever was asleep then must hear of it."""
    it = opened[_opened(row)]
    return live_schemas.EmergencyOpened(
        type="emergency",
        team=team,
        seq=row.seq,
        patient=it.patient,
        staff=schemas.StaffMember(id=it.staff_id, name=it.staff_name, initials=it.staff_initials),
        reason=it.reason,
        until=it.until_at,
    ).model_dump_json()


def _text(
    team: int, row: LogRow, alerts: Mapping[int, board.AlertRow], gateways: Mapping[str, board.GatewayRow]
) -> str:
    alert = alerts.get(row.alert_id) if row.alert_id is not None else None
    gateway = gateways.get(str(row.body.get("gateway")))
    message: (
        live_schemas.AlertChanged
        | live_schemas.GatewayChanged
        | live_schemas.PatientLeft
        | live_schemas.PatientJoined
        | live_schemas.Passed
    )
    if row.type == "alert" and alert is not None:
        ring = row.body.get("ring") is True and alert.state in STILL_RINGS
        message = live_schemas.AlertChanged(type="alert", team=team, seq=row.seq, ring=ring, alert=shapes.alert(alert))
    elif row.type == "gateway" and gateway is not None:
        shown = shapes.gateway(gateway)
        message = live_schemas.GatewayChanged(type="gateway", team=team, seq=row.seq, gateway=shown)
    elif row.type == "left":
        message = live_schemas.PatientLeft(type="left", team=team, seq=row.seq, patient=_patient(row))
    elif row.type == "joined":
        message = live_schemas.PatientJoined(type="joined", team=team, seq=row.seq, patient=_patient(row))
    else:
        proof = row.body.get("proof") if row.type == "proof" else None
        message = live_schemas.Passed(
            type="passed", team=team, seq=row.seq, proof=proof if isinstance(proof, int) else None
        )
    return message.model_dump_json()


def _patient(row: LogRow) -> int:
    return int(str(row.body["patient"]))


@dataclass(frozen=True, kw_only=True, slots=True)
class NewestValues:
    """`batch`: the newest that is among them."""

    batch: int
    texts: Mapping[ReadingKey, str]


def read_values(conn: Connection, *, team: int, now: datetime, after_batch: int) -> NewestValues:
    rows = board.values(conn, [team], after_batch=after_batch)
    limits = settings.limits_of(conn, {row.patient for row in rows}, now)
    return NewestValues(
        batch=max((row.batch for row in rows), default=max(after_batch, 0)),
        texts={
            (row.patient, row.kind): shapes.latest(row, shapes.limit_of(row, limits)).model_dump_json() for row in rows
        },
    )
