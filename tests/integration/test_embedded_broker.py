import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.child import EmbeddedServiceError, processes_in, wait_until
from server.roles.broker import HOST, MQTT_PORT, NATS_PORT, EmbeddedBroker
from tests.integration.mqtt_rig import LIMIT_S, Client

pytestmark = pytest.mark.integration

REPOSITORY = Path(__file__).parents[2]
LOOPBACK_HEX = "0100007F"
LISTENING = "0A"


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "megler på øya"


@pytest.fixture
def ownbroker(place: Path) -> Iterator[EmbeddedBroker]:
    server = EmbeddedBroker(place, port=_free_port(), nats_port=_free_port())
    server.start()
    yield server
    server.stop()


def kill(server: EmbeddedBroker) -> None:
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    assert wait_until(lambda: not server.is_alive(), limit_s=LIMIT_S)


def test_a_watcher_of_everything_sees_what_a_gateway_publishes(ownbroker: EmbeddedBroker) -> None:
    watcher = Client(ownbroker.port, "watcher", subscribe_to="hv/#")
    gateway = Client(ownbroker.port, "gw1")
    gateway.publish("hv/1/3/gw1/up/obs", b'{"v":1}')
    assert watcher.take() == b'{"v":1}'
    watcher.close()
    gateway.close()


def test_a_nats_client_sees_the_same_message(ownbroker: EmbeddedBroker) -> None:
    with socket.create_connection((HOST, ownbroker.nats_port), timeout=LIMIT_S) as raw, raw.makefile("rwb") as wire:
        wire.write(b'CONNECT {"verbose":false}\r\nSUB hv.> 1\r\nPING\r\n')
        wire.flush()
        assert wire.readline().startswith(b"INFO")
        assert wire.readline() == b"PONG\r\n"
        gateway = Client(ownbroker.port, "gw1")
        gateway.publish("hv/1/3/gw1/up/obs", b"payload")
        gateway.close()
        assert wire.readline().split()[:2] == [b"MSG", b"hv.1.3.gw1.up.obs"]
        assert wire.readline() == b"payload\r\n"


def test_acknowledged_messages_and_retained_ones_survive_a_killed_broker(ownbroker: EmbeddedBroker) -> None:
    Client(ownbroker.port, "keeper", clean=False, subscribe_to="hv/#").close()
    gateway = Client(ownbroker.port, "gw1")
    for number in range(20):
        gateway.publish("hv/1/3/gw1/up/obs", b"%d" % number)
    gateway.publish("hv/1/3/gw1/up/status", b"online", retain=True)
    kill(ownbroker)
    gateway.close()
    ownbroker.start()
    late = Client(ownbroker.port, "late", subscribe_to="hv/1/3/gw1/up/status")
    assert late.take() == b"online"
    late.close()
    keeper = Client(ownbroker.port, "keeper", clean=False, subscribe_to="hv/#")
    assert {bytes(b"%d" % number) for number in range(20)} <= {keeper.take() for _ in range(21)}
    keeper.close()


def test_it_listens_on_loopback_only(ownbroker: EmbeddedBroker) -> None:
    wanted = {f"{ownbroker.port:04X}", f"{ownbroker.nats_port:04X}"}
    sockets = Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text()
    fields = [line.split() for line in sockets.splitlines() if line.split()[3] == LISTENING]
    listening = [line[1].split(":") for line in fields if line[1].split(":")[1] in wanted]
    assert {port for _, port in listening} == wanted
    assert {address for address, _ in listening} == {LOOPBACK_HEX}


def test_ports_that_were_chosen_are_kept_even_when_the_usual_ones_become_free(place: Path) -> None:
    first = EmbeddedBroker(place)
    with contextlib.ExitStack() as taken:
        for usual in (MQTT_PORT, NATS_PORT):
            with contextlib.suppress(OSError):
                taken.enter_context(socket.create_server((HOST, usual)))
        first.start()
    ports = (first.port, first.nats_port)
    assert {MQTT_PORT, NATS_PORT}.isdisjoint(ports)
    first.stop()
    second = EmbeddedBroker(place)
    second.start()
    assert (second.port, second.nats_port) == ports
    second.restart()
    assert (second.port, second.nats_port) == ports
    second.stop()


def test_a_usual_port_that_is_taken_is_avoided(place: Path) -> None:
    first = EmbeddedBroker(place / "first")
    second = EmbeddedBroker(place / "second")
    first.start()
    second.start()
    assert {first.port, first.nats_port}.isdisjoint({second.port, second.nats_port})
    first.stop()
    second.stop()


def test_a_kept_port_that_somebody_took_meanwhile_is_replaced(place: Path) -> None:
    server = EmbeddedBroker(place)
    server.start()
    port = server.port
    server.stop()
    with socket.create_server((HOST, port)):
        server.start()
        assert server.port != port
        server.stop()


@pytest.mark.parametrize(("key", "variable"), [("port", "HJEMVAKT_MQTT_PORT"), ("nats_port", "HJEMVAKT_NATS_PORT")])
def test_an_asked_for_port_that_is_taken_is_a_sentence(place: Path, key: str, variable: str) -> None:
    with socket.create_server((HOST, 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(EmbeddedServiceError, match=f"Port {taken} is taken.*{variable}"):
            EmbeddedBroker(place, **{key: taken}).start()


def test_the_two_listeners_never_get_one_port(place: Path) -> None:
    with socket.create_server((HOST, 0)) as probe:
        asked = probe.getsockname()[1]
    place.mkdir()
    (place / "ports.json").write_text(json.dumps({"mqtt": asked, "nats": asked}))
    for ports in ({}, {"port": asked}, {"nats_port": asked}):
        server = EmbeddedBroker(place, **ports)
        server.start()
        try:
            assert server.port != server.nats_port
            assert asked in (server.port, server.nats_port)
        finally:
            server.stop()


def test_a_second_supervisor_of_the_same_directory_is_refused(ownbroker: EmbeddedBroker, place: Path) -> None:
    with pytest.raises(EmbeddedServiceError, match="already run by another process"):
        EmbeddedBroker(place).start()
    assert ownbroker.is_alive()


def test_a_file_where_the_directory_should_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("somebody's")
    with pytest.raises(EmbeddedServiceError, match="Cannot make the data directory"):
        EmbeddedBroker(tmp_path / "file" / "broker").start()


def test_a_damaged_store_is_set_aside_and_the_broker_comes_up(ownbroker: EmbeddedBroker, place: Path) -> None:
    gateway = Client(ownbroker.port, "gw1")
    gateway.publish("hv/1/3/gw1/up/status", b"online", retain=True)
    gateway.close()
    ownbroker.stop()
    (place / "jetstream").rename(place / "elsewhere")
    (place / "jetstream").write_bytes(b"a file where a directory was")
    ownbroker.start()
    assert ownbroker.set_aside is not None and ownbroker.set_aside.exists()
    gateway = Client(ownbroker.port, "gw1")
    gateway.publish("hv/1/3/gw1/up/status", b"again")
    gateway.close()
    ownbroker.restart()
    assert ownbroker.set_aside is None


@pytest.mark.parametrize("what", ["*.blk", "meta.inf", "meta.sum", "o.dat"])
def test_files_torn_by_a_power_cut_do_not_keep_the_broker_from_starting(
    ownbroker: EmbeddedBroker, place: Path, what: str
) -> None:
    Client(ownbroker.port, "keeper", clean=False, subscribe_to="hv/#").close()
    gateway = Client(ownbroker.port, "gw1")
    for number in range(50):
        gateway.publish("hv/1/3/gw1/up/obs", b"%d" % number)
    kill(ownbroker)
    gateway.close()
    torn = list((place / "jetstream").rglob(what))
    assert torn
    for path in torn:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    ownbroker.start()
    watcher = Client(ownbroker.port, "watcher", subscribe_to="hv/#")
    gateway = Client(ownbroker.port, "gw1")
    gateway.publish("hv/1/3/gw1/up/obs", b"after")
    assert watcher.take() == b"after"
    watcher.close()
    gateway.close()


def test_it_ends_when_its_supervisor_is_killed_and_the_next_supervisor_takes_over(place: Path) -> None:
    program = """
import sys
from pathlib import Path
from server.roles.broker import EmbeddedBroker
server = EmbeddedBroker(Path(sys.argv[1]))
server.start()
print(server.port, flush=True)
sys.stdin.read()
"""
    with subprocess.Popen(
        [sys.executable, "-c", program, str(place)],
        cwd=REPOSITORY,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as supervisor:
        assert supervisor.stdout is not None
        port = int(supervisor.stdout.readline())
        supervisor.kill()
    server = EmbeddedBroker(place)
    server.start()
    assert server.port == port
    assert processes_in(place.resolve(), "nats-server") == [server.pid]
    server.stop()
    assert processes_in(place.resolve(), "nats-server") == []


def _free_port() -> int:
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])
