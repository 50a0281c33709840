"""A broker that could not write once takes nothing more, though it is alive: who keeps it running starts it again."""

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from server import broker_health
from server.child.keep import Keeper
from server.roles.broker import EmbeddedBroker
from tests.integration.monitor_rig import LIMIT_S, await_true
from tests.integration.mqtt_rig import Client

pytestmark = pytest.mark.integration

MUCH = bytes(1 << 19)  # half of what one message may be
MESSAGES = "$G/streams/$MQTT_msgs/msgs"


@pytest.fixture
def broker(own_place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedBroker]:
    monkeypatch.setattr(broker_health, "LOOK_S", 0.05)
    server = EmbeddedBroker(own_place / "broker")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def waiting(broker: EmbeddedBroker) -> None:
    """Somebody for whom messages have to be kept."""
    Client(broker.port, "monitor", clean=False, subscribe_to="hv/#").close()


def is_stored(broker: EmbeddedBroker, within_s: float) -> bool:
    """What a gateway says; as it does, by a line of its own and until it hears that it is."""
    try:
        with contextlib.closing(Client(broker.port, "gw-1", limit_s=within_s)) as gateway:
            gateway.publish("hv/1/3/gw-1/up/obs", MUCH)
    except OSError:  # between two brokers there is none
        return False
    return True


def cannot_write(broker: EmbeddedBroker, home: Path) -> None:
    """The place where it begins its next file is gone."""
    (home / "broker" / "jetstream" / MESSAGES).rename(home / "elsewhere")
    for _ in range(100):
        if not is_stored(broker, 2.0):
            return
    raise AssertionError("it writes on")


def makes_room(home: Path) -> None:
    (home / "elsewhere").rename(home / "broker" / "jetstream" / MESSAGES)


def test_a_broker_that_is_well_is_left_alone(broker: EmbeddedBroker) -> None:
    pid = broker.pid
    assert pid is not None
    assert [broker.trouble() for _ in range(20)] == [""] * 20
    assert broker_health.says_ill(Path("/nowhere"), pid) is False


@pytest.mark.usefixtures("waiting")
def test_a_broker_that_cannot_write_any_more_is_started_again_when_there_is_room_and_takes_what_is_said(
    broker: EmbeddedBroker, own_place: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    first, usual = broker.pid, broker_health.ROOM_BYTES
    assert is_stored(broker, LIMIT_S)
    with caplog.at_level(logging.ERROR):
        monkeypatch.setattr(broker_health, "ROOM_BYTES", 1 << 62)  # no disk has as much
        keeper = Keeper("broker", broker, on_restart=lambda: None)
        keeper.start()
        try:
            cannot_write(broker, own_place)
            await_true(lambda: "make room on the disk" in caplog.text)
            makes_room(own_place)
            assert not is_stored(broker, 1.0), "a nats-server that mends itself needs none of this"
            assert (broker.pid, caplog.text.count("make room")) == (first, 1)
            monkeypatch.setattr(broker_health, "ROOM_BYTES", usual)
            await_true(lambda: broker.pid not in (None, first) and is_stored(broker, 5.0))
        finally:
            keeper.stop()


def test_what_a_killed_broker_left_of_its_ports_is_cleared_away(broker: EmbeddedBroker, own_place: Path) -> None:
    left = own_place / "broker" / broker_health.PORTS_FILE.format(pid=1)
    left.write_text("{}")
    broker.restart()
    its_own = broker_health.PORTS_FILE.format(pid=broker.pid)
    await_true(lambda: [each.name for each in (own_place / "broker").glob("*.ports")] == [its_own])
