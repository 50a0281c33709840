"""A code beside one's own password: begin with an app, confirm with its first code, and end it."""

import secrets
from datetime import datetime
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from psycopg import Connection

from server.api import case, codes, passwords
from server.api import sign_in_schemas as shapes
from server.api.desk import Desk, DeskOfApp, Token, digest
from server.api.knocking import BUSY, knock
from server.api.problems import RefusedError
from server.api.seals import SealsOfApp, needed
from server.store import knocks, second_factor, sessions
from server.store.knocks import CODE, PASSWORD
from server.store.sealing import Seals
from server.store.second_factor import Factor

RECOVERY_CODES: Final = 10
CODE_NEEDED: Final = "urn:hjemvakt:code-needed"
NOTHING_BEGUN: Final = "There is nothing to confirm: begin anew."
WRONG: Final = "The code is wrong, or it was used before: wait for the next one."

router = APIRouter(prefix="/api/v1/me/code", tags=["session"], dependencies=case.SIGNED_IN)


@router.get("")
def get_code_state(desk: DeskOfApp, token: Token, seals: SealsOfApp) -> shapes.CodeState:
    with desk.work(token, beginners=True) as work:
        mine = second_factor.mine(work.conn)
    possible = seals is not None
    if mine is None:
        return shapes.CodeState(since=None, recovery_left=0, possible=possible)
    return shapes.CodeState(since=mine.confirmed_at, recovery_left=mine.recovery_left, possible=possible)


@router.post("", status_code=HTTPStatus.CREATED, responses=BUSY)
def begin_codes(wish: shapes.BeginCodes, desk: DeskOfApp, token: Token, seals: SealsOfApp) -> shapes.NewCodes:
    """Nothing is asked for until the first code is confirmed; begun again, only the newest secret counts."""
    staff = _with_password(desk, token, wish.password)
    secret = secrets.token_bytes(codes.SECRET_BYTES)
    with desk.work(token, beginners=True) as work:
        login = second_factor.begin(work.conn, needed(seals), staff, secret, work.now)
    if login is None:
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "You have codes already: end them before you begin anew.")
    return shapes.NewCodes(secret=codes.spelled(secret), uri=codes.uri(secret, login))


@router.post("/confirm", responses=BUSY)
def confirm_codes(wish: shapes.ConfirmCodes, desk: DeskOfApp, token: Token, seals: SealsOfApp) -> shapes.RecoveryCodes:
    """From now on the code is asked for."""
    staff = _caller(desk, token)
    knock(desk, CODE, (str(staff),), "Too many codes")
    papers = [codes.recovery(secrets.token_bytes(codes.RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]
    with desk.work(token, beginners=True) as work:
        factor = second_factor.of(work.conn, staff)
        if factor is None or factor.confirmed:
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, NOTHING_BEGUN)
        step = codes.step_of(factor.secret(needed(seals), staff), codes.plain(wish.code), work.now)
        if step is None:
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "This is not the code that the app shows now.")
        if not second_factor.confirm(work.conn, step, [_hash(staff, each) for each in papers], work.now):
            raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, NOTHING_BEGUN)
        sessions.coded(work.conn, work.caller.token_hash)
        knocks.opened(work.conn, CODE, (str(staff),))
    return shapes.RecoveryCodes(codes=papers)


@router.post("/end", status_code=HTTPStatus.NO_CONTENT, responses=BUSY)
def end_codes(wish: shapes.EndCodes, desk: DeskOfApp, token: Token, seals: SealsOfApp) -> None:
    """With the password, and a code of the app or from paper. Done twice is done once."""
    staff = _with_password(desk, token, wish.password)
    check(desk, seals, staff, wish.code, HTTPStatus.UNPROCESSABLE_ENTITY)
    with desk.work(token) as work:
        second_factor.end(work.conn)


def check(desk: Desk, seals: Seals | None, staff: int, said: str | None, status: HTTPStatus) -> bool:
    """False: this person has no codes. Refused without a code, or with a wrong one; a code opens once."""
    with desk.pool.connection() as conn:
        factor = second_factor.of(conn, staff)
    if factor is None or not factor.confirmed:
        return False
    if said is None:
        raise RefusedError(status, "Say the code of your app, too.", type_=CODE_NEEDED)
    knock(desk, CODE, (str(staff),), "Too many codes")
    with desk.pool.connection() as conn:
        if not _opens(conn, factor, needed(seals), staff, said, desk.now()):
            raise RefusedError(status, WRONG, type_=CODE_NEEDED)
        knocks.opened(conn, CODE, (str(staff),))
    return True


def _opens(conn: Connection, factor: Factor, seals: Seals, staff: int, said: str, now: datetime) -> bool:
    plain = codes.plain(said)
    step = codes.step_of(factor.secret(seals, staff), plain, now)
    if step is not None:
        return second_factor.take(conn, staff, step)
    return second_factor.take_recovery(conn, staff, _hash(staff, plain), now)


def _hash(staff: int, paper: str) -> bytes:
    return digest(f"{staff} {codes.plain(paper)}")


def _caller(desk: Desk, token: str | None) -> int:
    with desk.work(token, beginners=True) as work:
        return work.caller.staff


def _with_password(desk: Desk, token: str | None, password: str) -> int:
    """Whoever finds an open screen changes nothing of this. The connection is given back before the slow part."""
    with desk.work(token, beginners=True) as work:
        password_hash = second_factor.my_password(work.conn)
    staff = work.caller.staff
    knock(desk, PASSWORD, (str(staff),), "Too many passwords")
    if not passwords.is_right(password_hash, password):
        raise RefusedError(HTTPStatus.UNPROCESSABLE_ENTITY, "The password is wrong.")
    with desk.pool.connection() as conn:
        knocks.opened(conn, PASSWORD, (str(staff),))
    return staff
