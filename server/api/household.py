"""Where a patient lives and how one gets in, whom to call, the plans, what whoever drives must know, and equipment that
must be fetched."""

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Path

from server.access import Deed
from server.api import case, people_shapes
from server.api import people_schemas as shapes
from server.api.alerts import AlertId, visible
from server.api.case import CONFLICT, Key, PatientId
from server.api.desk import DeskOfApp, Token, Work
from server.api.people import digest_of, told_by
from server.api.problems import RefusedError
from server.api.seals import SealsOfApp, needed
from server.store import board, dispatch, persons, recalls, residence

RecallId = Annotated[int, Path(ge=1, le=2**63 - 1)]
router = APIRouter(prefix="/api/v1", tags=["people"], dependencies=case.SIGNED_IN)


# ---- where it is


@router.get("/patients/{patient}/address")
def get_address(patient: PatientId, desk: DeskOfApp, token: Token) -> shapes.HomeAddress:
    with case.look(desk, token, patient, "address") as work:
        return _address(work, patient)


@router.post("/patients/{patient}/address", responses=CONFLICT)
def set_address(
    patient: PatientId, wish: shapes.SetAddress, key: Key, desk: DeskOfApp, token: Token
) -> shapes.HomeAddress:
    """A word about where the home is, or will be; that it is doubted, and why, is one too."""

    def change() -> shapes.HomeAddress:
        case.must_be(wish.rev, _address(work, patient).rev, "address")
        residence.set_address(
            work.conn,
            home,
            wish.address,
            doubt=wish.doubt,
            from_at=wish.from_at or work.now,
            to_at=wish.to_at,
            by=work.caller.staff,
            now=work.now,
            reason=wish.reason,
        )
        return _address(work, patient)

    with case.change(desk, token, patient, "sets the address", Deed.SAY_FACTS) as work:
        home = case.hold_home(work, patient, "sets the address")
        return case.once_only(work, key, ("set_address", patient), wish, change, shapes.HomeAddress)


# ---- how one gets in


@router.get("/patients/{patient}/access")
def get_access(patient: PatientId, desk: DeskOfApp, token: Token) -> shapes.HomeAccess:
    with case.look(desk, token, patient, "access") as work:
        return _access(work, patient)


@router.get("/patients/{patient}/access/code")
def get_access_code(patient: PatientId, desk: DeskOfApp, token: Token, seals: SealsOfApp) -> shapes.AccessCode:
    """Every look is remembered as one at the code."""
    with case.look(desk, token, patient, "access code") as work:
        sealer, home = needed(seals), case.followed(work, patient).home
        found = None if home is None else residence.access(work.conn, home)
        return shapes.AccessCode(code=None if found is None or home is None else residence.code(sealer, home, found))


@router.post("/patients/{patient}/access", responses=CONFLICT)
def set_access(
    patient: PatientId, wish: shapes.SetAccess, key: Key, desk: DeskOfApp, token: Token, seals: SealsOfApp
) -> shapes.HomeAccess:
    """The code is stored sealed. The answer does not have it."""

    def change() -> shapes.HomeAccess:
        case.must_be(wish.rev, _access(work, patient).rev, "access")
        residence.set_access(
            work.conn,
            sealer,
            home,
            key_box=wish.key_box,
            way_in=wish.way_in,
            code=None if wish.code is None else wish.code.get_secret_value(),
            by=work.caller.staff,
            now=work.now,
            reason=wish.reason,
        )
        return _access(work, patient)

    with case.change(desk, token, patient, "sets the access", Deed.SAY_FACTS) as work:
        sealer, home = needed(seals), case.hold_home(work, patient, "sets the access")
        asked = ("set_access", patient, digest_of(sealer, wish.code))
        return case.once_only(work, key, asked, wish, change, shapes.HomeAccess)


def _address(work: Work, patient: int) -> shapes.HomeAddress:
    who = persons.person(work.conn, patient)
    home = None if who is None else who.home
    words = [] if home is None else residence.addresses(work.conn, home)
    first = None if home is None else residence.first_address(work.conn, home)
    protected = who is not None and who.details.protection is not None
    staff = case.people(work, [each.by for each in words])
    return people_shapes.address(patient, home, words, first, work.now, staff, protected=protected)


def _access(work: Work, patient: int) -> shapes.HomeAccess:
    home = case.followed(work, patient).home
    found = None if home is None else residence.access(work.conn, home)
    return people_shapes.access(patient, home, found, case.people(work, [None if found is None else found.by]))


# ---- whom to call, and the plans


@router.get("/patients/{patient}/records/{record}")
def get_records(patient: PatientId, record: shapes.RecordType, desk: DeskOfApp, token: Token) -> shapes.Records:
    """Every version, the newest first."""
    with case.look(desk, token, patient, record) as work:
        return _records(work, patient, record)


@router.post("/patients/{patient}/records", responses=CONFLICT)
def set_record(patient: PatientId, wish: shapes.SetRecord, key: Key, desk: DeskOfApp, token: Token) -> shapes.Records:
    """A whole new version; the ones before stay."""
    type_ = wish.record.type

    def change() -> shapes.Records:
        case.must_be(wish.rev, _records(work, patient, type_).rev, type_.replace("_", " "))
        told = told_by(work, wish.reason)
        persons.set_record(work.conn, patient, people_shapes.record(wish.record), **told)
        return _records(work, patient, type_)

    with case.change(desk, token, patient, f"sets {type_}", Deed.SET_CARE) as work:
        return case.once_only(work, key, ("set_record", patient), wish, change, shapes.Records)


def _records(work: Work, patient: int, type_: str) -> shapes.Records:
    versions = persons.records(work.conn, patient, type_)
    return people_shapes.records(patient, type_, versions, case.people(work, [each.by for each in versions]))


# ---- whoever drives


@router.get("/alerts/{alert}/dispatch")
def get_dispatch(alert: AlertId, desk: DeskOfApp, token: Token) -> shapes.Dispatch:
    """As it was when the alert turned red, and as it is now."""
    with desk.work(token) as work:
        row = visible(work, alert, Deed.SEE_PATIENTS)
        found = dispatch.of_alert(work.conn, alert, work.now)
        for patient in {each.patient for each in (found.now.residents if found.now else ())} | {row.patient}:
            if patient is not None:
                board.remember_look(work.conn, patient, f"dispatch of alert {alert}", work.now)
        frozen, now = people_shapes.snapshot(found.frozen), people_shapes.snapshot(found.now)
        return shapes.Dispatch(alert=alert, frozen=frozen, now=now, changed=found.changed)


# ---- equipment


@router.get("/recalls")
def get_recalls(desk: DeskOfApp, token: Token) -> shapes.Recalls:
    with desk.work(token) as work:
        found = recalls.waiting(work.conn, work.teams(Deed.SEE_TROUBLES), work.now)
        return shapes.Recalls(recalls=[people_shapes.recall(each) for each in found])


@router.post("/recalls/{recall}/fetched")
def set_fetched(recall: RecallId, wish: shapes.Fetched, key: Key, desk: DeskOfApp, token: Token) -> shapes.FetchedNow:
    """It is here again: off the list."""

    def change() -> shapes.FetchedNow:
        if not recalls.fetched(work.conn, recall, teams, work.caller.staff, work.now):
            raise RefusedError(HTTPStatus.NOT_FOUND, "Nothing of yours that waits to be fetched has this number.")
        return shapes.FetchedNow(id=recall, fetched_at=work.now)

    with desk.work(token) as work:
        teams = work.teams(Deed.SEE_TROUBLES)
        return case.once_only(work, key, ("set_fetched", recall), wish, change, shapes.FetchedNow)
