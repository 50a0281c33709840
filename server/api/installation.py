"""A home is made safe: what a gateway hears, which sensor is whose, that it is paired and reaches everywhere, the trial
of the whole chain, the protocol of it; and what is prepared at the depot.

Whoever installs does all of it. Who lives in a home is named there, and every such look is in the access log."""

from http import HTTPStatus
from typing import Annotated, Any, Final, TypeVar

from fastapi import APIRouter, Path

from server.access import Deed
from server.api import case, trial_shapes
from server.api import installation_schemas as shapes
from server.api import installation_shapes as told
from server.api import installing as asking
from server.api.case import Asks
from server.api.desk import DeskOfApp, Token, Work
from server.api.fields import RecordId
from server.api.heard import loudest
from server.api.pairing_shapes import Staff, awaits_now
from server.api.problems import RefusedError
from server.api.schemas import Problem, Shape
from server.api.seals import SealsOfApp, needed
from server.store import access_log, installation
from server.store.installation import Bound
from server.store.installation_rows import SensorRow, Stands
from server.store.sensors import CALLING

S = TypeVar("S", bound=Shape)

SENSOR: Final = "This sensor is not bound in this home."
WHY_NOT_BOUND: Final = {
    Bound.HOME: (HTTPStatus.NOT_FOUND, asking.HOME, "about:blank"),
    Bound.PATIENT: (HTTPStatus.NOT_FOUND, "Nobody who lives in this home has this number.", "about:blank"),
    Bound.ELSEWHERE: (HTTPStatus.CONFLICT, asking.ELSEWHERE, "urn:hjemvakt:bound-elsewhere"),
    Bound.HERE: (
        HTTPStatus.CONFLICT,
        "Somebody else in this home, or another place in it, has this sensor: unbind it there first.",
        "urn:hjemvakt:bound-here",
    ),
    Bound.REPLACED: (
        HTTPStatus.NOT_FOUND,
        "The sensor that is to be replaced is not bound in this home.",
        "about:blank",
    ),
}
router = APIRouter(prefix="/api/v1/installation", tags=["installation"], dependencies=case.SIGNED_IN)

HomeId = Annotated[shapes.PlaceNumber, Path(description="the home's number")]
Device = Annotated[shapes.Address, Path()]
OneSlot = Annotated[shapes.Slot, Path()]
CONFLICT: Final[dict[int | str, dict[str, Any]]] = {
    409: {"model": Problem, "description": "It cannot be so: `type` says why"}
}


# ---- a home


@router.get("/homes")
def get_installation_homes(desk: DeskOfApp, token: Token) -> shapes.Homes:
    with desk.work(token) as work:
        rows = installation.homes(work.conn, work.teams(Deed.INSTALL), work.now)
        return shapes.Homes(homes=[told.home_line(each) for each in rows])


@router.get("/homes/{home}")
def get_installation(home: HomeId, desk: DeskOfApp, token: Token) -> shapes.Installation:
    with desk.work(token) as work:
        return _told(work, stands_in(work, home))


@router.post("/homes/{home}/sensors", responses=CONFLICT)
def bind_sensor(home: HomeId, wish: shapes.BindSensor, asks: Asks, seals: SealsOfApp) -> shapes.InstalledSensor:
    """From now on its values are this patient's, or this home's. Said again with another label or key, that changes."""
    asking.check_profile(wish.profile)
    if (wish.patient is None) == (wish.place is None):
        raise asking.wrong("Say whose it is, or its place in the home, and not both.")
    key = asking.sensor_key(wish.key)
    sealer = None if key is None else needed(seals)

    def bind(work: Work) -> shapes.InstalledSensor:
        old = None if wish.replaces is None else (wish.replaces.device, wish.replaces.slot)
        made = installation.Wish(
            device=wish.device,
            slot=wish.slot,
            profile=wish.profile,
            patient=wish.patient,
            place=wish.place,
            label=wish.label,
            key=key,
            replaces=old,
        )
        if (said := installation.bind(work.conn, home, made, sealer, work.now)) is not Bound.BOUND:
            raise asking.refusal(*WHY_NOT_BOUND[said])
        stands = stands_in(work, home)
        return told.sensor(stands, _sensor(stands, wish.device, wish.slot), _staff(work, stands))

    return asking.once(asks, ("bind_sensor", home, asking.digest(sealer, wish.key)), wish, bind, shapes.InstalledSensor)


@router.post("/homes/{home}/sensors/{device}/{slot}/unbind")
def unbind_sensor(home: HomeId, device: Device, slot: OneSlot, wish: shapes.UnbindSensor, asks: Asks) -> shapes.Unbound:
    """Its time here is over; what it said stays with whose it was."""

    def unbind(work: Work) -> shapes.Unbound:
        if not installation.unbind(work.conn, home, device, slot, wish.why, work.now):
            raise RefusedError(HTTPStatus.NOT_FOUND, SENSOR)
        return shapes.Unbound(device=device, slot=slot, at=work.now)

    return asking.once(asks, ("unbind_sensor", home, device, slot), wish, unbind, shapes.Unbound)


@router.post("/homes/{home}/sensors/{device}/{slot}/prove", responses=CONFLICT)
def prove_sensor(home: HomeId, device: Device, slot: OneSlot, wish: shapes.ProvePart, asks: Asks) -> shapes.Pairing:
    """One of the four parts, as far as it can be true: the server looks at what came."""

    def prove(work: Work) -> shapes.Pairing:
        stands = stands_in(work, home)
        row = _sensor(stands, device, slot)
        wait = awaits_now(stands, row, wish.part)
        if wait[0] is not None:
            raise asking.refusal(HTTPStatus.CONFLICT, wait[1], "urn:hjemvakt:not-yet")
        installation.prove(work.conn, home, row, wish.part, wait[1], work.now)
        stands = stands_in(work, home)
        return told.sensor(stands, row, _staff(work, stands)).pairing

    return asking.once(asks, ("prove_sensor", home, device, slot), wish, prove, shapes.Pairing)


@router.post("/homes/{home}/rooms")
def walk_room(home: HomeId, wish: shapes.WalkRoom, asks: Asks) -> shapes.RoomSignal:
    """How well the home's gateways hear this sensor just now; that none does is kept, too."""

    def walk(work: Work) -> shapes.RoomSignal:
        stands = stands_in(work, home)
        if all(each.address != wish.device for each in stands.sensors):
            raise RefusedError(HTTPStatus.NOT_FOUND, SENSOR)
        heard = loudest(stands.gateways, wish.device, work.now)
        installation.walk(work.conn, home, wish.room, wish.device, heard, work.now)
        stands = stands_in(work, home)
        row = next(each for each in stands.rooms if each.room == wish.room)
        return told.room(row, _staff(work, stands))

    return asking.once(asks, ("walk_room", home), wish, walk, shapes.RoomSignal)


# ---- the trial, and the protocol


@router.post("/homes/{home}/trials", responses=CONFLICT)
def begin_trial(home: HomeId, wish: shapes.Try, asks: Asks) -> shapes.Trial:
    """From now on the way of an alarm is followed to a screen. With a sensor: use it now."""

    def begin(work: Work) -> shapes.Trial:
        stands = stands_in(work, home)
        gateway = next((each for each in stands.gateways if each.name == wish.gateway), None)
        if gateway is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, asking.GATEWAY)
        if wish.sensor is None:
            made = installation.try_gateway(work.conn, home, gateway, work.now)
        else:
            row = _calling(work, stands, wish.sensor)
            made = installation.try_sensor(work.conn, home, gateway, row, work.now)
        return _trial(work, made)

    return asking.once(asks, ("begin_trial", home), wish, begin, shapes.Trial)


@router.get("/trials/{trial}")
def get_trial(trial: Annotated[RecordId, Path()], desk: DeskOfApp, token: Token) -> shapes.Trial:
    with desk.work(token) as work:
        work.teams(Deed.INSTALL)
        return _trial(work, trial)


@router.post("/homes/{home}/protocols", responses=CONFLICT)
def finish_installation(home: HomeId, wish: shapes.Finish, asks: Asks) -> shapes.Protocol:
    """What is missing needs a word of why."""

    def finish(work: Work) -> shapes.Protocol:
        shown = _told(work, stands_in(work, home))
        if shown.missing and wish.remark is None:
            detail = f"This is missing: {', '.join(shown.missing)}. Say why it is finished all the same."
            raise asking.refusal(HTTPStatus.CONFLICT, detail, "urn:hjemvakt:unfinished")
        content = shown.model_dump(mode="json")
        made = installation.finish(work.conn, home, shown.missing, content, wish.remark or "", work.now)
        return _protocol(work, made)

    return asking.once(asks, ("finish_installation", home), wish, finish, shapes.Protocol)


@router.get("/homes/{home}/protocols")
def get_protocols(home: HomeId, desk: DeskOfApp, token: Token) -> shapes.Protocols:
    with desk.work(token) as work:
        if all(each.home != home for each in installation.homes(work.conn, work.teams(Deed.INSTALL), work.now)):
            raise RefusedError(HTTPStatus.NOT_FOUND, asking.HOME)
        rows = installation.protocols(work.conn, home)
        staff = case.people(work, [each.staff for each in rows])
        return shapes.Protocols(protocols=[told.protocol_line(each, staff) for each in rows])


@router.get("/protocols/{protocol}")
def get_protocol(protocol: Annotated[RecordId, Path()], desk: DeskOfApp, token: Token) -> shapes.Protocol:
    with desk.work(token) as work:
        work.teams(Deed.INSTALL)
        shown = _protocol(work, protocol)
        for each in shown.installation.residents:
            access_log.remember(work.conn, each.patient, "look", f"installation protocol {protocol}", work.now)
        return shown


# ---- shared


def stands_in(work: Work, home: int) -> Stands:
    found = installation.stands(work.conn, home, work.teams(Deed.INSTALL), work.now)
    if found is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, asking.HOME)
    return found


def _sensor(stands: Stands, device: str, slot: int) -> SensorRow:
    row = stands.sensor(device, slot)
    if row is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, SENSOR)
    return row


def _calling(work: Work, stands: Stands, wish: shapes.SensorRef) -> SensorRow:
    """A sensor whose word is an alarm by itself, and none stands that would swallow the next."""
    row = _sensor(stands, wish.device, wish.slot)
    if row.profile not in CALLING:
        raise asking.wrong("This sensor calls nobody by itself: try the gateway, and measure.")
    if installation.calls_already(work.conn, stands.home.home, row):
        detail = "A call from here waits already: whoever is on duty handles that one first, then try."
        raise asking.refusal(HTTPStatus.CONFLICT, detail, "urn:hjemvakt:alert-open")
    return row


def _trial(work: Work, id_: int) -> shapes.Trial:
    row = installation.trial(work.conn, id_)
    if row is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "No trial in a home of yours has this number.")
    return trial_shapes.trial(row, case.people(work, [row.staff]), work.now)


def _protocol(work: Work, id_: int) -> shapes.Protocol:
    row = installation.protocol(work.conn, id_)
    if row is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "No protocol of a home of yours has this number.")
    kept = shapes.Installation.model_validate(row.content)
    by = case.people(work, [row.staff])[row.staff]
    return shapes.Protocol(id=row.id, at=row.at, by=by, remark=row.remark, installation=kept)


def _told(work: Work, stands: Stands) -> shapes.Installation:
    return told.installation(stands, _staff(work, stands), work.now)


def _staff(work: Work, stands: Stands) -> Staff:
    return case.people(work, set(told.staff_in(stands)))
