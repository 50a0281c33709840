"""`hjemvakt authority`: who vouches for gateways."""

import argparse
import secrets
from datetime import UTC, datetime
from pathlib import Path

import psycopg

from devices.errors import WireError
from devices.wire import enrolment as birth
from devices.wire.topics import GATEWAY_ID
from server import pki
from server.commands import frame
from server.commands.frame import database
from server.config import Config
from server.errors import ConfigError
from server.files import write_whole
from server.store import authority, sealing


def add(commands: frame.Commands) -> None:
    of = frame.add_group(commands, "authority", "who vouches for gateways")
    frame.add(of, "show", _show, "its certificate, in PEM")
    frame.add(of, "begin", _begin, "a new one beside the old, which ends by itself when nobody needs it any more")
    frame.add(of, "needed", _needed, "who still needs the old one")
    command = frame.add(of, "end", _end, "end the old one now")
    command.add_argument(
        "--losing", type=int, default=0, metavar="COUNT", help="so many that need it have to be visited"
    )
    frame.add(of, "fingerprint", _fingerprint, "SHA-256 of its certificate, as a gateway is born with it")
    command = frame.add(of, "birth", _birth, "what a new box is given: a file, and the text of its QR code")
    command.add_argument("name", help="how the gateway is to be called")
    command.add_argument("--server", metavar="URL", help="where it finds us; unless you say, HJEMVAKT_PUBLIC_URL")
    command.add_argument("--label", type=Path, metavar="PATH", help="write what is stuck on the box there, as SVG")
    command.add_argument("--file", type=Path, metavar="PATH", help="write the file there; unless you say, print it")


def _show(config: Config, _: argparse.Namespace) -> None:
    print(_certificate(config), end="")


def _fingerprint(config: Config, _: argparse.Namespace) -> None:
    print(pki.fingerprint(_certificate(config)))


def _begin(config: Config, _: argparse.Namespace) -> None:
    with database(config) as conn:
        authority.begin(conn, sealing.read(config.key_file()), datetime.now(UTC))
    print(
        "A new authority stands beside the old one. Gateways that are online come to it within minutes, others when "
        "they are; older ones when they renew. `hjemvakt authority needed` says who still needs the old one."
    )


def _needed(config: Config, _: argparse.Namespace) -> None:
    with database(config) as conn:
        needing = authority.needing(conn, _old(conn), datetime.now(UTC))
    for line in _lines(needing):
        print(line)


def _end(config: Config, options: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    with database(config) as conn:
        old = _old(conn)
        needing = authority.needing(conn, old, now)
        if len(needing) != options.losing:
            lost = "; ".join(_lines(needing))
            raise ConfigError(
                f"{len(needing)} would be lost, and each has to be visited: {lost}. To end it all the same: "
                f"hjemvakt authority end --losing {len(needing)}"
            )
        authority.end(conn, old, now)
    print(f"The old authority has ended. Lost with it: {len(needing)}.")


def _old(conn: psycopg.Connection) -> authority.Standing:
    kept = authority.find(conn)
    if kept is None or len(kept.standing) < 2:
        raise ConfigError("There is no old authority: begin a new one with `hjemvakt authority begin`.")
    return kept.oldest


def _lines(needing: list[authority.Needing]) -> list[str]:
    return [_line(each) for each in needing] or ["nobody"]


def _line(each: authority.Needing) -> str:
    if each.until_at is None:
        return f"{each.what} {each.name}: give it a new birth"
    how = "comes when it is online" if each.orders else f"renews by itself before {each.until_at:%Y-%m-%d}"
    return f"{each.what} {each.name}: {how}"


def _birth(config: Config, options: argparse.Namespace) -> None:
    if not GATEWAY_ID.fullmatch(options.name):
        raise ConfigError("A gateway is called by 3 to 40 of a-z, 0-9 and -, and does not begin with -.")
    url = (options.server or config.public_url or "").rstrip("/")
    code = birth.code_of("".join(secrets.choice(birth.SYMBOLS) for _ in range(birth.CODE_LENGTH)))
    made = birth.Birth(server=url, authority=pki.fingerprint(_certificate(config)), code=code)
    try:
        text = birth.encode(made).decode()
    except WireError as error:
        raise ConfigError(
            "Say where the gateway finds this server: --server https://hjemvakt.kommune.example"
        ) from error
    with database(config) as conn:
        authority.born(conn, code, options.name, datetime.now(UTC))
    if options.file is None:
        print(text)
    else:
        write_whole(options.file, text + "\n")
    if options.label is not None:
        from server.label import label

        write_whole(options.label, label(options.name, code, birth.qr_text(made)))
    print(f"{code}\n{birth.qr_text(made)}")


def _certificate(config: Config) -> str:
    with database(config) as conn:
        kept = authority.find(conn)
    if kept is None:
        raise ConfigError("There is no authority yet: start `hjemvakt serve`, or the role clock, which makes it.")
    return kept.certificate
