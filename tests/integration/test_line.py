"""What came is read at once and what is said leaves at once, and nothing is lost or mixed on the way."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.line import UNSENT_MAX, Line
from tests.integration.edge_trust_rig import Authority

pytestmark = pytest.mark.integration
LONG_S = 30.0


@pytest.fixture
def ends() -> Iterator[tuple[Line, socket.socket]]:
    """Over TCP: Nagle's algorithm is switched off there."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        near = socket.create_connection(listening.getsockname())
        far, _ = listening.accept()
    line = Line(near)
    line.setblocking(False)
    with far:
        yield line, far
        line.close()


def test_what_came_is_there_in_any_portions_and_then_there_is_nothing_yet(ends: tuple[Line, socket.socket]) -> None:
    line, far = ends
    far.sendall(b"\x30\x04abcd\x40")
    line.wait(LONG_S)
    assert not line.has_heard
    line.hear()
    far.close()  # nothing more is asked of the socket for what is here already
    assert [line.recv(1), line.recv(1), line.recv(4), line.recv(100)] == [b"\x30", b"\x04", b"abcd", b"\x40"]
    with pytest.raises(BlockingIOError):
        line.recv(1)


def test_the_end_of_a_connection_is_an_empty_read_as_of_a_socket(ends: tuple[Line, socket.socket]) -> None:
    line, far = ends
    far.close()
    line.wait(LONG_S)
    line.hear()
    assert line.has_heard
    assert line.recv(1) == b""


def test_a_connection_that_was_reset_is_over_too(ends: tuple[Line, socket.socket]) -> None:
    line, far = ends
    far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")  # socket(7): a reset when it is closed
    far.close()
    line.wait(LONG_S)
    line.hear()
    assert (line.has_heard, line.recv(1)) == (True, b"")


def test_what_is_said_leaves_in_its_order_when_it_is_flushed(ends: tuple[Line, socket.socket]) -> None:
    line, far = ends
    assert [line.send(b"one "), line.send(bytearray(b"two"))] == [4, 3]
    assert select.select([far], [], [], 0) == ([], [], [])
    line.flush()
    assert far.recv(100) == b"one two"


def test_a_side_that_does_not_read_fills_the_line_and_nothing_of_it_is_lost(ends: tuple[Line, socket.socket]) -> None:
    line, far = ends
    said = bytearray()
    piece = bytes(range(256)) * 256
    while not line.is_full:
        said += piece[: line.send(piece)]
        line.flush()
    with pytest.raises(BlockingIOError):
        line.send(b"more")
    heard = bytearray()
    while len(heard) < len(said):
        heard += far.recv(UNSENT_MAX)
        line.flush()
    assert heard == said
    assert not line.is_full


def test_whoever_waits_is_woken_by_another_thread_and_waits_again_afterwards(ends: tuple[Line, socket.socket]) -> None:
    line, _ = ends
    for _ in range(100_000):  # more than fits: to wake never waits
        line.wake()
    line.wait(LONG_S)
    line.wake()
    line.wait(LONG_S)
    line.hear()
    assert not line.has_heard
    line.close()
    line.wake()


def test_tls_hands_over_all_of_its_records_and_takes_what_is_said(tmp_path: Path) -> None:
    """A record holds 16 KiB (RFC 8446, 5.1), whatever the socket below has brought."""
    authority = Authority.made(tmp_path / "authority")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(authority.server())
    said = bytes(range(256)) * 1000
    answered: list[bytes] = []

    def serve() -> None:
        client, _ = listening.accept()
        with server.wrap_socket(client, server_side=True) as far:
            far.sendall(said)
            answered.append(far.recv(100))

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        near = socket.create_connection(listening.getsockname())
        trusting = ssl.create_default_context(cadata=authority.pem)
        line = Line(trusting.wrap_socket(near, server_hostname="127.0.0.1"))
        line.setblocking(False)
        heard = b""
        while len(heard) < len(said):
            line.wait(LONG_S)
            line.hear()
            while line.has_heard:
                heard += line.recv(1000)
        line.send(b"thanks")
        line.flush()
        thread.join(LONG_S)
        line.close()
    assert heard == said
    assert answered == [b"thanks"]
