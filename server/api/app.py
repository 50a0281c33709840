"""The api as one ASGI application, and the process that serves it."""

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute
from fastapi.telemetry import TelemetryConfig

from server.api import (
    access,
    alerts,
    answering,
    auth,
    board,
    care,
    clinic,
    code_demand,
    depot,
    document,
    duty,
    duty_plan,
    enrolment,
    fleet,
    glance,
    health,
    home_rules,
    household,
    installation,
    members,
    observations,
    oidc,
    people,
    registering,
    second_factor,
    settings,
    sockets,
    story,
    teams,
    technical,
    try_out,
    ways,
)
from server.api.desk import Desk
from server.api.guard import Guard
from server.api.lines import Line
from server.api.live import Hub
from server.api.pages import STATIC, Pages
from server.api.problems import answer_problems
from server.errors import ServerError
from server.provider import Provider
from server.store import sealing
from server.store.pool import api_dsn, api_pool, with_defaults
from server.store.sealing import Seals

LIVE_CONNECTIONS: Final = 3  # as many as live.py has threads
MESSAGE_MAX_BYTES: Final = 65_536
FAREWELL_S: Final = 3
LATE_LOOK_S: Final = 0.05
STALLED_PEER_MS: Final = 30_000
# FastAPI would start to send traces when an environment variable says so; paths hold patients' numbers.
NO_TELEMETRY: Final[TelemetryConfig] = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}

logger = logging.getLogger(__name__)


def utc_now() -> datetime:
    return datetime.now(UTC)


class AddressTakenError(ServerError):
    """Somebody else listens there."""


def create_app(
    *,
    database_url: str,
    own_url: str | None = None,
    static: Path = STATIC,
    now: Callable[[], datetime] = utc_now,
    seals: Seals | None = None,
    provider: Provider | None = None,
    gateway_mqtt: str | None = None,
) -> FastAPI:
    """Nothing is opened before the start, and a database that is down then is waited for.

    `own_url`: the database as the api's own role; without it the owner's connection steps down to that role.
    `seals` None: numbers and codes cannot be kept here. `provider` None: people come in with passwords alone.
    `gateway_mqtt`: where gateways find the broker; None: none is let in."""
    desk = Desk(pool=api_pool(database_url, own_url=own_url), now=now)
    live_pool = api_pool(database_url, own_url=own_url, name="live")
    live_pool.resize(1, LIVE_CONNECTIONS)
    hub = Hub(pool=live_pool, dsn=with_defaults(api_dsn(database_url, own_url=own_url)), now=now)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        desk.pool.open()
        live_pool.open()
        running = asyncio.create_task(hub.run())
        try:
            yield
        finally:
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running
            await asyncio.to_thread(live_pool.close)
            await asyncio.to_thread(desk.pool.close)

    app = FastAPI(
        title="Hjemvakt",
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        docs_url=None,  # the pages that FastAPI ships load scripts from elsewhere
        redoc_url=None,
        redirect_slashes=False,
        telemetry=NO_TELEMETRY,
        generate_unique_id_function=_operation_id,
    )
    app.state.desk = desk
    app.state.seals = seals
    app.state.provider = provider
    app.state.gateway_mqtt = gateway_mqtt
    app.add_middleware(Guard)
    answer_problems(app)
    _add_routes(app, hub, static)
    return app


def _add_routes(app: FastAPI, hub: Hub, static: Path) -> None:
    app.include_router(auth.router)
    app.include_router(second_factor.router)
    app.include_router(code_demand.router)
    app.include_router(oidc.router)
    app.include_router(oidc.browser)
    app.include_router(board.router(board.Boards()))
    app.include_router(glance.router(glance.Fortnights()))
    for each in (
        observations,
        care,
        settings,
        home_rules,
        clinic,
        story,
        alerts,
        duty,
        duty_plan,
        members,
        technical,
        ways,
    ):
        app.include_router(each.router)
    app.include_router(people.router)
    app.include_router(household.router)
    app.include_router(answering.router)
    app.include_router(answering.of_team)
    app.include_router(teams.router)
    app.include_router(registering.router)
    app.include_router(try_out.router(try_out.Trials()))
    app.include_router(access.router)
    app.include_router(access.of_emergency)
    app.include_router(enrolment.router)
    app.include_router(enrolment.of_staff)
    app.include_router(installation.router)
    app.include_router(depot.router)
    app.include_router(fleet.router)
    app.include_router(sockets.router(hub))
    app.include_router(health.router(hub))
    document.declare_socket_messages(app)
    app.openapi = partial(_document_once, app)  # type: ignore[method-assign]
    app.router.default = Pages(static)


def _operation_id(route: APIRoute) -> str:
    return route.name


def _document_once(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = document.describe(app)
    return app.openapi_schema


def listen(host: str = "127.0.0.1", port: int = 8080) -> socket.socket:
    """Port 0: a free one. Connections accepted here are dropped when their peer stops reading."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=1024)
    except OSError as error:
        raise AddressTakenError(
            f"Cannot listen on {host} port {port} ({error.strerror or error}): "
            "end the program that uses it, or choose another port."
        ) from error
    return listening


def serve(app: FastAPI, listening: socket.socket) -> None:
    """Until SIGINT or SIGTERM. Live sockets are told to come back (1012)."""
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_PEER_MS)
    logger.info("the api listens on %s port %d", *listening.getsockname()[:2])
    web_server(app).run(sockets=[listening])


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Who is let in just as we end is not among those whom uvicorn asks to leave: it would wait for them in vain,
        and leave them open."""
        late = asyncio.create_task(self._show_out_late(set(self.server_state.connections)))
        try:
            await super().shutdown(sockets)
        finally:
            late.cancel()

    async def _show_out_late(self, asked: set[Any]) -> None:
        while True:
            for connection in self.server_state.connections - asked:
                asked.add(connection)
                connection.shutdown()
            await asyncio.sleep(LATE_LOOK_S)


def web_server(app: FastAPI) -> uvicorn.Server:
    configuration = uvicorn.Config(
        app,
        ws=Line,
        ws_per_message_deflate=False,
        ws_max_size=MESSAGE_MAX_BYTES,
        timeout_graceful_shutdown=FAREWELL_S,
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,  # paths hold patients' numbers
        server_header=False,
    )
    return _Server(configuration)


def run(
    *,
    database_url: str,
    own_url: str | None = None,
    host: str = "127.0.0.1",
    port: int = 8080,
    listening: socket.socket | None = None,
    people_key: Path | None = None,
    provider: Provider | None = None,
    gateway_mqtt: str | None = None,
) -> None:
    """The process `hjemvakt api`. `listening`: a socket that somebody else opened, in place of host and port."""
    seals = None if people_key is None else sealing.read(people_key)
    app = create_app(
        database_url=database_url, own_url=own_url, seals=seals, provider=provider, gateway_mqtt=gateway_mqtt
    )
    serve(app, listening or listen(host, port))
