"""A broker that is not ours says no: the smallest one that can, byte by byte from MQTT 3.1.1."""

import socket
import threading
from collections.abc import Iterator

import pytest

from devices.wire.topics import Channel
from server.inlet import BrokerAddress, Session
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
