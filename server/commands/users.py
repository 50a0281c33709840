"""`hjemvakt user`: who logs in here."""

import argparse
import getpass
import secrets
import sys
from datetime import UTC, datetime
from typing import Final

from server.commands import frame
from server.commands.frame import database
from server.config import Config
from server.errors import ConfigError
from server.store import enrolment, identity, importing, people, second_factor

PASSWORD_BYTES: Final = 9


def add(commands: frame.Commands) -> None:
    user = frame.add_group(commands, "user", "people who log in")
    frame.add(user, "list", _list, "who can log in, and in which teams")
    command = _add_for_login(user, "add", _take_in, "add or change a member, with a new password")
    command.add_argument("--name", required=True)
    command.add_argument("--initials", required=True)
    command.add_argument("--team", required=True, action="append", metavar="TEAM=ROLE")
    _add_for_login(user, "password", _password, "set a password and end that member's logins")
    _add_for_login(user, "reset-code", _reset_code, "take away the codes of an app, when phone and paper are gone")
    command = _add_for_login(user, "link", _link, "who it is that comes in by the identity provider as SUBJECT")
    command.add_argument("subject")
    _add_for_login(user, "unlink", _unlink, "nobody comes in by the identity provider with this login any more")
    _add_for_login(user, "end", _end, "nobody logs in with it any more; who did what stays")


def _add_for_login(user: frame.Commands, name: str, run: frame.Run, help_: str) -> argparse.ArgumentParser:
    command = frame.add(user, name, run, help_)
    command.add_argument("login")
    return command


def _take_in(config: Config, options: argparse.Namespace) -> None:
    from server.api.passwords import hash_password, is_right

    teams = dict(_team(each) for each in options.team)
    password = _ask_password()
    member = {"login": options.login, "name": options.name, "initials": options.initials, "teams": teams}
    listed = enrolment.of_member({**member, "password": password})
    with database(config) as conn:
        people.load(conn, listed, hash_password=hash_password, is_right=is_right)
    print(f"{options.login} can log in.")


def _password(config: Config, options: argparse.Namespace) -> None:
    from server.api.passwords import hash_password

    password_hash = hash_password(_ask_password())
    with database(config) as conn:
        if not people.set_password(conn, options.login, password_hash):
            raise ConfigError(f"Nobody has the login {options.login}.")
    print(f"{options.login} has a new password.")


def _reset_code(config: Config, options: argparse.Namespace) -> None:
    with database(config) as conn:
        if not second_factor.reset(conn, options.login):
            raise ConfigError(f"The login {options.login} has no code.")
    print(f"{options.login} comes in with the password alone, until new codes are begun.")


def _link(config: Config, options: argparse.Namespace) -> None:
    if config.oidc_issuer is None:
        raise ConfigError("Set HJEMVAKT_OIDC_ISSUER first: a subject is one of that identity provider's.")
    with database(config) as conn:
        identity.link(conn, options.login, config.oidc_issuer, options.subject, datetime.now(UTC))
    print(f"Whoever is {options.subject} at {config.oidc_issuer} comes in as {options.login}.")


def _unlink(config: Config, options: argparse.Namespace) -> None:
    with database(config) as conn:
        if not identity.unlink(conn, options.login):
            raise ConfigError(f"The login {options.login} is not linked.")
    print(f"Nobody comes in by the identity provider as {options.login} any more.")


def _list(config: Config, _: argparse.Namespace) -> None:
    with database(config) as conn:
        for login, name, opens, teams in importing.staff(conn):
            print(f"{login}\t{name}\t{teams or 'no team'}{'' if opens else chr(9) + 'cannot log in'}")


def _end(config: Config, options: argparse.Namespace) -> None:
    with database(config) as conn:
        if not importing.end_staff(conn, options.login):
            raise ConfigError(f"Nobody who works here has the login {options.login}.")
    print(f"{options.login} cannot log in any more.")


def _team(text: str) -> tuple[str, str]:
    team, equals, role = text.rpartition("=")
    if not equals:
        raise ConfigError(f"--team must be TEAM=ROLE, such as Nord=nurse, not {text!r}.")
    return team, role


def _ask_password() -> str:
    """From the terminal, or the first line that is piped in; a random one, shown once, when that is empty."""
    given = getpass.getpass("Password (empty: a random one): ") if sys.stdin.isatty() else sys.stdin.readline().strip()
    if given:
        return given
    made = secrets.token_urlsafe(PASSWORD_BYTES)
    print(f"The password is {made}")
    return made
