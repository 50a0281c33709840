"""What one would write in an afternoon: a FastAPI socket that sends each alert to everybody in a loop.

No database, no sessions, no resume, no queue: a screen that stalls stops all of them. For comparison only."""

import socket
import sys

import uvicorn
from fastapi import FastAPI, Request, WebSocket, WebSocketDisconnect

app = FastAPI()
screens: set[WebSocket] = set()


@app.websocket("/live")
async def live(websocket: WebSocket) -> None:
    await websocket.accept()
    screens.add(websocket)
    try:
        while True:
            await websocket.receive_text()
    except WebSocketDisconnect:
        screens.discard(websocket)


@app.post("/alerts")
async def alert(request: Request) -> int:
    text = (await request.body()).decode()
    for screen in list(screens):
        await screen.send_text(text)
    return len(screens)


if __name__ == "__main__":
    settings = uvicorn.Config(app, log_level="warning", ws_per_message_deflate=False)
    uvicorn.Server(settings).run(sockets=[socket.socket(fileno=int(sys.argv[1]))])
