"""Ports of this machine: those that nobody listens on, and whether somebody does."""

import socket
from contextlib import ExitStack


def free_ports(count: int) -> list[int]:
    """All different, for they are held together until the last is found."""
    with ExitStack() as held:
        return [held.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
