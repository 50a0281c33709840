"""Who a patient is: details, the national identity number, the end, hand-over and merge."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter

from server.access import Deed
from server.api import case, people_shapes
from server.api import people_schemas as shapes
from server.api.case import CONFLICT, NOT_YOURS, Key, PatientId
from server.api.desk import DeskOfApp, Token, Work
from server.api.problems import RefusedError
from server.api.seals import SealsOfApp, needed
from server.clinical.person import phone_of
from server.store import board, leaving, persons, recalls
from server.store.leaving import Why
from server.store.persons import Details, Person
from server.store.sealing import Seals

router = APIRouter(prefix="/api/v1", tags=["people"], dependencies=case.SIGNED_IN)


@router.get("/municipalities")
def get_municipalities(desk: DeskOfApp, token: Token) -> shapes.Municipalities:
    with desk.work(token) as work:
        work.teams(Deed.SEE_PATIENTS)
        return people_shapes.municipalities(persons.municipalities(work.conn), persons.teams(work.conn))


@router.post("/patients/find")
def find_patient(wish: shapes.FindPatient, desk: DeskOfApp, token: Token, seals: SealsOfApp) -> shapes.FoundPatient:
    """By reference, also of a duplicate that was merged; or by national identity number. Only one's own are found."""
    with desk.work(token) as work:
        mine = work.teams(Deed.SEE_PATIENTS)
        if (wish.reference is None) == (wish.number is None):
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "Look for a reference or for a number.")
        if wish.number is not None:
            work.teams(Deed.SEE_NUMBERS)
            found = persons.find_number(work.conn, needed(seals), wish.number.get_secret_value(), work.now)
        else:
            found = persons.find(work.conn, wish.reference or "")
        who = None if found is None else persons.person(work.conn, found)
        if who is None or who.team not in mine:
            return shapes.FoundPatient(patient=None)
        board.remember_look(work.conn, who.id, "found", work.now)
        return shapes.FoundPatient(patient=who.id)


@router.get("/patients/{patient}/person")
def get_person(patient: PatientId, desk: DeskOfApp, token: Token) -> shapes.Person:
    with case.look(desk, token, patient, "person") as work:
        return _shown(work, patient)


@router.post("/patients/{patient}/person", responses=CONFLICT)
def set_person(patient: PatientId, wish: shapes.SetPerson, key: Key, desk: DeskOfApp, token: Token) -> shapes.Person:
    """All of what staff may change. Protecting an address, or ending that, is for the coordinator."""

    def change() -> shapes.Person:
        before = _at_rev(work, patient, wish.rev)
        if before.details.protection != wish.protection:
            case.must_do(work, before.team, Deed.MANAGE_PEOPLE)
        wanted = Details(
            name=wish.name,
            phone=None if wish.phone is None else phone_of(wish.phone),
            municipality=wish.municipality,
            lives_alone=wish.lives_alone,
            coordinator=wish.coordinator,
            protection=wish.protection,
        )
        persons.set_details(work.conn, before, wanted, by=work.caller.staff, now=work.now, reason=wish.reason)
        return _shown(work, patient)

    with case.change(desk, token, patient, "changes who it is", Deed.SAY_FACTS) as work:
        return case.once_only(work, key, ("set_person", patient), wish, change, shapes.Person)


@router.get("/patients/{patient}/national-number")
def get_national_number(patient: PatientId, desk: DeskOfApp, token: Token, seals: SealsOfApp) -> shapes.NationalNumber:
    """Every look is remembered as one at the number."""
    with case.look(desk, token, patient, "national number") as work:
        case.must_do(work, case.followed(work, patient).team, Deed.SEE_NUMBERS)
        return shapes.NationalNumber(number=persons.number(work.conn, needed(seals), patient))


@router.post("/patients/{patient}/national-number", responses=CONFLICT)
def set_national_number(
    patient: PatientId, wish: shapes.SetNationalNumber, key: Key, desk: DeskOfApp, token: Token, seals: SealsOfApp
) -> shapes.Person:
    """Validated, and stored sealed. The answer does not have it."""

    def change() -> shapes.Person:
        who = _at_rev(work, patient, wish.rev)
        told = told_by(work, wish.reason)
        if wish.number is None:
            persons.drop_number(work.conn, patient, **told)
        else:
            persons.set_number(work.conn, sealer, who, wish.number.get_secret_value(), **told)
        return _shown(work, patient)

    with case.change(desk, token, patient, "sets the national number", Deed.MANAGE_PEOPLE) as work:
        sealer = needed(seals)
        asked = ("set_national_number", patient, digest_of(sealer, wish.number))
        return case.once_only(work, key, asked, wish, change, shapes.Person)


@router.post("/patients/{patient}/end", responses=CONFLICT)
def end_patient(patient: PatientId, wish: shapes.EndPatient, key: Key, desk: DeskOfApp, token: Token) -> shapes.Ended:
    """Dead, moved, or the service is over: nothing is expected any more, from now on. Open alerts that are not about
    silence stand until somebody has handled them."""

    def end() -> shapes.Ended:
        before = _at_rev(work, patient, wish.rev)
        ended = wish.at or work.now
        told = told_by(work, wish.reason)
        stand = leaving.end(work.conn, patient, Why(wish.why), ended=ended, **told)
        equipment = recalls.begun(work.conn, before.team, work.now)
        return shapes.Ended(patient=patient, ended_at=ended, alerts=stand, equipment=equipment)

    with case.change(desk, token, patient, f"ends: {wish.why}", Deed.MANAGE_PEOPLE) as work:
        return case.once_only(work, key, ("end_patient", patient), wish, end, shapes.Ended)


@router.post("/patients/{patient}/hand-over", responses=CONFLICT)
def hand_over_patient(
    patient: PatientId, wish: shapes.HandOver, key: Key, desk: DeskOfApp, token: Token
) -> shapes.HandedOver:
    """To another team, with all that is known: its screens are told, and the old team's lose the patient."""

    def hand_over() -> shapes.HandedOver:
        _at_rev(work, patient, wish.rev)
        told = told_by(work, wish.reason)
        leaving.hand_over(work.conn, patient, wish.team, **told)
        return shapes.HandedOver(patient=patient, team=wish.team)

    asked = ("hand_over_patient", patient)
    try:
        with case.change(desk, token, patient, f"hands over to team {wish.team}", Deed.MANAGE_PEOPLE) as work:
            return case.once_only(work, key, asked, wish, hand_over, shapes.HandedOver)
    except RefusedError:  # perhaps because it was done: whose answer was lost asks again, and has the patient no more
        before = case.answer_before(desk, token, key, asked, wish, shapes.HandedOver)
        if before is None:
            raise
        return before


@router.post("/patients/{patient}/merge", responses=CONFLICT)
def merge_patient(patient: PatientId, wish: shapes.Merge, key: Key, desk: DeskOfApp, token: Token) -> shapes.Person:
    """`duplicate` was this patient all along: readings, facts, bindings and alerts move, with a trace; the old
    reference finds this patient."""

    def merge() -> shapes.Person:
        _at_rev(work, patient, wish.rev)
        gone = persons.person(work.conn, wish.duplicate)
        if gone is None or gone.team not in work.caller.teams(Deed.MANAGE_PEOPLE):
            raise RefusedError(HTTPStatus.NOT_FOUND, NOT_YOURS)
        board.remember_look(work.conn, gone.id, f"merges into {patient}", work.now)
        told = told_by(work, wish.reason)
        leaving.merge(work.conn, patient, gone.id, **told)
        return _shown(work, patient)

    with case.change(desk, token, patient, f"merges {wish.duplicate}", Deed.MANAGE_PEOPLE) as work:
        return case.once_only(work, key, ("merge_patient", patient), wish, merge, shapes.Person)


def told_by(work: Work, reason: str) -> dict[str, Any]:
    return {"by": work.caller.staff, "now": work.now, "reason": reason}


def digest_of(seals: Seals, secret: object) -> str:
    """In the question that is remembered: the same secret, the same digest, and nobody guesses it back."""
    value = getattr(secret, "get_secret_value", None)
    return "" if value is None else seals.lookup(value()).hex()


def _at_rev(work: Work, patient: int, rev: str) -> Person:
    case.must_be(rev, _shown(work, patient).rev, "details")
    who = persons.person(work.conn, patient)
    assert who is not None, "the caller follows this patient"
    return who


def _shown(work: Work, patient: int) -> shapes.Person:
    who = persons.person(work.conn, patient)
    if who is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, NOT_YOURS)
    changes = persons.changes(work.conn, patient)
    staff = case.people(work, [who.details.coordinator, *(each.by for each in changes)])
    return people_shapes.person(who, changes, staff)
