"""Three nats-servers with the configuration that we ship for a cluster, each with a guard beside it."""

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from server.nkeys import AccountKey
from server.roles.broker import shipped_broker
from server.roles.guard import kept_in
from tests.integration.edge_trust_rig import listens
from tests.integration.guard_rig import Broker, guarding
from tests.integration.monitor_rig import await_true
from tests.integration.mosquitto_rig import SHIPPED
from tests.ports import free_ports

SERVERS = 3
KEY = AccountKey(bytes(range(32)))
TOGETHER = "[INF] JetStream cluster"  # and that it has a leader


@dataclass(kw_only=True)
class Node:
    home: Path
    nats: int
    mqtt: int
    routes: int
    guard: ExitStack = field(default_factory=ExitStack)
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        self.process = subprocess.Popen([shipped_broker(), "--config", self.home / "cluster.conf"])

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def broker(self) -> Broker:
        return Broker(port=self.mqtt, authority=(self.home / "authority.pem").read_text())

    def said(self) -> str:
        return (self.home / "nats.log").read_text(errors="replace")


@dataclass(kw_only=True)
class Cluster:
    nodes: Sequence[Node]

    @property
    def nats_url(self) -> str:
        return ",".join(f"tls://localhost:{node.nats}" for node in self.nodes)

    @property
    def mqtt_url(self) -> str:
        return ",".join(f"mqtts://localhost:{node.mqtt}" for node in self.nodes)


@contextmanager
def cluster(owner: str, home: Path) -> Iterator[Cluster]:
    """Somebody has to sign the certificates."""
    ports = iter(free_ports(3 * SERVERS))
    nodes = [
        Node(home=home / f"nats-{number}", nats=next(ports), mqtt=next(ports), routes=next(ports))
        for number in range(1, SERVERS + 1)
    ]
    with ExitStack() as stack:
        for node in nodes:
            stack.enter_context(node.guard)
            node.home.mkdir(parents=True)
            node.guard.enter_context(guarding(owner, f"tls://localhost:{node.nats}", node.home, KEY))
        for node in nodes:
            (node.home / "cluster.conf").write_text(_configuration(node, nodes))
            await_true(lambda node=node: kept_in(node.home) is not None)  # type: ignore[misc]
            node.start()
            stack.callback(_end, node)
        for node in nodes:
            await_true(lambda node=node: listens(node.mqtt))  # type: ignore[misc]
        yield Cluster(nodes=nodes)


def _configuration(node: Node, nodes: Sequence[Node]) -> str:
    text = (SHIPPED.parent / "nats" / "cluster.conf").read_text(encoding="utf-8")
    routes = [
        (f"nats-{number}.kommune.example:6222", f"localhost:{each.routes}") for number, each in enumerate(nodes, 1)
    ]
    for ours, here in (
        ("/var/lib/hjemvakt-guard", str(node.home)),
        ("/var/lib/nats", str(node.home / "store")),
        ("server_name: nats-1\n", f"server_name: {node.home.name}\n"),
        ("0.0.0.0:4222\n", f"127.0.0.1:{node.nats}\n"),
        ("0.0.0.0:6222\n", f"127.0.0.1:{node.routes}\n"),
        ("0.0.0.0:8883\n", f"127.0.0.1:{node.mqtt}\n"),
        *routes,
    ):
        assert ours in text, ours
        text = text.replace(ours, here)
    return f"{text}log_file: {node.home / 'nats.log'}\n"


def _end(node: Node) -> None:
    assert node.process is not None
    node.process.terminate()
    node.process.wait(30)
