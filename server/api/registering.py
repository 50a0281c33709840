"""A patient comes, with a home: by the hand of a coordinator or an administrator of the team."""

from fastapi import APIRouter

from server.access import Deed
from server.api import case
from server.api import registering_schemas as shapes
from server.api.case import Asks, TeamId
from server.api.desk import Work
from server.api.knocking import BUSY, knock
from server.api.people import digest_of
from server.api.seals import SealsOfApp, needed
from server.clinical.person import phone_of
from server.errors import CareError, RegistrationError
from server.store import clinic, registering
from server.store.knocks import REGISTRATION
from server.store.registering import Double, HomeThere, Newcomer
from server.store.sealing import Seals

router = APIRouter(prefix="/api/v1/teams/{team}/patients", tags=["people"], dependencies=case.SIGNED_IN)


@router.post("", responses=BUSY)
def register_patient(team: TeamId, wish: shapes.RegisterPatient, asks: Asks, seals: SealsOfApp) -> shapes.Registered:
    """With a home, which whoever installs finds at once. Somebody who may be here already, and a home that stands at
    the same address, are told before anything is made."""
    with asks.desk.work(asks.token) as work:
        case.must_be_in(work, team, Deed.REGISTER)
    who = (str(work.caller.staff),)
    knock(asks.desk, REGISTRATION, who, "Too many patients registered by hand", ", or import a list")
    with asks.desk.work(asks.token) as work:
        case.must_be_in(work, team, Deed.REGISTER)
        sealer = None if wish.number is None else needed(seals)
        asked = ("register_patient", team, "" if sealer is None else digest_of(sealer, wish.number))
        # Two at once would not hear of each other's.
        clinic.hold(work.conn, "hjemvakt.registering", 0)
        return case.once_only(
            work, asks.key, asked, wish, lambda: _register(work, sealer, team, wish), shapes.Registered
        )


def _register(work: Work, seals: Seals | None, team: int, wish: shapes.RegisterPatient) -> shapes.Registered:
    who = _newcomer(wish)
    registering.check(work.conn, team, who, work.now)
    doubles = [_double(each, work) for each in registering.doubles(work.conn, seals, team, who, work.now)]
    there = [] if who.address is None else registering.homes_at(work.conn, team, who.address, work.now)
    if _is_open(wish, doubles, there):
        return shapes.Registered(
            patient=None,
            home=None,
            reference=None,
            doubles=doubles,
            same_address=[shapes.HomeThere.model_validate(each._asdict()) for each in there],
        )
    made = registering.register(work.conn, seals, team, who, by=work.caller.staff, now=work.now, remark=wish.remark)
    return shapes.Registered(patient=made.id, home=made.home, reference=made.reference, doubles=[], same_address=[])


def _is_open(wish: shapes.RegisterPatient, doubles: list[shapes.Double], there: list[HomeThere]) -> bool:
    """A number is one person's, whatever is said."""
    if any(each.by == "number" for each in doubles) or _are_new(wish, doubles):
        return True
    return bool(there) and "same_address" not in wish.although


def _are_new(wish: shapes.RegisterPatient, doubles: list[shapes.Double]) -> bool:
    """Somebody was registered meanwhile, or is shown otherwise than before. Who may not be named is counted."""
    untold = sum(each.patient is None for each in doubles)
    named = {each.patient for each in doubles if each.patient is not None}
    return untold not in (0, wish.others_untold) or not named <= set(wish.others)


def _newcomer(wish: shapes.RegisterPatient) -> Newcomer:
    try:
        phone = None if wish.phone is None else phone_of(wish.phone)
    except CareError as error:
        raise RegistrationError("phone", str(error)) from None
    return Newcomer(
        name=wish.name,
        born_on=wish.born_on,
        pathway=wish.pathway,
        reference=wish.reference,
        number=None if wish.number is None else wish.number.get_secret_value(),
        municipality=wish.municipality,
        phone=phone,
        lives_alone=wish.lives_alone,
        protection=wish.protection,
        home=wish.home,
        address=wish.address,
    )


def _double(each: Double, work: Work) -> shapes.Double:
    seen = each.team in work.caller.teams(Deed.SEE_PATIENTS)
    return shapes.Double(
        by="number" if each.by_number else "name",
        patient=each.patient if seen else None,
        name=each.name if seen else None,
        ended=each.ended and seen,
    )
