"""Gateways come to be ours: they ask with the code on their box, a technician lets them in, and they renew alone.

Whoever asks here is not signed in; nothing that is said to it is worth anything without the key that never leaves it.
"""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias, TypeVar

import msgspec
from fastapi import APIRouter, Depends, Path, Request, Response
from psycopg import Connection

from devices.errors import WireError
from devices.wire import diagnosis, enrolment
from devices.wire.columns import to_millis
from devices.wire.diagnosis import Handed
from devices.wire.enrolment import EnrolAnswer, EnrolRequest, Renewal, State, TicketQuestion
from server import pki
from server.access import Deed
from server.api import case
from server.api import enrolment_schemas as shapes
from server.api.case import Key
from server.api.desk import DeskOfApp, Token
from server.api.fields import RecordId
from server.api.knocking import knock
from server.api.problems import RefusedError
from server.api.schemas import Problem
from server.errors import TrustError
from server.store import authority, enrolments, knocks
from server.store.enrolments import Accepted, Asked, Standing, Waiting

M = TypeVar("M")

SOON_S: Final = 1
AGAIN_S: Final = 5
LATER_S: Final = 600
JSON: Final = "application/json"
PEM: Final = "application/x-pem-file"
MANY: Final = "Too many gateways ask to be let in"
TRIED: Final = "This code came with other keys already: get a new code for this box."
RENEWED: Final = "A newer certificate of this gateway has been used: enrol it anew if it has lost that one."
UNKNOWN: Final = "This server has made no such certificate: enrol this gateway anew."
NOBODY: Final = "No gateway that waits has this number."
WHY_NOT: Final = {
    Accepted.FORBIDDEN: (HTTPStatus.FORBIDDEN, "Your role does not include this: ask your technician."),
    Accepted.GONE: (HTTPStatus.NOT_FOUND, NOBODY),
    Accepted.DECIDED: (HTTPStatus.CONFLICT, "Somebody has decided about this gateway already."),
    Accepted.DOUBTFUL: (
        HTTPStatus.CONFLICT,
        "Somebody else came with the same code: refuse both, and give the box a new code.",
    ),
    Accepted.HOME: (HTTPStatus.NOT_FOUND, "No home of a team whose equipment you look after has this number."),
    Accepted.NAME: (
        HTTPStatus.CONFLICT,
        "Another gateway is called so: choose another name, or revoke that one first.",
    ),
}

router = APIRouter(prefix="/api/v1", tags=["enrolment"])
of_staff = APIRouter(prefix="/api/v1", tags=["enrolment"], dependencies=case.SIGNED_IN)

EnrolmentId = Annotated[RecordId, Path(description="the enrolment's number")]
CONFLICT: Final[dict[int | str, dict[str, Any]]] = {409: {"model": Problem, "description": "It cannot be let in so"}}


async def _raw(request: Request) -> bytes:
    return await request.body()


def _broker(request: Request) -> str:
    mqtt: str | None = request.app.state.gateway_mqtt
    if mqtt is None:
        detail = "This server does not know where gateways find the broker: set HJEMVAKT_GATEWAY_MQTT_URL."
        raise _later(detail, LATER_S)
    return mqtt


Raw: TypeAlias = Annotated[bytes, Depends(_raw)]
Broker: TypeAlias = Annotated[str, Depends(_broker)]


def _inline(node: Any, parts: dict[str, Any]) -> Any:
    match node:
        case {"$ref": str(name)}:
            return _inline(parts[name], parts)
        case dict():
            return {key: _inline(value, parts) for key, value in node.items() if key != "title"}
        case list():
            return [_inline(each, parts) for each in node]
    return node


def _schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    (schema,), parts = msgspec.json.schema_components([kind], ref_template="{name}")
    found = _inline(schema, parts)
    assert isinstance(found, dict)
    return found


def _says(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {
        "openapi_extra": {"requestBody": {"required": True, "content": {JSON: {"schema": _schema(kind)}}}},
        "response_class": Response,
        "responses": {
            200: {"content": {JSON: {"schema": _schema(EnrolAnswer)}}, "description": "What becomes of it"},
            404: {"model": Problem, "description": "Nobody asked with this ticket"},
        },
    }


@router.get(
    "/authority",
    response_class=Response,
    responses={200: {"content": {PEM: {"schema": {"type": "string"}}}, "description": "A certificate in PEM"}},
)
def get_authority(desk: DeskOfApp) -> Response:
    """Of our own authority. A gateway knows its fingerprint from birth, and trusts nothing else."""
    with desk.pool.connection() as conn:
        return Response(_authority(conn), media_type=PEM)


@router.post("/enrolment", **_says(EnrolRequest))
def enrol(raw: Raw, request: Request, desk: DeskOfApp, mqtt: Broker) -> Response:
    """A gateway asks to be let in. The same request again is the same one, and has the same ticket."""
    knock(desk, knocks.ENROLMENTS, (), MANY)
    knock(desk, knocks.ENROLMENT, (request.client.host if request.client else "",), f"{MANY} from your address")
    asked = _read(enrolment.decode_request, raw)
    key, ticket = _trusted(pki.key_of, asked.csr), enrolments.ticket_of(asked.csr, asked.code)
    with desk.pool.connection() as conn:
        _authority(conn)
        match enrolments.ask(conn, asked, key, ticket, desk.now()):
            case Asked.WAITING:
                return _said(_answer(conn, ticket, mqtt, desk.now()))
            case Asked.TRIED:
                return _said(EnrolAnswer(state=State.REFUSED, why=TRIED))
    raise _later(f"{MANY}: try again later.", LATER_S)


@router.post("/enrolment/ticket", **_says(TicketQuestion))
def ask_with_ticket(raw: Raw, desk: DeskOfApp, mqtt: Broker) -> Response:
    ticket = _read(enrolment.decode_ticket, raw).ticket
    with desk.pool.connection() as conn:
        return _said(_answer(conn, ticket, mqtt, desk.now()))


@router.post("/enrolment/renewal", **_says(Renewal))
def renew(raw: Raw, desk: DeskOfApp, mqtt: Broker) -> Response:
    """A gateway of ours asks for its next certificate with a new key, and shows that it has the key before. Waiting:
    ask with the ticket. The certificate before is good until the new one has been used on the broker."""
    asked = _read(enrolment.decode_renewal, raw)
    now = desk.now()
    with desk.pool.connection() as conn:
        certificate = _authority(conn)
    old = _trusted(lambda renewal: pki.proven(renewal, certificate, now), asked)
    knock(desk, knocks.RENEWAL, (old.serial,), "This gateway renews too often")
    ticket = enrolments.ticket_of(asked.csr, old.serial)
    with desk.pool.connection() as conn:
        said = enrolments.renew(conn, old.serial, pki.key_of(asked.csr), asked.csr, ticket, now)
        if said is Asked.WAITING:
            return _said(_answer(conn, ticket, mqtt, now))
    if said is Asked.FULL:
        raise _later("This certificate was renewed with too many keys: use one of them.", LATER_S)
    return _said(_not_renewed(said))


@router.post(
    "/enrolment/diagnosis",
    status_code=HTTPStatus.NO_CONTENT,
    openapi_extra={"requestBody": {"required": True, "content": {JSON: {"schema": _schema(Handed)}}}},
    responses={404: {"model": Problem, "description": "Nobody asked this gateway for it"}},
)
def hand_in_diagnosis(raw: Raw, desk: DeskOfApp) -> None:
    """A gateway that was asked says how it is, and shows that it has the key of its certificate. What this server does
    not know of it, it does not keep."""
    handed = _read(diagnosis.decode_handed, raw)
    said = _read(diagnosis.decode, handed.content.encode())
    with desk.pool.connection() as conn:
        certificate = _authority(conn)
    by = _trusted(lambda which: pki.handed_in(which, certificate, desk.now()), handed)
    knock(desk, knocks.RENEWAL, ("diagnosis", by.serial), "This gateway says too often how it is")
    with desk.pool.connection() as conn:
        if not enrolments.hand_in(conn, by.serial, said, diagnosis.encode(said).decode(), desk.now()):
            raise RefusedError(HTTPStatus.NOT_FOUND, "Nobody asked this gateway how it is, or it is too long ago.")


@of_staff.get("/enrolments")
def get_enrolments(desk: DeskOfApp, token: Token) -> shapes.Enrolments:
    """Gateways that wait to be let in: nobody's yet, so whoever installs sees them all."""
    with desk.work(token) as work:
        work.teams(Deed.INSTALL)
        return shapes.Enrolments(enrolments=[_shown(each) for each in enrolments.waiting(work.conn)])


@of_staff.post("/enrolments/{enrolment}/accept", responses=CONFLICT)
def accept_enrolment(
    enrolment: EnrolmentId, wish: shapes.AcceptEnrolment, key: Key, desk: DeskOfApp, token: Token
) -> shapes.LetIn:
    """It stands in this home from now on, and is awaited; or at the depot. Compare the code with the one on the box."""
    if (wish.home is None) == (wish.team is None):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "Say in which home it stands, or at whose depot.")

    def accept() -> shapes.LetIn:
        name = wish.name or _name_of(enrolments.waiting(work.conn), enrolment)
        said = enrolments.accept(work.conn, enrolment, wish.home, name, work.now, wish.team)
        if said is not Accepted.ACCEPTED:
            status, detail = WHY_NOT[said]
            raise RefusedError(status, detail)
        return shapes.LetIn(id=enrolment, gateway=name, home=wish.home)

    with desk.work(token) as work:
        work.teams(Deed.INSTALL)
        return case.once_only(work, key, ("accept_enrolment", enrolment), wish, accept, shapes.LetIn)


@of_staff.post("/enrolments/{enrolment}/refuse")
def refuse_enrolment(
    enrolment: EnrolmentId, wish: shapes.RefuseEnrolment, key: Key, desk: DeskOfApp, token: Token
) -> shapes.RefusedEnrolment:
    """The gateway is told why."""

    def refuse() -> shapes.RefusedEnrolment:
        if not enrolments.refuse(work.conn, enrolment, wish.why, work.now):
            raise RefusedError(HTTPStatus.NOT_FOUND, NOBODY)
        return shapes.RefusedEnrolment(id=enrolment, why=wish.why)

    with desk.work(token) as work:
        work.teams(Deed.INSTALL)
        return case.once_only(work, key, ("refuse_enrolment", enrolment), wish, refuse, shapes.RefusedEnrolment)


@of_staff.post("/gateways/{gateway}/revoke")
def revoke_gateway(
    gateway: shapes.GatewayName, wish: shapes.RevokeGateway, key: Key, desk: DeskOfApp, token: Token
) -> shapes.RevokedGateway:
    """None of its certificates is good any more. What it was told, it wipes as soon as it hears of it."""

    def revoke() -> shapes.RevokedGateway:
        ended = enrolments.revoke(work.conn, gateway, wish.why, work.now)
        if ended is None:
            raise RefusedError(HTTPStatus.NOT_FOUND, "No gateway whose equipment you look after is called so.")
        return shapes.RevokedGateway(gateway=gateway, why=wish.why, at=work.now, certificates=ended)

    with desk.work(token) as work:
        work.teams(Deed.INSTALL)
        return case.once_only(work, key, ("revoke_gateway", gateway), wish, revoke, shapes.RevokedGateway)


def _answer(conn: Connection, ticket: str, mqtt: str, now: datetime) -> EnrolAnswer:
    found = enrolments.standing(conn, ticket)
    if found is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, "Nobody asked with this ticket, or it is too long ago: ask anew.")
    if found.state == "refused":
        return EnrolAnswer(state=State.REFUSED, why=found.why)
    if found.revoked is not None:
        return _not_renewed(Asked(found.revoked))
    if found.certificate is None:
        again_s = AGAIN_S if found.state == "waiting" else SOON_S
        return EnrolAnswer(state=State.WAITING, ticket=ticket, again_s=again_s)
    return _issued(conn, found, mqtt, now)


def _issued(conn: Connection, found: Standing, mqtt: str, now: datetime) -> EnrolAnswer:
    return EnrolAnswer(
        state=State.ISSUED,
        certificate=found.certificate,
        authority=_authority(conn),
        gateway=found.gateway,
        bucket=found.bucket,
        mqtt=mqtt,
        at=to_millis(now),
        signs=True,
    )


def _not_renewed(said: Asked) -> EnrolAnswer:
    if said in enrolments.GONE:
        return EnrolAnswer(state=State.REVOKED)
    return EnrolAnswer(state=State.REFUSED, why=UNKNOWN if said is Asked.UNKNOWN else RENEWED)


def _authority(conn: Connection) -> str:
    certificate = authority.told(conn)
    if certificate is None:
        raise _later("This server has no authority for gateways yet: its clock makes it when it first runs.", AGAIN_S)
    return certificate


def _later(detail: str, after_s: int) -> RefusedError:
    return RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(after_s)})


def _said(answer: EnrolAnswer) -> Response:
    return Response(enrolment.encode(answer), media_type=JSON)


def _read(decode: Callable[[bytes], M], raw: bytes) -> M:
    try:
        return decode(raw)
    except WireError as error:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, f"The request does not fit: {error}.") from error


def _trusted(look: Callable[[Any], M], what: Any) -> M:
    try:
        return look(what)
    except TrustError as error:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, str(error)) from error


def _name_of(waiting: list[Waiting], id_: int) -> str:
    """As it was named with its code; else one that nobody has, from its key."""
    found = next((each for each in waiting if each.id == id_), None)
    if found is None:
        raise RefusedError(HTTPStatus.NOT_FOUND, NOBODY)
    return found.born or f"hjem-{found.key[:8]}"


def _shown(row: Waiting) -> shapes.Enrolment:
    return shapes.Enrolment(
        id=row.id,
        code=row.code,
        key=row.key,
        model=row.model,
        version=row.version,
        asked_at=row.asked_at,
        heard_at=row.heard_at,
        state="waiting" if row.state == "waiting" else "accepted",
        gateway=row.gateway or row.born,
        fault=row.fault,
        doubtful=row.doubtful,
    )
