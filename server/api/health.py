"""Whether this process lives, whether it can work, and what Prometheus reads."""

from ipaddress import ip_address
from typing import Any, Final

import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import Response
from psycopg_pool import PoolTimeout, TooManyRequests

from server import metrics
from server.access import Deed
from server.api.desk import Desk, DeskOfApp, Token
from server.api.live import Hub
from server.api.schemas import Alive, Ready
from server.store import board, figures

NO_DATABASE: Final = (psycopg.OperationalError, PoolTimeout, TooManyRequests)
FORWARDED: Final = ("forwarded", "x-forwarded-for", "x-real-ip")
TEXT: Final[dict[int | str, dict[str, Any]]] = {200: {"content": {metrics.MEDIA_TYPE: {"schema": {"type": "string"}}}}}


def router(hub: Hub) -> APIRouter:
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz")
    async def alive() -> Alive:
        """This process answers."""
        return Alive(alive=True)

    @routes.get("/readyz")
    def ready(desk: DeskOfApp) -> Ready:
        """The database answers too."""
        with desk.pool.connection() as conn:
            conn.execute(b"select 1")
        return Ready(ready=True)

    @routes.get("/metrics", response_class=Response, responses=TEXT)
    def get_metrics(request: Request, desk: DeskOfApp, token: Token) -> Response:
        """For whoever asks from this machine itself and brings nothing; others need a token with `metrics:read`, or
        look after equipment. Counts of all teams together, and nobody's name."""
        if token is not None or not is_from_here(request):
            with desk.work(token) as work:
                work.teams(Deed.SEE_TROUBLES)
        return Response(metrics.exposition(_seen(desk, hub)), media_type=metrics.MEDIA_TYPE)

    return routes


def is_from_here(request: Request) -> bool:
    """Who came through a proxy on this machine is somebody from elsewhere."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _seen(desk: Desk, hub: Hub) -> metrics.Seen:
    """A database that is away is a figure, too."""
    try:
        with desk.pool.connection() as conn:
            board.begin_snapshot(conn)
            return metrics.Seen(
                screens=hub.screens, figures=figures.installation(conn, desk.now()), lanes=figures.lanes(conn)
            )
    except NO_DATABASE:
        return metrics.Seen(screens=hub.screens, figures=None)
