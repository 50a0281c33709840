"""The least that a client of MQTT 3.1.1 says: CONNECT with a clean session and no will, and DISCONNECT."""

import socket
from typing import Final

ACCEPTED: Final = b"\x20\x02\x00\x00"
NOT_AUTHORISED: Final = b"\x20\x02\x00\x05"
DISCONNECT: Final = b"\xe0\x00"


def connect(client_id: str) -> bytes:
    name = client_id.encode()
    content = b"\x00\x04MQTT\x04\x02\x00\x0a" + len(name).to_bytes(2, "big") + name
    assert len(content) < 128, "one byte of length"
    return b"\x10" + bytes((len(content),)) + content


def greet(line: socket.socket, client_id: str) -> bytes:
    """The broker's CONNACK; after it the session is over."""
    line.sendall(connect(client_id))
    answer = b""
    while len(answer) < len(ACCEPTED) and (more := line.recv(len(ACCEPTED) - len(answer))):
        answer += more
    if answer == ACCEPTED:
        line.sendall(DISCONNECT)
    return answer
