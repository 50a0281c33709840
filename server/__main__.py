"""The command `hjemvakt`. Every way out with a fault says one sentence."""

import argparse
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psycopg

from server.child import EmbeddedServiceError
from server.commands import frame
from server.config import read
from server.errors import ConfigError, ServerError

# What each command needs takes longer to load than many a command to run: only its own module is imported.
COMMANDS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "running": ("serve", "guard-key", "monitor", "clock", "guard", "api"),
        "storage": ("migrate", "backup", "restore", "move", "export-subject", "retention"),
        "keys": ("reseal",),
        "lists": ("load", "import"),
        "readings": ("rebind", "replay"),
        "users": ("user",),
        "tokens": ("token",),
        "authority": ("authority",),
        "asides": ("set-aside",),
    }
)


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    given = sys.argv[1:] if arguments is None else arguments
    options = _parser(_needed(given)).parse_args(given)
    try:
        config = read(os.environ, _text_of(options.config))
        command: frame.Run = options.command
        command(config, options)
    except (ServerError, EmbeddedServiceError) as error:
        return _say(str(error))
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split())
        return _say(f"The database does not answer; start it, or correct HJEMVAKT_DATABASE_URL: {said}")
    except KeyboardInterrupt:
        return 130
    return 0


def _say(sentence: str) -> int:
    print(f"hjemvakt: {sentence}", file=sys.stderr)
    return 1


def _needed(arguments: Sequence[str]) -> Iterable[str]:
    """The module of the command that is named first; all, for whoever names none."""
    of = {name: module for module, names in COMMANDS.items() for name in names}
    first = arguments[2:3] if arguments[:1] == ["--config"] else arguments[:1]
    return [of[name] for name in first if name in of] or COMMANDS


def _parser(modules: Iterable[str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hjemvakt", description="Home-monitoring telecare: the server side.")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as TOML; the environment wins")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for each in modules:
        import_module(f"server.commands.{each}").add(commands)
    return parser


def _text_of(file: Path | None) -> str | None:
    try:
        return None if file is None else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {file}: {getattr(error, 'strerror', None) or error}.") from error


if __name__ == "__main__":
    sys.exit(main())
