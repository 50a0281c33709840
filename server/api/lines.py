"""A WebSocket to which what is the same for everybody is written as bytes that were made once.

By ASGI each message goes through a task of each socket, is encoded and framed again, and a thousand screens are a
thousand switches of task before the last one has it. Here whoever has something to tell writes it to all of them in one
go, as far as each takes it at once; ASGI is still how a socket opens, is read and closes.
"""

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final, cast

from starlette.websockets import WebSocket
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Request

LINE: Final = "hjemvakt.line"
FRAMES_KEPT: Final = 256
SWITCHING_PROTOCOLS: Final = 101


@lru_cache(FRAMES_KEPT)
def frame_of(text: str) -> bytes:
    """RFC 6455, 5.2: from the server, so without a mask; our sockets know no extensions."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


class Line(WebSocketsSansIOProtocol):
    def handle_connect(self, event: Request) -> None:
        super().handle_connect(event)
        if self.response.status_code == SWITCHING_PROTOCOLS:
            extensions = cast("dict[str, Any]", self.scope["extensions"])
            extensions[LINE] = self

    @property
    def is_open(self) -> bool:
        return self.handshake_complete and not (self.close_sent or self.disconnected or self.transport.is_closing())

    @property
    def has_room(self) -> bool:
        """The peer takes what it is sent: the transport holds less than its high-water mark."""
        return self.writable.is_set() and self.is_open

    async def room(self) -> None:
        """Until there is room again, or nobody to send to."""
        await self.writable.wait()

    def write(self, texts: Iterable[str]) -> None:
        """Only while it `has_room`. What is longer than the transport's mark is what its caller let wait: bounded."""
        self.transport.write(b"".join(map(frame_of, texts)))


def line_of(websocket: WebSocket) -> Line:
    line: Line = websocket.scope["extensions"][LINE]
    return line
