"""Who saw whom: read by auditors, printed for the patient. And one patient of another team, in an emergency."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from fastapi.responses import HTMLResponse

from server.access import Deed
from server.api import access_print, case
from server.api import access_schemas as shapes
from server.api.case import Asks, PatientId
from server.api.desk import DeskOfApp, Token, Work
from server.api.fields import Instant
from server.api.knocking import knock
from server.api.problems import RefusedError
from server.api.schemas import StaffMember
from server.store import access_log, break_glass
from server.store.access_log import Entry
from server.store.break_glass import Opened
from server.store.knocks import EMERGENCY

PRINTED_MAX: Final = 20_000
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1, description="`next` of the page before")]
Limit = Annotated[int, Query(ge=1, le=500)]
Number = Annotated[int | None, Query(ge=1, le=2**31 - 1)]

router = APIRouter(prefix="/api/v1", tags=["access"], dependencies=case.SIGNED_IN)
of_emergency = APIRouter(prefix="/api/v1/emergency-access", tags=["access"], dependencies=case.SIGNED_IN)


@router.get("/access-log")
def get_access_log(
    desk: DeskOfApp,
    token: Token,
    patient: Number = None,
    staff: Number = None,
    from_: Annotated[Instant | None, Query(alias="from")] = None,
    to: Instant | None = None,
    before: Before = None,
    limit: Limit = 100,
) -> shapes.AccessLog:
    """For auditors, of the patients of their teams. That it was read is in the log, too."""
    asked = access_log.Asked(patient=patient, staff=staff, from_at=from_, to_at=to, before=before)
    with desk.work(token) as work:
        work.teams(Deed.READ_ACCESS_LOG)
        found = access_log.entries(work.conn, asked, limit=limit + 1)
        access_log.remember_reading(work.conn, "reads the access log", work.now)
    shown = found[:limit]
    return shapes.AccessLog(entries=[_entry(each) for each in shown], next=shown[-1].id if len(found) > limit else None)


@router.get("/patients/{patient}/access-log", response_class=HTMLResponse)
def print_access_log(patient: PatientId, desk: DeskOfApp, token: Token) -> HTMLResponse:
    """A page in bokmål for the patient, who has a right to it: who, when, what and why. For auditors."""
    with desk.work(token) as work:
        work.teams(Deed.READ_ACCESS_LOG)
        person = access_log.audited_patient(work.conn, patient)
        if person is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, case.NOT_YOURS)
        access_log.remember(work.conn, patient, "log", "prints the access log", work.now)
        found = access_log.entries(work.conn, access_log.Asked(patient=patient), limit=PRINTED_MAX + 1)
    name, born_on = person
    more = len(found) > PRINTED_MAX
    return HTMLResponse(access_print.page(name, born_on, found[:PRINTED_MAX], more=more, now=work.now))


@of_emergency.post("", status_code=HTTPStatus.CREATED)
def open_in_emergency(wish: shapes.OpenInEmergency, asks: Asks) -> shapes.EmergencyAccess:
    """For four hours one patient of another team can be read, and nothing of it changed. The patient's team is told
    at once on every screen, and the access log keeps the reason."""
    with asks.desk.work(asks.token) as work:
        work.teams(Deed.OPEN_IN_EMERGENCY)
    who = (str(work.caller.staff),)
    knock(asks.desk, EMERGENCY, who, "Too many patients asked for", ", or call their team")
    with asks.desk.work(asks.token) as work:
        work.teams(Deed.OPEN_IN_EMERGENCY)
        return case.once_only(work, asks.key, ("emergency",), wish, lambda: _open(work, wish), shapes.EmergencyAccess)


@of_emergency.get("")
def get_emergency_accesses(
    desk: DeskOfApp, token: Token, before: Before = None, limit: Limit = 100
) -> shapes.EmergencyAccesses:
    """Who opened patients of one's teams; and one's own."""
    with desk.work(token) as work:
        teams = work.teams(Deed.SEE_PATIENTS)
        found = break_glass.of_teams(work.conn, teams, before=before, limit=limit + 1)
    shown = found[:limit]
    following = shown[-1].id if len(found) > limit else None
    return shapes.EmergencyAccesses(accesses=[emergency(each) for each in shown], next=following)


@of_emergency.post("/{access}/end", status_code=HTTPStatus.NO_CONTENT)
def end_emergency_access(access: Id, desk: DeskOfApp, token: Token) -> None:
    """Before its time: by whoever opened it, or by the patient's team. Done twice is done once."""
    with desk.work(token) as work:
        _end(work, access)


def _open(work: Work, wish: shapes.OpenInEmergency) -> shapes.EmergencyAccess:
    opened = break_glass.open_patient(work.conn, wish.reference, wish.born_on, wish.reason, work.now)
    if opened is None:
        raise RefusedError(
            HTTPStatus.NOT_FOUND,
            "No patient of another team of your municipality has this reference and this day of birth.",
        )
    return emergency(break_glass.by_id(work.conn, [opened])[opened])


def _end(work: Work, access: int) -> None:
    teams = work.teams(Deed.SEE_PATIENTS)
    opened = break_glass.by_id(work.conn, [access]).get(access)
    if opened is None or (opened.staff_id != work.caller.staff and opened.team not in teams):
        raise RefusedError(HTTPStatus.NOT_FOUND, "There is no such access to a patient of yours, and none of your own.")
    break_glass.end(work.conn, access, work.now)


def _entry(row: Entry) -> shapes.AccessEntry:
    return shapes.AccessEntry.model_validate(
        {
            "id": row.id,
            "at": row.at,
            "staff": _member(row.staff_id, row.staff_name, row.staff_initials),
            "role": row.role,
            "deed": row.deed,
            "what": row.what,
            "team": row.team,
            "patient": row.patient,
            "patient_name": row.patient_name,
            "shown": row.shown,
            "reason": row.reason,
        }
    )


def emergency(row: Opened) -> shapes.EmergencyAccess:
    return shapes.EmergencyAccess(
        id=row.id,
        staff=_member(row.staff_id, row.staff_name, row.staff_initials),
        patient=row.patient,
        team=row.team,
        reason=row.reason,
        at=row.at,
        until=row.until_at,
        ended_at=row.ended_at,
    )


def _member(id_: int, name: str, initials: str) -> StaffMember:
    return StaffMember(id=id_, name=name, initials=initials)
