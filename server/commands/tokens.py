"""`hjemvakt token`: what other programs read with."""

import argparse
import secrets
from datetime import UTC, datetime, timedelta
from typing import Final

from server.access import Scope
from server.commands import frame
from server.commands.frame import database
from server.config import Config
from server.errors import ConfigError
from server.store import machines

TOKEN_BYTES: Final = 32


def add(commands: frame.Commands) -> None:
    token = frame.add_group(commands, "token", "what other programs read with")
    command = frame.add(token, "add", _make, "a token for one program, shown once; it ends the one before")
    command.add_argument("name")
    command.add_argument("--team", required=True)
    command.add_argument("--scope", required=True, action="append", type=Scope, metavar="SCOPE", help=", ".join(Scope))
    command.add_argument("--days", type=int, default=90, metavar="N", help="how long it lasts; 90 unless you say")
    command.add_argument("--by", required=True, help="who answers for it")
    frame.add(token, "list", _list, "which there are, and when each was last used")
    command = frame.add(token, "revoke", _revoke, "nothing opens with it any more, from the next request on")
    command.add_argument("name")


def _make(config: Config, options: argparse.Namespace) -> None:
    from server.api.desk import digest

    made, now = secrets.token_urlsafe(TOKEN_BYTES), datetime.now(UTC)
    ends = now + timedelta(days=options.days)
    with database(config) as conn:
        machines.add(conn, options.name, options.team, options.scope, digest(made), by=options.by, now=now, ends=ends)
    print(f"The token is {made}\nIt lasts until {ends:%Y-%m-%d %H:%M} (UTC), and is not shown again.")


def _list(config: Config, _: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    with database(config) as conn:
        for each in machines.listed(conn):
            state = (
                "revoked"
                if each.revoked_at
                else f"until {each.expires_at:%Y-%m-%d}"
                if each.expires_at > now
                else "over"
            )
            used = f"used {each.used_at:%Y-%m-%d %H:%M} (UTC)" if each.used_at else "never used"
            print(f"{each.name}\t{each.team or 'no team'}\t{' '.join(each.scopes)}\t{state}\t{used}\tby {each.made_by}")


def _revoke(config: Config, options: argparse.Namespace) -> None:
    with database(config) as conn:
        if not machines.revoke(conn, options.name, datetime.now(UTC)):
            raise ConfigError(f"No token of {options.name} is in force.")
    print(f"Nothing opens with the token of {options.name} any more.")
