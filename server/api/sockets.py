"""The WebSocket's end of the live hub: who may open one, what is read from it, and how it ends."""

import asyncio
from contextlib import suppress
from typing import Any, Final

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from pydantic import TypeAdapter, ValidationError

from server.api.auth import is_own_page
from server.api.desk import cookie_name, digest
from server.api.lines import line_of
from server.api.live import NO_DATABASE, SIGNED_OUT, TRY_AGAIN, Client, Hub
from server.api.live_schemas import ClientMessage, Hello, Ping, Proven, Seen

HELLO_WITHIN_S: Final = 10.0
CLOSE_WITHIN_S: Final = 1.0
NOT_UNDERSTOOD: Final = 1008

_messages: Final[TypeAdapter[Hello | Seen | Proven | Ping]] = TypeAdapter(ClientMessage)


def router(hub: Hub) -> APIRouter:
    routes = APIRouter()

    @routes.websocket("/api/v1/live")
    async def live(websocket: WebSocket) -> None:
        if not is_own_page(websocket.headers):
            await websocket.close()  # refused before it is open: 403
            return
        await websocket.accept()
        token = websocket.cookies.get(cookie_name(websocket.url.scheme))
        client = await hub.admit(digest(token), line_of(websocket)) if token else (SIGNED_OUT, "not signed in")
        if not isinstance(client, Client):
            await _close(websocket, *client)
            return
        try:
            code, reason = await _serve(hub, websocket, client)
        finally:
            hub.dismiss(client)
        await _close(websocket, code, reason)

    return routes


async def _serve(hub: Hub, websocket: WebSocket, client: Client) -> tuple[int, str]:
    """Until one side ends it; the code and reason to close with."""
    tasks = [asyncio.create_task(_read(hub, websocket, client)), asyncio.create_task(client.follow())]
    watched: list[asyncio.Future[Any]] = [*tasks, client.ending]
    try:
        await asyncio.wait(watched, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if not task.cancelled() and (error := task.exception()) is not None:
            raise error
    return client.ending.result() if client.ending.done() else (1000, "")


async def _read(hub: Hub, websocket: WebSocket, client: Client) -> None:
    try:
        async with asyncio.timeout(HELLO_WITHIN_S) as patience:
            while True:
                message = _messages.validate_json(await _text(websocket))
                if isinstance(message, Hello):
                    patience.reschedule(None)
                await _answer(hub, client, message)
    except ValidationError:
        client.end(NOT_UNDERSTOOD, "a message that the protocol does not have")
    except TimeoutError:
        client.end(NOT_UNDERSTOOD, "no hello")
    except NO_DATABASE:
        client.end(TRY_AGAIN, "the database does not answer")
    except WebSocketDisconnect:
        client.end(1000, "")


async def _text(websocket: WebSocket) -> str:
    """Empty for a binary frame: no message of ours."""
    frame = await websocket.receive()
    if frame["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(frame["code"])
    text = frame.get("text")
    return text if isinstance(text, str) else ""


async def _answer(hub: Hub, client: Client, message: Hello | Seen | Proven | Ping) -> None:
    match message:
        case Hello():
            await hub.greet(client, message)
        case Seen():
            await hub.see(client, message)
        case Proven():
            await hub.prove(client, message)
        case Ping():
            hub.pong(client)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """A peer that does not read would keep us here; the system drops its connection after TCP_USER_TIMEOUT."""
    with suppress(TimeoutError, RuntimeError, WebSocketDisconnect):
        async with asyncio.timeout(CLOSE_WITHIN_S):
            await websocket.close(code, reason)
