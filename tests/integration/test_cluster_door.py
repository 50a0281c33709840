"""Three servers have one door: who is let in at one is known to all, and who is revoked is out wherever it is."""

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nats
import pytest
from nats.errors import Error as NatsError

from server.doors.nats_settings import CERTIFICATE
from server.own_certificate import Held, showing
from server.pki import CERTIFICATE_LASTS
from server.store import signals
from tests.integration.cluster_rig import Cluster, Node, cluster
from tests.integration.guard_rig import Shown, enrolled, ours, revoke, signed_by, topic
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration
A, B = "gw-anna", "gw-arne"
LIMIT_S = 30.0
READ_AGAIN = "Reloaded server configuration"


@pytest.fixture
def three(town: Any, signer: None, own_place: Path, free_port: int) -> Iterator[Cluster]:
    with cluster(town.owner, own_place / "cluster") as it:
        yield it


def shows(node: Node, shown: Shown) -> ssl.SSLContext:
    return showing(Held(certificate=shown.pem, key=shown.key, authority=node.broker().authority))


def comes_in(node: Node, shown: Shown, name: str) -> bool:
    """As a gateway tries until the server has found the others."""
    with node.broker().client(shown, name) as gateway:
        await_true(lambda: gateway.accepted.is_set() or gateway.over.is_set())
        return gateway.accepted.is_set()


async def may(node: Node, shown: Shown, subject: str) -> bool:
    """Whether somebody with this certificate comes in without MQTT, and may listen there."""
    refused: list[Exception] = []

    async def hear(error: Exception) -> None:
        refused.append(error)

    try:
        line = await nats.connect(
            f"tls://localhost:{node.nats}",
            tls=shows(node, shown),
            tls_handshake_first=True,
            allow_reconnect=False,
            error_cb=hear,
        )
    except (NatsError, OSError):
        return False
    await line.subscribe(subject)
    for _ in range(2):  # nats-py may ask before it has sent what it was told to subscribe to; not so the second time
        await line.flush()
    await line.close()
    return not refused


def renews_its_certificates(town: Any, three: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """The guards' clock is two months ahead until each has another one, and each server has read its own."""
    read = [node.said().count(READ_AGAIN) for node in three.nodes]
    files = {node.home / CERTIFICATE: (node.home / CERTIFICATE).read_text() for node in three.nodes}

    def now() -> datetime:
        old = any(file.read_text() == before for file, before in files.items())
        return datetime.now(UTC) + (CERTIFICATE_LASTS * 3 / 4 if old else timedelta())

    monkeypatch.setattr("server.roles.guard._now", now)
    town.sql("select pg_notify(%s, '')", signals.Channel.TRUST)
    await_true(
        lambda: all(node.said().count(READ_AGAIN) > times for node, times in zip(three.nodes, read, strict=True))
    )


async def test_it_lets_in_and_shows_out_at_every_server(
    town: Any, three: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The guard beside the revoked one's server is away: those of the others do it. Gateways listen with QoS 0: with
    QoS 1 it takes three servers to say yes, which they may not while they read their settings."""
    first, second, third = three.nodes
    anna, arne = enrolled(town, A), enrolled(town, B)
    await_true(lambda: comes_in(third, arne, B))
    with second.broker().client(anna, A) as stolen, first.broker().client(arne, B) as other:
        stolen.comes_in()
        assert other.comes_in().listens(topic(B, "down/receipt"), topic(A, "down/receipt"), qos=0) == [True, False]
        renews_its_certificates(town, three, monkeypatch)
        assert stolen.listens(topic(A, "down/config"), qos=0) == [True]
        assert other.listens(topic(B, "down/config"), qos=0) == [True]
        assert not (stolen.over.is_set() or other.over.is_set()), "whoever is in stays in"
        second.guard.close()
        revoke(town, A)
        assert stolen.over.wait(30)
        assert not other.over.is_set()
    for node in three.nodes:  # any of the guards may be asked, and one of them may still be renewing its certificate
        await_true(lambda node=node: not comes_in(node, anna, A))  # type: ignore[misc]

    monitor = signed_by(ours(town.owner), "hv_monitor_alarm")
    assert await may(first, monitor, "_INBOX.monitor.x")
    assert not await may(first, monitor, topic(B, "up/alarm").replace("/", ".")), "only what it pulled"
    assert not await may(first, arne, "_INBOX.monitor.x"), "gateways come by MQTT alone"
    assert is_a_server(first, signed_by(ours(town.owner), "hv_broker"))
    assert not is_a_server(first, arne), "nor is one a server of the cluster"
    assert not is_a_server(first, monitor)


def is_a_server(node: Node, shown: Shown) -> bool:
    """Whether the others take somebody with this certificate for one of them: they answer its PING."""
    hello = {"verbose": False, "pedantic": False, "name": "stranger", "server_id": "NX", "cluster": "hjemvakt"}
    answer = b""
    with (
        contextlib.suppress(OSError),
        socket.create_connection(("127.0.0.1", node.routes), timeout=LIMIT_S) as line,
        shows(node, shown).wrap_socket(line, server_hostname="localhost") as tls,
    ):
        tls.sendall(b"CONNECT " + json.dumps(hello).encode() + b"\r\nPING\r\n")
        while b"PONG" not in answer:
            answer += _more(tls)
    return b"PONG" in answer


def _more(line: socket.socket) -> bytes:
    more = line.recv(4096)
    if not more:
        raise ConnectionError("the other side has ended it")
    return more
