"""What a gateway hears, and what is prepared at the depot: sensors that are nobody's yet."""

from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path

from server.access import Deed
from server.api import case
from server.api import installation_schemas as shapes
from server.api import installation_shapes as told
from server.api import installing as asking
from server.api.case import Asks
from server.api.desk import DeskOfApp, Token, Work
from server.api.enrolment_schemas import GatewayName
from server.api.heard import status_of
from server.api.installation import CONFLICT, WHY_NOT_BOUND, Device, stands_in
from server.api.problems import RefusedError
from server.api.seals import SealsOfApp, needed
from server.store import commands, installation
from server.store.installation import Bound, Given, Prepared
from server.store.installation_rows import GatewayRow

WHY_NOT_GIVEN: Final = {
    Given.GATEWAY: (HTTPStatus.NOT_FOUND, "No gateway at your depot is called so.", "about:blank"),
    Given.HOME: (HTTPStatus.NOT_FOUND, asking.HOME, "about:blank"),
    Given.HAS_HOME: (HTTPStatus.CONFLICT, "This gateway stands in another home.", "urn:hjemvakt:has-home"),
    Given.BUCKET: (
        HTTPStatus.CONFLICT,
        "This home has gateways already, and this one was made for another place: revoke it, and let it in anew here.",
        "urn:hjemvakt:bucket",
    ),
}

router = APIRouter(prefix="/api/v1/installation", tags=["installation"], dependencies=case.SIGNED_IN)

Gateway = Annotated[GatewayName, Path()]


# ---- what a gateway hears


@router.post("/gateways/{gateway}/listen")
def listen(gateway: Gateway, wish: shapes.Listen, asks: Asks) -> shapes.Listening:
    """It says what is on the air around it, until then."""

    def ask(work: Work) -> shapes.Listening:
        row = _gateway(work, gateway)
        for_ = timedelta(seconds=wish.for_s)
        commands.listen(work.conn, row.id, row.name, work.now, for_)
        return shapes.Listening(gateway=row.name, until=work.now + for_)

    return asking.once(asks, ("listen", gateway), wish, ask, shapes.Listening)


@router.get("/gateways/{gateway}/nearby")
def get_nearby(gateway: Gateway, desk: DeskOfApp, token: Token) -> shapes.Nearby:
    """Nothing when nobody asked it to listen. What a sensor measures is not here: it may be the neighbour's."""
    with desk.work(token) as work:
        row = _gateway(work, gateway)
        until = installation.listens_until(work.conn, gateway, work.now)
        status = status_of(row.status)
        addresses = [] if status is None else [each.device for each in status.nearby]
        whose = installation.whose(work.conn, row.home, gateway, addresses)
        return told.nearby(row, until, whose, work.now)


# ---- the depot


@router.get("/depot")
def get_depot(desk: DeskOfApp, token: Token) -> shapes.Depot:
    with desk.work(token) as work:
        gateways = installation.gateways(work.conn, work.teams(Deed.INSTALL), None)
        return told.depot(gateways, installation.depot_sensors(work.conn))


@router.post("/gateways/{gateway}/sensors", responses=CONFLICT)
def prepare_sensor(
    gateway: Gateway, wish: shapes.PrepareSensor, asks: Asks, seals: SealsOfApp
) -> shapes.PreparedSensor:
    """The gateway pairs with it and reads it, though it is nobody's yet, and neither is what it says."""
    asking.check_profile(wish.profile)
    key = asking.sensor_key(wish.key)
    sealer = None if key is None else needed(seals)

    def prepare(work: Work) -> shapes.PreparedSensor:
        said = installation.prepare(work.conn, gateway, wish.device, wish.profile, wish.label, key, sealer, work.now)
        if said is Prepared.ELSEWHERE:
            raise asking.refusal(*WHY_NOT_BOUND[Bound.ELSEWHERE])
        if said is Prepared.GATEWAY:
            raise asking.refusal(*WHY_NOT_GIVEN[Given.GATEWAY])
        return _prepared(work, gateway, wish.device)

    asked = ("prepare_sensor", gateway, asking.digest(sealer, wish.key))
    return asking.once(asks, asked, wish, prepare, shapes.PreparedSensor)


@router.post("/gateways/{gateway}/sensors/{device}/drop")
def drop_sensor(gateway: Gateway, device: Device, asks: Asks) -> shapes.PreparedSensor:
    """As it was: it is not for this gateway any more."""

    def drop(work: Work) -> shapes.PreparedSensor:
        shown = _prepared(work, gateway, device)
        installation.drop(work.conn, gateway, device, work.now)
        return shown

    return asking.once(asks, ("drop_sensor", gateway, device), shapes.Nothing(), drop, shapes.PreparedSensor)


@router.post("/gateways/{gateway}/label")
def label_gateway(gateway: Gateway, wish: shapes.LabelGateway, asks: Asks) -> shapes.LabelGateway:
    def label(work: Work) -> shapes.LabelGateway:
        if not installation.set_label(work.conn, gateway, wish.label):
            raise RefusedError(HTTPStatus.NOT_FOUND, asking.GATEWAY)
        return wish

    return asking.once(asks, ("label_gateway", gateway), wish, label, shapes.LabelGateway)


@router.post("/gateways/{gateway}/home", responses=CONFLICT)
def give_home(gateway: Gateway, wish: shapes.GiveHome, asks: Asks) -> shapes.InstalledGateway:
    """Out of the depot. What was prepared for it is still nobody's: it is bound in the home."""

    def give(work: Work) -> shapes.InstalledGateway:
        said = installation.give_home(work.conn, gateway, wish.home, work.now)
        if said is not Given.GIVEN:
            raise asking.refusal(*WHY_NOT_GIVEN[said])
        stands = stands_in(work, wish.home)
        row = next(each for each in stands.gateways if each.name == gateway)
        return told.gateway(row, stands.trust.get(gateway))

    return asking.once(asks, ("give_home", gateway), wish, give, shapes.InstalledGateway)


def _gateway(work: Work, name: str) -> GatewayRow:
    row = installation.gateway(work.conn, name, work.teams(Deed.INSTALL))
    if row is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, asking.GATEWAY)
    return row


def _prepared(work: Work, gateway: str, device: str) -> shapes.PreparedSensor:
    row = _gateway(work, gateway)
    found = [
        each for each in installation.depot_sensors(work.conn) if (each.gateway, each.address) == (gateway, device)
    ]
    if not found:
        raise RefusedError(HTTPStatus.NOT_FOUND, "This sensor was not prepared for this gateway.")
    return told.prepared(row, found[0])
