"""What every command stands in: a line of the parser, the database, a file that somebody names."""

import argparse
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import psycopg

from server.config import RUNNING, Config
from server.errors import ConfigError
from server.store import pool

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
Run = Callable[[Config, argparse.Namespace], None]


def add(commands: Commands, name: str, run: Run, help_: str) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=help_)
    command.set_defaults(command=run)
    return command


def add_group(commands: Commands, name: str, help_: str) -> Commands:
    return commands.add_parser(name, help=help_).add_subparsers(required=True, metavar="COMMAND")


def database_of(config: Config) -> str:
    """The configured database, or the one of the `hjemvakt serve` that runs here."""
    if config.database_url is not None:
        return config.database_url
    try:
        running: Mapping[str, object] = json.loads((config.data / RUNNING).read_text(encoding="utf-8"))
        return str(running["dsn"])
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"No `hjemvakt serve` runs on {config.data}: start it, or set HJEMVAKT_DATABASE_URL or HJEMVAKT_DATA."
        ) from error


@contextlib.contextmanager
def database(config: Config) -> Iterator[psycopg.Connection]:
    with contextlib.closing(pool.connect(database_of(config), name="command", autocommit=True)) as conn:
        yield conn


def read_bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"Cannot read {file}: {error.strerror}.") from error


def changes(changed: Mapping[str, int], *, dry_run: bool) -> str:
    told = ", ".join(f"{count} {what}" for what, count in changed.items() if count) or "nothing"
    return f"{'Would change' if dry_run else 'Changed'}: {told}."
