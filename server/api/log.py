"""A team's log as the messages that its screens get: made once for all of them.

The log says that something changed; the message carries it as it stands now. A screen that resumes gets the current
state with each seq, and applying it twice changes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection

from server.alerts.model import Action
from server.api import live_schemas, schemas, shapes
from server.api.screen import LoggedEvent, ReadingKey
from server.store import board, break_glass, duty, screens, settings
from server.store.break_glass import Opened
from server.store.screens import LogRow

TeamMessage = (
    live_schemas.AlertChanged
    | live_schemas.GatewayChanged
    | live_schemas.DutyChanged
    | live_schemas.EmergencyOpened
    | live_schemas.PatientLeft
    | live_schemas.PatientJoined
    | live_schemas.Passed
)
STILL_RINGS = frozenset({"raised", "cleared"})  # nobody has looked yet


@dataclass(frozen=True, kw_only=True, slots=True)
class _Now:
    """What a piece of a team's log is about, as it stands now."""

    alerts: Mapping[int, board.AlertRow]
    gateways: Mapping[str, board.GatewayRow]
    opened: Mapping[int, Opened]
    on_duty: Sequence[duty.OnDuty]


def read_events(conn: Connection, *, team: int, after: int, limit: int) -> list[LoggedEvent]:
    rows = screens.after(conn, team, after, limit=limit)
    names = {str(row.body.get("gateway")) for row in rows if row.type == "gateway"}
    stands = _Now(
        alerts=board.alerts(conn, {row.alert_id for row in rows if row.alert_id is not None}),
        gateways={row.id: row for row in board.gateways(conn, [team], names)} if names else {},
        opened=break_glass.by_id(conn, {_opened(row) for row in rows if row.type == "break_glass"}),
        on_duty=duty.on_duty(conn, [team]) if any(row.type == "duty" for row in rows) else (),
    )
    return [LoggedEvent(team=team, seq=row.seq, text=_message(team, row, stands).model_dump_json()) for row in rows]


def _message(team: int, row: LogRow, stands: _Now) -> TeamMessage:
    at = {"team": team, "seq": row.seq}
    match row.type:
        case "alert" if (alert := stands.alerts.get(row.alert_id or 0)) is not None:
            return live_schemas.AlertChanged(type="alert", **at, ring=_rings(row, alert), alert=shapes.alert(alert))
        case "gateway" if (gateway := stands.gateways.get(str(row.body.get("gateway")))) is not None:
            return live_schemas.GatewayChanged(type="gateway", **at, gateway=shapes.gateway(gateway))
        case "duty":
            on_duty = [shapes.on_duty(each) for each in stands.on_duty]
            return live_schemas.DutyChanged(type="duty", **at, on_duty=on_duty)
        case "break_glass":
            return _emergency(team, row, stands.opened[_opened(row)])
        case "left":
            return live_schemas.PatientLeft(type="left", **at, patient=_patient(row))
        case "joined":
            return live_schemas.PatientJoined(type="joined", **at, patient=_patient(row))
        case _:
            proof = row.body.get("proof") if row.type == "proof" else None
            return live_schemas.Passed(type="passed", **at, proof=proof if isinstance(proof, int) else None)


def _rings(row: LogRow, alert: board.AlertRow) -> bool:
    """Whoever comes back later hears what is still unheard: nobody has looked yet, or who has it was reminded and has
    logged nothing since."""
    action, has_owner = row.body.get("action"), alert.state == "acknowledged"
    reminded = action == Action.REMINDED and has_owner and alert.step > 0
    not_measured = action == Action.NOT_MEASURED and has_owner and alert.rev == row.body.get("rev")
    return row.body.get("ring") is True and (alert.state in STILL_RINGS or reminded or not_measured)


def _opened(row: LogRow) -> int:
    return int(str(row.body["break_glass"]))


def _emergency(team: int, row: LogRow, it: Opened) -> live_schemas.EmergencyOpened:
    """Also one that is over by now: whoever was asleep then must hear of it."""
    return live_schemas.EmergencyOpened(
        type="emergency",
        team=team,
        seq=row.seq,
        patient=it.patient,
        staff=schemas.StaffMember(id=it.staff_id, name=it.staff_name, initials=it.staff_initials),
        reason=it.reason,
        until=it.until_at,
    )


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
