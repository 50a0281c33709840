"""A broker that is not ours says no: the smallest one that can, byte by byte from MQTT 3.1.1."""

import gc
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from devices.wire.topics import Channel
from server.inlet import BrokerAddress, Session
from tests.integration.edge_trust_rig import Authority
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration

CONNACK = b"\x20\x02\x00\x00"  # 3.2: accepted
SUBSCRIBE = 0x82  # 3.8.1
REFUSED, GRANTED = b"\x80", b"\x01"  # 3.9.3: failure, QoS 1


class Broker:
    """Refuses the first subscription and grants the second."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.answers = [REFUSED, GRANTED]
        self.thread = threading.Thread(target=self._serve)
        self.thread.start()

    def _serve(self) -> None:
        for answer in self.answers:
            try:
                client, _ = self.listening.accept()
            except OSError:
                return
            with client:
                self._converse(client, answer)

    def _converse(self, client: socket.socket, answer: bytes) -> None:
        client.recv(1024)
        client.sendall(CONNACK)
        while said := client.recv(1024):
            if said[0] == SUBSCRIBE:
                client.sendall(b"\x90\x03" + said[2:4] + answer)


@pytest.fixture
def broker() -> Iterator[Broker]:
    it = Broker()
    yield it
    it.listening.shutdown(socket.SHUT_RDWR)
    it.listening.close()
    it.thread.join(30)
    assert not it.thread.is_alive()


def test_a_subscription_that_was_refused_is_tried_again(broker: Broker) -> None:
    """Rights on a broker come late or are mended; a monitor that waits for ever would never hear of it."""
    host, port = broker.listening.getsockname()
    address = BrokerAddress(host=host, port=port, tls=False, user=None, password=None)
    session = Session(address, client_id="test", channels=[Channel.OBS], take=lambda _: None)
    session.start()
    try:
        await_true(lambda: session.hears)
    finally:
        session.stop()


def test_a_broker_that_somebody_else_vouches_for_is_left_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """With no connection left open: a socket that is forgotten is a warning, and a warning is red."""
    ours, stranger = Authority.made(tmp_path / "ours"), Authority.made(tmp_path / "stranger")
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shows.load_cert_chain(stranger.server())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        host, port = listening.getsockname()
        address = BrokerAddress(host=host, port=port, tls=True, user=None, password=None)
        session = Session(
            address,
            client_id="test",
            channels=[Channel.OBS],
            take=lambda _: None,
            tls=lambda: ssl.create_default_context(cadata=ours.pem),
        )
        session.start()
        try:
            line, _ = listening.accept()
            with suppress(ssl.SSLError), shows.wrap_socket(line, server_side=True) as refused:
                assert refused.recv(1) == b""
            await_true(lambda: "CERTIFICATE_VERIFY_FAILED" in caplog.text)
        finally:
            session.stop()
    gc.collect()
    assert not session.hears
