"""`hjemvakt serve`: the whole installation on one machine, as one tree of processes.

PostgreSQL and the broker are embedded unless they are configured; monitor, clock and api are children. Whatever dies is
started again; all of it ends with this process.
"""

import contextlib
import http
import http.client
import json
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import psycopg

import server
from server.child import DirectoryLock
from server.child.keep import Keeper, Program, Role
from server.config import DEFAULT_HTTP_PORT, OIDC, PREFIX, RUNNING, WAYS, Config
from server.errors import ConfigError
from server.files import write_whole
from server.nkeys import SEED_BYTES, AccountKey
from server.roles.broker import EmbeddedBroker, Guarded
from server.roles.guard import kept_in
from server.store import pool, rolelife, sealing
from server.store.embedded import EmbeddedPostgres
from server.store.migrate import migrate

READY_LIMIT_S: Final = 60.0
LOOK_S: Final = 0.05
DATABASE_RETRY_S: Final = 2.0
ROLES: Final = ("clock", "monitor", "api")
GUARD_KEY: Final = "guard.key"

log = logging.getLogger(__name__)


class Installation:
    def __init__(self, config: Config, *, ready_file: Path | None) -> None:
        self._config = config
        self._data = config.data.absolute()
        self._ready_files = [self._data / RUNNING, *([ready_file] if ready_file is not None else [])]
        self._keepers: list[Keeper] = []
        self._stopping = threading.Event()
        self._writing = threading.Lock()
        self._postgres: EmbeddedPostgres | None = None
        self._broker: EmbeddedBroker | None = None
        self._listening: socket.socket | None = None
        self._is_ready = False

    def run(self) -> None:
        """Until SIGINT or SIGTERM."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stopping.set())
        make_data_directory(self._data)
        lock = DirectoryLock(self._data / "lock")
        lock.take(what="Hjemvakt")
        try:
            sealing.read_or_make(self._config.key_file().absolute())
            self._start()
            self._stopping.wait()
        finally:
            self._stop()
            lock.release()

    def _start(self) -> None:
        self._listening = open_http(self._config)
        if self._config.database_url is None:
            self._postgres = EmbeddedPostgres(self._data / "postgres")
            self._keep("postgres", self._postgres)
        self._migrate()
        if self._stopping.is_set():
            return
        began = datetime.now(UTC)
        self._keep("clock", self._role("clock"))
        if self._config.mqtt_url is None:
            self._start_broker()
        for role in ROLES:
            if not self._stopping.is_set() and role != "clock":
                self._keep(role, self._role(role))
        if self._comes_up(began):
            self._is_ready = True
            self._write_ready()
            gateways = f"; gateways connect to {self._gateway_mqtt_url()}" if self._broker else ""
            print(f"Hjemvakt is at {self._http_url()}{gateways}", flush=True)

    def _start_broker(self) -> None:
        """Guarded, it needs a certificate first: the clock signs it, the guard keeps it."""
        home, config = self._data / "broker", self._config
        guarded = None if config.mqtt_plain else self._guarded(home)
        self._broker = EmbeddedBroker(home, port=config.mqtt_port, nats_port=config.nats_port, guarded=guarded)
        if guarded is not None:
            self._broker.choose_ports()
            self._keep("guard", self._role("guard"))
            attempt = 0
            while kept_in(guarded.directory) is None and not self._stopping.wait(LOOK_S):
                attempt += 1
                if attempt * LOOK_S > READY_LIMIT_S:
                    log.error("the broker has no certificate yet; what the clock and the guard say stands above")
                    attempt = 0
        if not self._stopping.is_set():
            self._keep("broker", self._broker)

    def _guarded(self, home: Path) -> Guarded:
        directory = home / "door"
        for each in (home, directory):
            each.mkdir(mode=0o700, exist_ok=True)
        return Guarded(directory=directory, host=self._config.mqtt_host, key=read_or_make_key(home / GUARD_KEY))

    def _keep(self, name: str, program: Program) -> None:
        keeper = Keeper(name, program, on_restart=self._write_ready)
        self._keepers.append(keeper)
        keeper.start()

    def _role(self, role: str) -> Role:
        command = [sys.executable, "-P", "-m", "server", role]
        if role != "api":
            return Role(command, directory=self._data, environment=partial(self._environment, role))
        assert self._listening is not None
        handle = self._listening.fileno()
        command += ["--listening", str(handle)]
        environment = partial(self._environment, role)
        return Role(command, directory=self._data, environment=environment, inherit=(handle,))

    def _environment(self, role: str) -> dict[str, str]:
        """A child is told everything by its environment; our own configuration file has been read."""
        settings: dict[str, object] = {"DATABASE_URL": self._dsn()}
        if role in ("clock", "monitor", "api"):
            settings["PEOPLE_KEY"] = self._config.key_file().absolute()
        if role == "clock":
            settings["DATA"] = self._data
            settings |= self._given(*WAYS, "authority_command")
        if role == "guard":
            assert self._broker is not None
            home = self._data / "broker"
            settings["GUARD_BROKER"] = f"nats://127.0.0.1:{self._broker.nats_port}"
            settings |= {"GUARD_DIR": home / "door", "GUARD_KEY": home / GUARD_KEY}
            settings["MQTT_NAMES"] = ",".join((*self._config.broker_names(), socket.gethostname()))
        if role == "monitor":  # the clock need not end when the broker had to change its port
            settings |= {"MQTT_URL": self._mqtt_url(), "MQTT_PLAIN": self._config.mqtt_plain}
            settings |= self._given("nats_url")
        api_url = self._postgres.dsn(user=pool.API_ROLE) if self._postgres else self._config.api_database_url
        if api_url is not None:
            settings["API_DATABASE_URL"] = api_url
        if role == "api":
            settings["GATEWAY_MQTT_URL"] = self._gateway_mqtt_url()
            settings |= self._given("public_url", *OIDC)
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
        source = str(Path(next(iter(server.__path__))).parent)
        path = os.pathsep.join(filter(None, (source, inherited.get("PYTHONPATH"))))
        return inherited | {PREFIX + name: str(value) for name, value in settings.items()} | {"PYTHONPATH": path}

    def _given(self, *names: str) -> dict[str, object]:
        return {name.upper(): text for name in names if (text := getattr(self._config, name)) is not None}

    def _dsn(self) -> str:
        return self._postgres.dsn() if self._postgres else self._config.needed_database_url()

    def _mqtt_url(self) -> str:
        return self._broker.url if self._broker else self._config.needed_mqtt_url()

    def _gateway_mqtt_url(self) -> str:
        if self._config.gateway_mqtt_url is None and self._broker is not None and not self._config.mqtt_plain:
            return f"mqtts://{socket.gethostname()}:{self._broker.port}"
        return self._config.gateway_mqtt_url or self._mqtt_url()

    def _http_port(self) -> int:
        assert self._listening is not None
        return int(self._listening.getsockname()[1])

    def _http_url(self) -> str:
        host = self._config.http_host
        return f"http://{f'[{host}]' if ':' in host else host}:{self._http_port()}"

    def _migrate(self) -> None:
        """A database that is down is waited for."""
        attempt = 0
        while not self._stopping.is_set():
            attempt += 1
            try:
                migrate(self._dsn())
            except psycopg.OperationalError as error:
                if attempt.bit_count() == 1:  # the 1st, 2nd, 4th, 8th ...: a long wait must not fill the disk
                    said = " ".join(str(error).split())
                    log.warning("waiting for the database; start it, or correct HJEMVAKT_DATABASE_URL: %s", said)
                self._stopping.wait(DATABASE_RETRY_S)
            else:
                return

    def _comes_up(self, began: datetime) -> bool:
        """Whether the api answers and the monitor hears; a broker that is down is said, and not waited for for ever."""
        end = time.monotonic() + READY_LIMIT_S
        missing = ["api", "monitor"]
        while not self._stopping.is_set() and time.monotonic() < end:
            missing = self._not_up(began)
            if not missing:
                return True
            self._stopping.wait(LOOK_S)
        if not self._stopping.is_set():
            log.error("not up after %.0f s: %s; it is tried on", READY_LIMIT_S, ", ".join(missing))
        return not self._stopping.is_set()

    def _not_up(self, began: datetime) -> list[str]:
        missing = []
        if not _answers(self._config.http_host, self._http_port()):
            missing.append("api")
        try:
            with contextlib.closing(pool.connect(self._dsn(), name="serve", autocommit=True)) as conn:
                alive_at = rolelife.last_alive(conn, rolelife.MONITOR)
        except psycopg.Error:
            alive_at = None
        return missing if alive_at is not None and alive_at >= began else [*missing, "monitor"]

    def _write_ready(self) -> None:
        if not self._is_ready:
            return
        with self._writing:
            found = {
                "http": self._http_url(),
                "mqtt": self._mqtt_url(),
                "nats": f"nats://127.0.0.1:{self._broker.nats_port}" if self._broker else None,
                "dsn": self._dsn(),
                "pid": os.getpid(),
                "pids": {keeper.name: keeper.program.pid for keeper in self._keepers},
            }
            for file in self._ready_files:
                write_whole(file, json.dumps(found, ensure_ascii=False, indent=2) + "\n")

    def _stop(self) -> None:
        """Roles first, so that nobody writes any more when the broker and then the database end."""
        for keeper in reversed(self._keepers):
            with contextlib.suppress(OSError):
                keeper.stop()
        if self._listening is not None:
            self._listening.close()
        for file in self._ready_files:
            file.unlink(missing_ok=True)


def open_http(config: Config) -> socket.socket:
    """At the port that was asked for or none; else at the usual one, or any free one.

    We hold it and lend it to the api: nobody else can take the port while the api is started again, and who connects
    meanwhile waits."""
    wanted = (DEFAULT_HTTP_PORT, 0) if config.http_port is None else (config.http_port,)
    for port in wanted:
        try:
            return _listen(config.http_host, port)
        except OSError as error:
            number = error.errno or 0  # below zero: no such name, and then strerror is the sentence
            why = os.strerror(number) if number > 0 else (error.strerror or str(error)).partition(" (while")[0]
    raise ConfigError(
        f"Cannot listen on {config.http_host} port {wanted[0]} ({why}): end the program that uses it, or set "
        "HJEMVAKT_HTTP_PORT or HJEMVAKT_HTTP_HOST to another one."
    )


@contextlib.contextmanager
def resting_database(config: Config) -> Iterator[str]:
    """The configured database; else the embedded one, started for this alone while nothing else runs on its data."""
    if config.database_url is not None:
        yield config.database_url
        return
    make_data_directory(config.data)
    lock = DirectoryLock(config.data.absolute() / "lock")
    lock.take(what="Hjemvakt")
    postgres = EmbeddedPostgres(config.data.absolute() / "postgres")
    try:
        postgres.start()
        yield postgres.dsn()
    finally:
        postgres.stop()
        lock.release()


def read_or_make_key(file: Path) -> AccountKey:
    """Whoever has it can let gateways in."""
    if not file.exists():
        write_whole(file, os.urandom(SEED_BYTES).hex() + "\n")
    return read_key(file)


def read_key(file: Path) -> AccountKey:
    try:
        seed = bytes.fromhex(file.read_text(encoding="ascii"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"Cannot read {file}: make it with `hjemvakt guard-key FILE`.") from error
    if len(seed) != SEED_BYTES:
        raise ConfigError(f"{file} does not hold {SEED_BYTES} bytes in hex: make it with `hjemvakt guard-key FILE`.")
    return AccountKey(seed)


def make_data_directory(data: Path) -> None:
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"Cannot make the data directory {data}: {error.strerror}.") from error


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=1024)


def _answers(host: str, port: int) -> bool:
    """The api itself: the port alone is ours, and listens before the api does."""
    connection = http.client.HTTPConnection(host, port, timeout=1)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
