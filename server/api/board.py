"""The board in one piece: cursors and state of the same instant."""

from http import HTTPStatus

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Response

from server.access import Deed
from server.api import board_json, board_schemas
from server.api.desk import Desk, DeskOfApp, Token
from server.api.problems import RefusedError
from server.store import access_log, board, sessions

AT_ONCE = 2  # a board is mostly work of this process: more at a time only make each of them later
WAITING_MAX = 200


class Boards:
    """Boards are built in threads of their own, so that whoever acknowledges an alert never waits behind them."""

    def __init__(self) -> None:
        self._turn = CapacityLimiter(AT_ONCE)
        self._asked = 0
        """those being built and those that wait; the limiter counts one only after the loop has gone on"""

    async def build(self, desk: Desk, token: str | None) -> bytes:
        if self._asked >= AT_ONCE + WAITING_MAX:
            raise RefusedError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "Too many screens ask for their board just now: try again in a few seconds.",
                headers={"Retry-After": "5"},
            )
        self._asked += 1
        try:
            return await to_thread.run_sync(_build, desk, token, limiter=self._turn)
        finally:
            self._asked -= 1


def router(boards: Boards) -> APIRouter:
    routes = APIRouter(prefix="/api/v1", tags=["board"])

    @routes.get("/board", response_model=board_schemas.Board)
    async def get_board(desk: DeskOfApp, token: Token) -> Response:
        """Say hello on the socket with this epoch and these cursors: what happened since is then replayed."""
        return Response(await boards.build(desk, token), media_type="application/json")

    return routes


def _build(desk: Desk, token: str | None) -> bytes:
    with desk.work(token, snapshot=True) as work:
        teams = work.teams(Deed.SEE_PATIENTS)
        seen = board.snapshot(work.conn, teams, work.now)
    shown = {team: [patient.id for patient in seen.patients if patient.team == team] for team in teams}
    with desk.pool.connection() as conn:  # a snapshot is read only
        sessions.identify(conn, work.caller.staff)
        access_log.remember_rosters(conn, shown, "board", work.now)
    return board_json.as_json(seen, work.now)
