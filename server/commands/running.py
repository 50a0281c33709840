"""The roles, one by one or all of them on this machine."""

import argparse
import logging
import os
import signal
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from server import serving
from server.commands import frame
from server.config import DEFAULT_HTTP_PORT, Config
from server.errors import ConfigError
from server.nkeys import SEED_BYTES, AccountKey
from server.store import sealing

if TYPE_CHECKING:
    from server.provider import Provider

log = logging.getLogger("hjemvakt")


class Stoppable(Protocol):
    def run(self) -> None: ...
    def stop(self) -> None: ...


def add(commands: frame.Commands) -> None:
    command = frame.add(commands, "serve", _serve, "everything on this machine, database and broker too if none is set")
    command.add_argument(
        "--ready-file", type=Path, metavar="PATH", help="write addresses and process ids there as JSON"
    )
    command = frame.add(commands, "guard-key", _guard_key, "make the secret that guards share with NATS, in a new file")
    command.add_argument("file", type=Path)
    for name, role in {"monitor": _monitor, "clock": _clock, "guard": _guard, "api": _api}.items():
        command = frame.add(commands, name, role, f"only the role {name}")
    command.add_argument("--listening", type=int, help=argparse.SUPPRESS)  # the api's socket, inherited from `serve`


def _serve(config: Config, options: argparse.Namespace) -> None:
    serving.Installation(config, ready_file=options.ready_file).run()


def _monitor(config: Config, _: argparse.Namespace) -> None:
    from server.roles.monitor import Monitor

    key = _key_of(config)
    seals = None if key is None else sealing.read(key)
    if seals is None:
        log.warning("gateways are not told the keys of sensors that encrypt: set HJEMVAKT_PEOPLE_KEY")
    monitor = Monitor(
        dsn=config.needed_database_url(), mqtt_url=config.needed_mqtt_url(), nats_url=config.nats_url, seals=seals
    )
    _run(monitor)


def _clock(config: Config, _: argparse.Namespace) -> None:
    from server.roles.clock import Clock
    from server.ways.carrier import carrier

    key = _key_of(config)
    seals = None if key is None else sealing.read(key)
    if seals is None and config.authority_command is None:
        log.warning("no gateway can be let in: set HJEMVAKT_PEOPLE_KEY, or HJEMVAKT_AUTHORITY_COMMAND")
    clock = Clock(
        dsn=config.needed_database_url(),
        carrier=carrier(config),
        seals=seals,
        authority_command=config.authority_command,
    )
    _run(clock)


def _guard(config: Config, _: argparse.Namespace) -> None:
    from server.roles.guard import Guard

    if config.guard_broker is None or config.guard_dir is None:
        raise ConfigError("Set HJEMVAKT_GUARD_BROKER and HJEMVAKT_GUARD_DIR, or use `hjemvakt serve`.")
    if config.guard_broker.startswith("mosquitto:"):
        key = AccountKey(os.urandom(SEED_BYTES))  # which nobody is told
    else:
        directory = Path(config.guard_dir)
        key = serving.read_key(Path(config.guard_key or directory / serving.GUARD_KEY))
    _run(
        Guard(
            dsn=config.needed_database_url(),
            broker=config.guard_broker,
            directory=Path(config.guard_dir).absolute(),
            hosts=config.broker_names(),
            key=key,
        )
    )


def _guard_key(_: Config, options: argparse.Namespace) -> None:
    if options.file.exists():
        raise ConfigError(f"{options.file} exists already.")
    print(serving.read_or_make_key(options.file).public)


def _key_of(config: Config) -> Path | None:
    return config.key_file() if config.people_key or config.key_file().exists() else None


def _api(config: Config, options: argparse.Namespace) -> None:
    from server.api.app import run

    run(
        listening=None if options.listening is None else socket.socket(fileno=options.listening),
        database_url=config.needed_database_url(),
        own_url=config.api_database_url,
        host=config.http_host,
        port=config.http_port or DEFAULT_HTTP_PORT,
        people_key=_key_of(config),
        provider=_provider(config),
        gateway_mqtt=config.gateway_mqtt_url or (config.mqtt_url or "").partition(",")[0] or None,
    )


def _provider(config: Config) -> "Provider | None":
    from server.provider import Provider, Registration

    if config.oidc_issuer is None or config.oidc_client_id is None or config.public_url is None:
        return None
    return Provider(
        Registration(
            issuer=config.oidc_issuer,
            client_id=config.oidc_client_id,
            client_secret=config.oidc_client_secret,
            public_url=config.public_url,
            name=config.oidc_name or "OpenID Connect",
        )
    )


def _run(role: Stoppable) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: role.stop())
    role.run()
