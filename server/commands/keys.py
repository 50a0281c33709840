"""`hjemvakt reseal`: the key for what is sealed."""

import argparse
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg

from server import serving
from server.commands import frame
from server.config import Config
from server.store import pool, resealing, sealing


def add(commands: frame.Commands) -> None:
    command = frame.add(commands, "reseal", _reseal, "seal anew all that is sealed, so that an older key opens nothing")
    command.add_argument(
        "--before",
        type=Path,
        metavar="FILE",
        help="the key file until now, moved aside; a new one is made in its place. Hjemvakt is stopped meanwhile",
    )


def _reseal(config: Config, options: argparse.Namespace) -> None:
    if options.before is None:
        with frame.database(config) as conn:
            done = resealing.reseal(conn, sealing.read(config.key_file()))
    else:
        before = sealing.read(options.before)
        with _resting(config) as conn:
            done = resealing.reseal(conn, sealing.read_or_make(config.key_file()), before)
    print(f"Sealed anew: {_told(done.anew)}.")
    if any(done.lost.values()):
        print(f"No key here opens these, and they are as they were: {_told(done.lost)}.")


@contextlib.contextmanager
def _resting(config: Config) -> Iterator[psycopg.Connection]:
    with (
        serving.resting_database(config) as dsn,
        contextlib.closing(pool.connect(dsn, name="command", autocommit=True)) as conn,
    ):
        yield conn


def _told(counted: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {what}" for what, count in counted.items() if count) or "nothing"
