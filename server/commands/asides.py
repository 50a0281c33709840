"""`hjemvakt set-aside`: messages that could not be used, and one of them tried again."""

import argparse
import time
from datetime import UTC, datetime
from typing import Final

import psycopg

from server.commands import frame
from server.commands.frame import database
from server.config import Config
from server.errors import ConfigError
from server.store import retries, sessions
from server.store.retries import Try

SHOWN: Final = 50
ANSWERED_WITHIN_S: Final = 60.0
LOOK_S: Final = 0.1


def add(commands: frame.Commands) -> None:
    of = frame.add_group(commands, "set-aside", "messages that could not be used")
    frame.add(of, "list", _list, "the newest of them, and why each could not be used")
    command = frame.add(of, "try", _try, "store what one of them says, if it can be now")
    command.add_argument("number", type=int)
    command.add_argument("--by", required=True, metavar="LOGIN", help="the administrator who asks for it")
    command.add_argument("--reason", required=True)


def _list(config: Config, _: argparse.Namespace) -> None:
    with database(config) as conn:
        for each in retries.listed(conn, SHOWN):
            tried = f"tried {each.tries} times" if each.tries else "never tried"
            what = f"{each.at:%Y-%m-%d %H:%M} (UTC)\t{each.gateway or '-'}\t{each.size} bytes"
            print(f"{each.id}\t{what}\t{tried}\t{each.reason}")


def _try(config: Config, options: argparse.Namespace) -> None:
    with database(config) as conn:
        with conn.transaction():
            sessions.identify(conn, retries.staff(conn, options.by))
            refusal = retries.ask(conn, options.number, datetime.now(UTC), options.reason)
        if refusal is not None:
            raise ConfigError(retries.WHY_NOT[refusal])
        print(_said(_answer(conn, options.number)))


def _answer(conn: psycopg.Connection, message: int) -> Try:
    end = time.monotonic() + ANSWERED_WITHIN_S
    while (found := retries.answer(conn, message)) is None or found.tried_at is None:
        if time.monotonic() > end:
            raise ConfigError("No monitor has tried it yet: it will when one works; `hjemvakt set-aside list` tells.")
        time.sleep(LOOK_S)
    return found


def _said(found: Try) -> str:
    stored = f"Stored: {found.stored} readings, {found.events} events."
    if found.why:
        return f"{stored} Refused: {found.refused} rows, because: {found.why}"
    return stored if found.stored or found.events else f"{stored} All of it was stored before."
