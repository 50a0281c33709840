"""How a member is reached when nobody looks at a screen: adding, confirming, trying and removing one's own ways."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Path

from server.access import Deed
from server.api import case
from server.api import ways_schemas as shapes
from server.api.desk import DeskOfApp, Token, Work
from server.api.problems import RefusedError
from server.store import notices, ways
from server.store.notices import Offer
from server.store.ways import WayRow
from server.ways import endpoints
from server.ways.encryption import browser_keys

WAYS_MAX: Final = 10  # of one member
TOLD_A_DAY: Final = 20  # codes and tests: nobody's phone is filled from here
DAY: Final = timedelta(days=1)
LOOKED_BACK: Final = timedelta(days=7)
REFUSED: Final = HTTPStatus.UNPROCESSABLE_ENTITY

WayId = Annotated[int, Path(ge=1, le=2**63 - 1)]
router = APIRouter(prefix="/api/v1/ways", tags=["ways"], dependencies=case.SIGNED_IN)


@router.get("")
def get_ways(desk: DeskOfApp, token: Token) -> shapes.MyWays:
    """One's own, and what this installation offers."""
    with desk.work(token) as work:
        return _shown(work)


@router.post("", status_code=HTTPStatus.CREATED)
def add_way(wish: shapes.AddWay, key: case.Key, desk: DeskOfApp, token: Token) -> shapes.MyWays:
    """A number or mail address is sent a code, which its owner then says here; a browser proves itself."""

    def add() -> shapes.MyWays:
        if len(ways.mine(work.conn)) >= WAYS_MAX:
            raise RefusedError(REFUSED, f"There are {WAYS_MAX} ways already: remove one that you do not use.")
        _add(work, wish.way)
        return _shown(work)

    with desk.work(token) as work:
        return case.once_only(work, key, ("add_way",), wish, add, shapes.MyWays)


@router.post("/{way}/code")
def send_code(way: WayId, key: case.Key, desk: DeskOfApp, token: Token) -> shapes.MyWays:
    """Again, if it did not come."""

    def send() -> shapes.MyWays:
        _send_code(work, _mine(work, way).id)
        return _shown(work)

    with desk.work(token) as work:
        return case.once_only(work, key, ("send_code", way), shapes.ChangeWay(), send, shapes.MyWays)


@router.post("/{way}/confirm")
def confirm_way(way: WayId, wish: shapes.ConfirmWay, key: case.Key, desk: DeskOfApp, token: Token) -> shapes.MyWays:
    """With the code that came there."""
    with desk.work(token) as work:
        waited_for = ways.code_of(work.conn, _mine(work, way).id, work.now)
        right = waited_for is not None and hmac.compare_digest(waited_for, _hashed(way, wish.code))
        if right:
            ways.confirm(work.conn, way, work.now)
        shown = _shown(work)
    if not right:  # after the transaction: a try is counted
        raise RefusedError(REFUSED, "This is not the code, or it is too old: look again, or ask for a new one.")
    return shown


@router.post("/{way}/test", status_code=HTTPStatus.ACCEPTED)
def test_way(way: WayId, key: case.Key, desk: DeskOfApp, token: Token) -> shapes.MyWays:
    """A message that says that it is a test; what became of it stands with the way."""

    def test() -> shapes.MyWays:
        if _mine(work, way).confirmed_at is None:
            raise RefusedError(REFUSED, "Confirm this way first, with the code that was sent there.")
        _not_too_many(work)
        ways.send_test(work.conn, way, work.now)
        return _shown(work)

    with desk.work(token) as work:
        return case.once_only(work, key, ("test_way", way), shapes.ChangeWay(), test, shapes.MyWays)


@router.post("/{way}/change")
def change_way(way: WayId, wish: shapes.ChangeWay, key: case.Key, desk: DeskOfApp, token: Token) -> shapes.MyWays:
    def change() -> shapes.MyWays:
        ways.change(work.conn, _mine(work, way).id, enabled=wish.enabled, language=wish.language)
        return _shown(work)

    with desk.work(token) as work:
        return case.once_only(work, key, ("change_way", way), wish, change, shapes.MyWays)


@router.post("/{way}/remove")
def remove_way(way: WayId, key: case.Key, desk: DeskOfApp, token: Token) -> shapes.MyWays:
    """Nobody is called there any more, also not about what is under way."""

    def remove() -> shapes.MyWays:
        ways.remove(work.conn, _mine(work, way).id, work.now)
        return _shown(work)

    with desk.work(token) as work:
        return case.once_only(work, key, ("remove_way", way), shapes.ChangeWay(), remove, shapes.MyWays)


@router.get("/deliveries")
def get_deliveries(desk: DeskOfApp, token: Token) -> shapes.Deliveries:
    """For whoever looks after the equipment of a team."""
    with desk.work(token) as work:
        work.teams(Deed.SEE_TROUBLES)
        since = work.now - LOOKED_BACK
        return shapes.Deliveries(
            since=since,
            counts=[
                shapes.DeliveryCount.model_validate(
                    {"team": row.team_id, "way": row.way, "state": row.state, "count": row.count}
                )
                for row in ways.counts(work.conn, since)
            ],
            dead_letter=[_dead(row) for row in ways.dead_letter(work.conn, since)],
        )


def _dead(row: ways.DeadRow) -> shapes.DeadLetter:
    return shapes.DeadLetter.model_validate(
        {
            "id": row.id,
            "team": row.team_id,
            "alert": row.alert_id,
            "staff": row.staff,
            "way": row.way,
            "state": row.state,
            "tries": row.tries,
            "made_at": row.made_at,
            "ended_at": row.ended_at,
            "fault": row.fault,
        }
    )


def _add(work: Work, wish: shapes.AddPush | shapes.AddSms | shapes.AddMail) -> None:
    offer = _offered(work, wish.way)
    if isinstance(wish, shapes.AddPush):
        _add_push(work, wish, offer)
        return
    address = endpoints.phone(wish.address) if wish.way == "sms" else endpoints.mail(wish.address)
    if address is None:
        what = "phone number" if wish.way == "sms" else "mail address"
        raise RefusedError(REFUSED, f"This is not a {what} that can be reached: look at it again.")
    way, confirmed = ways.add(
        work.conn, wish.way, address, keys=None, lane=wish.way, language=wish.language, now=work.now
    )
    if not confirmed:
        _send_code(work, way)


def _add_push(work: Work, wish: shapes.AddPush, offer: Offer) -> None:
    endpoint = endpoints.endpoint(wish.endpoint, offer.own_hosts)
    if endpoint is None:
        raise RefusedError(REFUSED, "The push service of this browser is not known here: ask your administrator.")
    try:
        browser_keys(wish.keys.p256dh, wish.keys.auth)
    except ValueError as error:
        raise RefusedError(REFUSED, "These are not the keys of a browser: subscribe again.") from error
    keys = wish.keys.model_dump()
    ways.add(work.conn, "push", wish.endpoint, keys=keys, lane=endpoint.lane, language=wish.language, now=work.now)


def _offered(work: Work, way: str) -> Offer:
    for offer in notices.offers(work.conn):
        if offer.way == way:
            return offer
    raise RefusedError(REFUSED, f"This installation is not set up for {way}: ask your administrator.")


def _send_code(work: Work, way: int) -> None:
    _not_too_many(work)
    code = f"{secrets.randbelow(10**6):06d}"
    ways.send_code(work.conn, way, code, _hashed(way, code), work.now)


def _not_too_many(work: Work) -> None:
    if ways.told_since(work.conn, work.now - DAY) >= TOLD_A_DAY:
        raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, "That is enough codes and tests for a day: try tomorrow.")


def _hashed(way: int, code: str) -> bytes:
    """It lives for minutes and bears few tries: it only must not stand there open."""
    return hashlib.sha256(f"{way}:{code}".encode()).digest()


def _mine(work: Work, way: int) -> WayRow:
    for row in ways.mine(work.conn):
        if row.id == way:
            return row
    raise RefusedError(HTTPStatus.NOT_FOUND, "None of your ways has this number.")


def _shown(work: Work) -> shapes.MyWays:
    return shapes.MyWays(
        offers=[
            shapes.Offer(way=offer.way, public_key=offer.public_key or None) for offer in notices.offers(work.conn)
        ],
        ways=[_way(row) for row in ways.mine(work.conn)],
    )


def _way(row: WayRow) -> shapes.MyWay:
    last = None
    if row.last_state is not None:
        last = shapes.LastMessage.model_validate(
            {"state": row.last_state, "at": row.last_at, "fault": row.last_fault or ""}
        )
    return shapes.MyWay(
        id=row.id,
        way=row.way,
        address=row.lane.removeprefix("push:") if row.way == "push" else row.address,
        language=row.language,
        enabled=row.enabled,
        confirmed=row.confirmed_at is not None,
        broken_since=row.broken_since,
        broken_why=row.broken_why,
        last=last,
    )
