"""Where what could be guessed is tried: refused when somebody has tried too often."""

from http import HTTPStatus
from typing import Any, Final

from server.api.desk import Desk
from server.api.problems import RefusedError
from server.api.schemas import Problem
from server.store import knocks
from server.store.knocks import Door

BUSY: Final[dict[int | str, dict[str, Any]]] = {
    HTTPStatus.TOO_MANY_REQUESTS.value: {"model": Problem, "description": "Too many tries: wait as `Retry-After` says"}
}


def knock(desk: Desk, door: Door, who: tuple[str, ...], said: str, otherwise: str = "") -> None:
    """It counts, whatever becomes of what is tried."""
    with desk.pool.connection() as conn:
        wait_s = knocks.knock(conn, door, who, desk.now())
    if wait_s is not None:
        detail = f"{said}: wait {wait_s} seconds{otherwise}."
        raise RefusedError(HTTPStatus.TOO_MANY_REQUESTS, detail, headers={"Retry-After": str(wait_s)})
