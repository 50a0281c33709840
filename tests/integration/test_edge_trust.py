"""MQTT with certificates on both sides: paho against a real TLS broker, all certificates made by `openssl`."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from devices.wire import codec
from devices.wire.messages import LinkState
from devices.wire.topics import Channel
from edge.config import Broker
from edge.core import health
from edge.identity import Identity, showing
from edge.uplink import Caller, LineDown, LineEvent, LineUp, MqttUplink
from tests.integration.edge_trust_rig import BUCKET, DAY, GATEWAY, NOW, Authority, tls_broker

pytestmark = pytest.mark.integration

ME = health.Self(gateway=GATEWAY, outbox="0" * 16, run="0" * 16, version="test", every_s=30)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path / "authority")


@pytest.fixture
def stranger(tmp_path: Path) -> Authority:
    return Authority.made(tmp_path / "stranger")


class Line:
    def __init__(self, identity: Identity, port: int, *, checks_time: bool, host: str) -> None:
        self.heard: list[LineEvent] = []
        self._changed = asyncio.Event()

        def caller() -> Caller:
            will = codec.encode(health.last_will(ME))
            tls = showing(identity, checks_time=checks_time)
            return Caller(gateway=GATEWAY, bucket=BUCKET, client_id=GATEWAY, last_will=will, tls=tls)

        self.uplink = MqttUplink(Broker(host=host, port=port, tls=True), caller, self._hear)

    def _hear(self, event: LineEvent) -> None:
        self.heard.append(event)
        self._changed.set()

    async def first(self) -> LineEvent:
        async with asyncio.timeout(60):
            while not self.heard:
                self._changed.clear()
                await self._changed.wait()
        return self.heard[0]


@asynccontextmanager
async def line(
    identity: Identity, port: int, *, checks_time: bool = True, host: str = "127.0.0.1"
) -> AsyncIterator[Line]:
    found = Line(identity, port, checks_time=checks_time, host=host)
    running = asyncio.create_task(found.uplink.run())
    try:
        yield found
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def refusal(identity: Identity, port: int, **how: object) -> LineDown:
    async with line(identity, port, **how) as found:  # type: ignore[arg-type]
        event = await found.first()
    assert isinstance(event, LineDown), event
    return event


async def test_a_gateway_with_a_certificate_has_a_line(own_place: Path, free_port: int, authority: Authority) -> None:
    with tls_broker(own_place / "nats", free_port, authority.server(), authority.home / "ca.pem"):
        async with line(authority.identity(), free_port) as found:
            assert await found.first() == LineUp()
            status = health.status(
                ME, LinkState.ONLINE, at=NOW, waiting={}, set_aside=0, devices=[], troubles=[], hello=True
            )
            assert found.uplink.publish(Channel.STATUS, codec.encode(status))


async def test_what_the_broker_does_not_take_is_called_a_refusal(
    own_place: Path, free_port: int, authority: Authority, stranger: Authority
) -> None:
    expired = authority.identity(begins=NOW - 91 * DAY, ends=NOW - DAY)
    unknown = stranger.identity(trusts=authority)
    with tls_broker(own_place / "nats", free_port, authority.server(), authority.home / "ca.pem"):
        down = await refusal(expired, free_port)
        assert (down.is_refusal, down.was_up) == (True, False)
        assert down.why == "the broker does not take our certificate: certificate expired"
        down = await refusal(unknown, free_port)
        assert down.is_refusal
        assert down.why.startswith("the broker does not take our certificate: ")


async def test_a_broker_that_our_authority_does_not_vouch_for_hears_nothing_of_us(
    own_place: Path, free_port: int, authority: Authority, stranger: Authority
) -> None:
    with tls_broker(own_place / "nats", free_port, stranger.server(), authority.home / "ca.pem"):
        down = await refusal(authority.identity(), free_port)
        assert "certificate verify failed" in down.why
        assert not down.is_refusal  # it is for us to refuse


async def test_a_broker_with_a_certificate_for_another_name_is_refused(
    own_place: Path, free_port: int, authority: Authority
) -> None:
    certificate = authority.server(names="DNS:broker.example.org")
    with tls_broker(own_place / "nats", free_port, certificate, authority.home / "ca.pem"):
        assert "certificate verify failed" in (await refusal(authority.identity(), free_port)).why


async def test_a_clock_that_nobody_has_set_does_not_shut_the_gateway_out(
    own_place: Path, free_port: int, authority: Authority
) -> None:
    """By such a clock every certificate may have ended, or not begun."""
    ended = authority.server(begins=NOW - 9 * DAY, ends=NOW - DAY)
    with tls_broker(own_place / "nats", free_port, ended, authority.home / "ca.pem"):
        assert "certificate verify failed" in (await refusal(authority.identity(), free_port)).why
        async with line(authority.identity(), free_port, checks_time=False) as found:
            assert await found.first() == LineUp()


async def test_whose_broker_it_is_matters_without_a_clock_too(
    own_place: Path, free_port: int, authority: Authority, stranger: Authority
) -> None:
    with tls_broker(own_place / "nats", free_port, stranger.server(), authority.home / "ca.pem"):
        down = await refusal(authority.identity(), free_port, checks_time=False)
        assert "certificate verify failed" in down.why
