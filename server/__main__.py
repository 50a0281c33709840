"""The command `hjemvakt`. Every way out with a fault says one sentence."""

import argparse
import contextlib
import getpass
import json
import logging
import os
import secrets
import signal
import socket
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

import psycopg

from devices.errors import WireError
from devices.wire import enrolment as birth
from devices.wire.topics import GATEWAY_ID
from server import pki, serving
from server.access import Scope
from server.alerts import replay_words
from server.child import EmbeddedServiceError
from server.clinical.here import HERE
from server.config import DEFAULT_HTTP_PORT, Config, read
from server.errors import ConfigError, ServerError
from server.store import (
    authority,
    backup,
    enrolment,
    identity,
    importing,
    machines,
    people,
    people_list,
    pool,
    rebinding,
    replaying,
    retention,
    sealing,
    second_factor,
)
from server.store.migrate import migrate
from server.store.retention import About, Decision

if TYPE_CHECKING:
    from server.provider import Provider

PASSWORD_BYTES: Final = 9
TOKEN_BYTES: Final = 32

log = logging.getLogger("hjemvakt")


class Stoppable(Protocol):
    def run(self) -> None: ...
    def stop(self) -> None: ...


def main(arguments: Sequence[str] | None = None) -> int:
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    options = _parser().parse_args(arguments)
    try:
        config = read(os.environ, _text_of(options.config))
        command: Callable[[Config, argparse.Namespace], int | None] = options.command
        return command(config, options) or 0
    except (ServerError, EmbeddedServiceError) as error:
        return _say(str(error))
    except psycopg.OperationalError as error:
        said = " ".join(str(error).split())
        return _say(f"The database does not answer; start it, or correct HJEMVAKT_DATABASE_URL: {said}")
    except KeyboardInterrupt:
        return 130


def _say(sentence: str) -> int:
    print(f"hjemvakt: {sentence}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hjemvakt", description="Home-monitoring telecare: the server side.")
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings as TOML; the environment wins")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_roles(commands)
    command = commands.add_parser("migrate", help="bring the database up to this program")
    command.set_defaults(command=_migrate)
    command = commands.add_parser("load", help="load an enrolment list, all of it or nothing")
    command.add_argument("file", type=Path)
    command.add_argument("--dry-run", action="store_true", help="only say what would change")
    command.set_defaults(command=_load)
    command = commands.add_parser("rebind", help="say whose a device was in a period; what is stored follows")
    _add_rebinding(command)
    command.set_defaults(command=_rebind)
    command = commands.add_parser("replay", help="try a limit on what is stored: which alerts it would have raised")
    _add_replay(command)
    command.set_defaults(command=_replay)
    command = commands.add_parser("backup", help="everything in the database into a new directory, while all goes on")
    command.add_argument("directory", type=Path)
    command.set_defaults(command=_backup)
    command = commands.add_parser("restore", help="a backup into an empty database or data directory")
    command.add_argument("directory", type=Path)
    command.set_defaults(command=_restore)
    command = commands.add_parser(
        "retention", help="how long readings are kept: for ever, unless the controller decides"
    )
    _add_retention(command)
    command.set_defaults(command=_retention)
    _add_users(commands)
    _add_tokens(commands)
    _add_authority(commands)
    command = commands.add_parser("import", help="people from a CSV file, all of them or nothing")
    command.add_argument("file", type=Path)
    command.add_argument("--dry-run", action="store_true", help="only say what would change")
    command.set_defaults(command=_import)
    return parser


def _add_users(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    user = commands.add_parser("user", help="people who log in").add_subparsers(required=True, metavar="COMMAND")
    command = user.add_parser("add", help="add or change a member, with a new password")
    command.add_argument("login")
    command.add_argument("--name", required=True)
    command.add_argument("--initials", required=True)
    command.add_argument("--team", required=True, action="append", metavar="TEAM=ROLE")
    command.set_defaults(command=_user_add)
    command = user.add_parser("password", help="set a password and end that member's logins")
    command.add_argument("login")
    command.set_defaults(command=_user_password)
    command = user.add_parser("reset-code", help="take away the codes of an app, when phone and paper are gone")
    command.add_argument("login")
    command.set_defaults(command=_user_reset_code)
    command = user.add_parser("link", help="who it is that comes in by the identity provider as SUBJECT")
    command.add_argument("login")
    command.add_argument("subject")
    command.set_defaults(command=_user_link)
    command = user.add_parser("unlink", help="nobody comes in by the identity provider with this login any more")
    command.add_argument("login")
    command.set_defaults(command=_user_unlink)
    command = user.add_parser("list", help="who can log in, and in which teams")
    command.set_defaults(command=_user_list)
    command = user.add_parser("end", help="nobody logs in with it any more; who did what stays")
    command.add_argument("login")
    command.set_defaults(command=_user_end)


def _add_tokens(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    token = commands.add_parser("token", help="what other programs read with").add_subparsers(
        required=True, metavar="COMMAND"
    )
    command = token.add_parser("add", help="a token for one program, shown once; it ends the one before")
    command.add_argument("name")
    command.add_argument("--team", required=True)
    command.add_argument("--scope", required=True, action="append", type=Scope, metavar="SCOPE", help=", ".join(Scope))
    command.add_argument("--days", type=int, default=90, metavar="N", help="how long it lasts; 90 unless you say")
    command.add_argument("--by", required=True, help="who answers for it")
    command.set_defaults(command=_token_add)
    command = token.add_parser("list", help="which there are, and when each was last used")
    command.set_defaults(command=_token_list)
    command = token.add_parser("revoke", help="nothing opens with it any more, from the next request on")
    command.add_argument("name")
    command.set_defaults(command=_token_revoke)


def _add_authority(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    of = commands.add_parser("authority", help="who vouches for gateways").add_subparsers(
        required=True, metavar="COMMAND"
    )
    command = of.add_parser("show", help="its certificate, in PEM")
    command.set_defaults(command=_authority_show)
    command = of.add_parser("fingerprint", help="SHA-256 of its certificate, as a gateway is born with it")
    command.set_defaults(command=_authority_fingerprint)
    command = of.add_parser("birth", help="what a new box is given: a file, and the text of its QR code")
    command.add_argument("name", help="how the gateway is to be called")
    command.add_argument("--server", metavar="URL", help="where it finds us; unless you say, HJEMVAKT_PUBLIC_URL")
    command.add_argument("--file", type=Path, metavar="PATH", help="write the file there; unless you say, print it")
    command.set_defaults(command=_authority_birth)


def _add_rebinding(command: argparse.ArgumentParser) -> None:
    command.add_argument("device", metavar="ADDRESS")
    command.add_argument("--slot", type=int, default=0, help="user slot of a meter")
    command.add_argument("--from", dest="from_", type=datetime.fromisoformat, required=True, metavar="TIME")
    command.add_argument("--to", type=datetime.fromisoformat, metavar="TIME", help="left out: from then on")
    whose = command.add_mutually_exclusive_group(required=True)
    whose.add_argument("--patient", metavar="REFERENCE")
    whose.add_argument("--home", metavar="NAME")
    whose.add_argument("--nobody", action="store_true")
    command.add_argument("--place", help="where the device is in that home")
    command.add_argument("--by", required=True, help="who says so")
    command.add_argument("--reason", required=True)


def _add_replay(command: argparse.ArgumentParser) -> None:
    command.add_argument("--patient", metavar="REFERENCE", required=True)
    command.add_argument(
        "--limit", action="append", required=True, metavar="KIND:EDGE=NUMBER", help="such as spo2:red_low=86"
    )
    command.add_argument("--days", type=int, default=30, metavar="N")
    command.add_argument("--json", action="store_true")


def _add_retention(command: argparse.ArgumentParser) -> None:
    what = command.add_mutually_exclusive_group()
    what.add_argument("--keep-days", type=int, metavar="N", help="delete readings that are older")
    what.add_argument("--keep-everything", action="store_true", help="delete nothing from now on")
    what.add_argument("--thin-days", type=int, metavar="N", help="thin readings that are older to one for each hour")
    what.add_argument("--thin-nothing", action="store_true", help="thin nothing from now on")
    command.add_argument("--by", default="", help="who decides it")
    command.add_argument("--reason", default="")


def _add_roles(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("serve", help="everything on this machine, database and broker too if none is set")
    command.add_argument(
        "--ready-file", type=Path, metavar="PATH", help="write addresses and process ids there as JSON"
    )
    command.set_defaults(command=_serve)
    for name, role in {"monitor": _monitor, "clock": _clock, "api": _api}.items():
        command = commands.add_parser(name, help=f"only the role {name}")
        command.set_defaults(command=role)
    command.add_argument("--listening", type=int, help=argparse.SUPPRESS)  # the api's socket, inherited from `serve`


def _text_of(file: Path | None) -> str | None:
    try:
        return None if file is None else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"Cannot read {file}: {getattr(error, 'strerror', None) or error}.") from error


def _serve(config: Config, options: argparse.Namespace) -> None:
    serving.Installation(config, ready_file=options.ready_file).run()


def _monitor(config: Config, _: argparse.Namespace) -> None:
    from server.roles.monitor import Monitor

    _run(Monitor(dsn=config.needed_database_url(), mqtt_url=config.needed_mqtt_url()))


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
        gateway_mqtt=config.gateway_mqtt_url or config.mqtt_url,
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


def _migrate(config: Config, _: argparse.Namespace) -> None:
    applied = migrate(serving.database_of(config))
    print("\n".join(applied) or "The database is up to date.")


def _rebind(config: Config, options: argparse.Namespace) -> None:
    names = ("device", "slot", "from_", "to", "patient", "home", "place", "by", "reason")
    wanted = rebinding.Rebinding(**{name: getattr(options, name) for name in names})
    now = datetime.now(UTC)
    with _database(config) as conn:
        id_ = rebinding.rebind(conn, wanted, now)
        rebinding.finish(conn, now, only=id_)
        counted = Counter[str]()
        for what, *_, rows, _, _ in rebinding.told(conn, id_):
            counted[what] += rows
    moved = ", ".join(f"{rows} {what}s" for what, rows in counted.items()) or "nothing"
    print(f"Re-filing {id_}: the bindings are changed; {moved} moved.")


def _replay(config: Config, options: argparse.Namespace) -> None:
    edges = replay_words.read(options.limit)
    with _database(config) as conn:
        patient = replaying.patient_of(conn, options.patient)
        now = datetime.now(UTC)
        standing = replaying.limits_now(conn, patient, edges, now)
        limits = {kind: replay_words.changed(kind, standing[kind], edges[kind]) for kind in edges}
        found = replaying.try_out(conn, patient, limits, options.days, now, mine=False)
    print(json.dumps(replay_words.plain(found)) if options.json else "\n".join(replay_words.lines(found)))


def _retention(config: Config, options: argparse.Namespace) -> None:
    with _database(config) as conn:
        trace = {"by": options.by, "reason": options.reason, "now": datetime.now(UTC)}
        if options.keep_days is not None or options.keep_everything:
            retention.decide(conn, about=About.DELETION, days=options.keep_days, **trace)
        if options.thin_days is not None or options.thin_nothing:
            retention.decide(conn, about=About.THINNING, days=options.thin_days, **trace)
        for about in About:
            _say_decision(about, retention.standing(conn, about), retention.gone(conn, about))


def _say_decision(about: About, decision: Decision | None, gone: int) -> None:
    days = None if decision is None else decision.days
    if about is About.DELETION:
        print("Everything is kept." if days is None else f"Readings are kept for {days} days.")
    else:
        print("Nothing is thinned." if days is None else f"Readings are thinned to hours after {days} days.")
    if decision is not None:
        print(f"Decided by {decision.by} on {decision.at:%Y-%m-%d %H:%M} (UTC): {decision.reason}")
    if gone:
        print(f"Gone by it so far: {gone:,} rows.")


def _backup(config: Config, options: argparse.Namespace) -> None:
    made = backup.back_up(serving.database_of(config), options.directory, datetime.now(UTC))
    size = sum(each.bytes for each in made.files.values())
    print(f"{options.directory}: {sum(made.rows.values()):,} rows in {size:,} bytes.")


def _restore(config: Config, options: argparse.Namespace) -> None:
    backup.check(options.directory)  # before anything is made
    with serving.resting_database(config) as dsn:
        manifest, epoch = backup.restore(dsn, options.directory)
    print(f"Restored {sum(manifest.rows.values()):,} rows as of {manifest.made_at:%Y-%m-%d %H:%M} (UTC).")
    print(
        f"The new epoch is {epoch}: gateways send again what they still have from since then. Everybody logs in anew."
    )


def _load(config: Config, options: argparse.Namespace) -> None:
    from server.api.passwords import hash_password, is_right

    try:
        listed = enrolment.read(options.file.read_bytes())
    except OSError as error:
        raise ConfigError(f"Cannot read {options.file}: {error.strerror}.") from error
    with _database(config) as conn:
        changed = people.load(conn, listed, hash_password=hash_password, is_right=is_right, dry_run=options.dry_run)
    told = ", ".join(f"{count} {what}" for what, count in changed.items() if count) or "nothing"
    print(f"{'Would change' if options.dry_run else 'Changed'}: {told}.")


def _user_add(config: Config, options: argparse.Namespace) -> None:
    from server.api.passwords import hash_password, is_right

    teams = dict(_team(each) for each in options.team)
    password = _ask_password()
    member = {"login": options.login, "name": options.name, "initials": options.initials, "teams": teams}
    listed = enrolment.of_member({**member, "password": password})
    with _database(config) as conn:
        people.load(conn, listed, hash_password=hash_password, is_right=is_right)
    print(f"{options.login} can log in.")


def _user_password(config: Config, options: argparse.Namespace) -> None:
    from server.api.passwords import hash_password

    password_hash = hash_password(_ask_password())
    with _database(config) as conn:
        if not people.set_password(conn, options.login, password_hash):
            raise ConfigError(f"Nobody has the login {options.login}.")
    print(f"{options.login} has a new password.")


def _user_reset_code(config: Config, options: argparse.Namespace) -> None:
    with _database(config) as conn:
        if not second_factor.reset(conn, options.login):
            raise ConfigError(f"The login {options.login} has no code.")
    print(f"{options.login} comes in with the password alone, until new codes are begun.")


def _user_link(config: Config, options: argparse.Namespace) -> None:
    if config.oidc_issuer is None:
        raise ConfigError("Set HJEMVAKT_OIDC_ISSUER first: a subject is one of that identity provider's.")
    with _database(config) as conn:
        identity.link(conn, options.login, config.oidc_issuer, options.subject, datetime.now(UTC))
    print(f"Whoever is {options.subject} at {config.oidc_issuer} comes in as {options.login}.")


def _user_unlink(config: Config, options: argparse.Namespace) -> None:
    with _database(config) as conn:
        if not identity.unlink(conn, options.login):
            raise ConfigError(f"The login {options.login} is not linked.")
    print(f"Nobody comes in by the identity provider as {options.login} any more.")


def _user_list(config: Config, _: argparse.Namespace) -> None:
    with _database(config) as conn:
        for login, name, opens, teams in importing.staff(conn):
            print(f"{login}\t{name}\t{teams or 'no team'}{'' if opens else chr(9) + 'cannot log in'}")


def _user_end(config: Config, options: argparse.Namespace) -> None:
    with _database(config) as conn:
        if not importing.end_staff(conn, options.login):
            raise ConfigError(f"Nobody who works here has the login {options.login}.")
    print(f"{options.login} cannot log in any more.")


def _token_add(config: Config, options: argparse.Namespace) -> None:
    from server.api.desk import digest

    made, now = secrets.token_urlsafe(TOKEN_BYTES), datetime.now(UTC)
    ends = now + timedelta(days=options.days)
    with _database(config) as conn:
        machines.add(conn, options.name, options.team, options.scope, digest(made), by=options.by, now=now, ends=ends)
    print(f"The token is {made}\nIt lasts until {ends:%Y-%m-%d %H:%M} (UTC), and is not shown again.")


def _token_list(config: Config, _: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    with _database(config) as conn:
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


def _token_revoke(config: Config, options: argparse.Namespace) -> None:
    with _database(config) as conn:
        if not machines.revoke(conn, options.name, datetime.now(UTC)):
            raise ConfigError(f"No token of {options.name} is in force.")
    print(f"Nothing opens with the token of {options.name} any more.")


def _import(config: Config, options: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    try:
        payload = options.file.read_bytes()
    except OSError as error:
        raise ConfigError(f"Cannot read {options.file}: {error.strerror}.") from error
    listed = people_list.read(payload, now.astimezone(HERE).date())
    with _database(config) as conn:
        changed = importing.load(conn, listed, sealing.read(config.key_file()), now, dry_run=options.dry_run)
    told = ", ".join(f"{count} {what}" for what, count in changed.items() if count) or "nothing"
    print(f"{'Would change' if options.dry_run else 'Changed'}: {told}. Lines read: {len(listed)}.")


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


def _authority_show(config: Config, _: argparse.Namespace) -> None:
    print(_authority(config), end="")


def _authority_fingerprint(config: Config, _: argparse.Namespace) -> None:
    print(pki.fingerprint(_authority(config)))


def _authority_birth(config: Config, options: argparse.Namespace) -> None:
    if not GATEWAY_ID.fullmatch(options.name):
        raise ConfigError("A gateway is called by 3 to 40 of a-z, 0-9 and -, and does not begin with -.")
    url = (options.server or config.public_url or "").rstrip("/")
    code = birth.code_of("".join(secrets.choice(birth.SYMBOLS) for _ in range(birth.CODE_LENGTH)))
    made = birth.Birth(server=url, authority=pki.fingerprint(_authority(config)), code=code)
    try:
        text = birth.encode(made).decode()
    except WireError as error:
        raise ConfigError(
            "Say where the gateway finds this server: --server https://hjemvakt.kommune.example"
        ) from error
    with _database(config) as conn:
        authority.born(conn, code, options.name, datetime.now(UTC))
    if options.file is None:
        print(text)
    else:
        serving.write_whole(options.file, text + "\n")
    print(f"{code}\n{birth.qr_text(made)}")


def _authority(config: Config) -> str:
    with _database(config) as conn:
        kept = authority.find(conn)
    if kept is None:
        raise ConfigError("There is no authority yet: start `hjemvakt serve`, or the role clock, which makes it.")
    return kept.certificate


@contextlib.contextmanager
def _database(config: Config) -> Iterator[psycopg.Connection]:
    with contextlib.closing(pool.connect(serving.database_of(config), name="command", autocommit=True)) as conn:
        yield conn


if __name__ == "__main__":
    sys.exit(main())
