"""hjemvakt-gateway: run the agent, or ask about it."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from edge.config import ADDRESS, load
from edge.errors import AskedWrong, GatewayError

if TYPE_CHECKING:
    from devices.wire.enrolment import Birth

LONGEST_SCAN_S = 3600.0
DEFAULT_CONFIG = Path("/etc/hjemvakt/gateway.toml")


def main(arguments: Sequence[str] | None = None) -> int:
    chosen = _parser().parse_args(arguments)
    try:
        return int(chosen.do(chosen))
    except GatewayError as error:
        print(f"hjemvakt-gateway: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hjemvakt-gateway", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="run the agent until SIGTERM or Ctrl-C")
    run.set_defaults(do=_run)
    status = commands.add_parser(
        "status", help="say how the agent and its devices are; exit code 1: something is wrong"
    )
    status.set_defaults(do=_status)
    scan = commands.add_parser("scan", help="list the sensors that are heard")
    scan.add_argument("--seconds", type=_seconds, default=10.0, help="how long to listen (default 10)")
    scan.set_defaults(do=_scan)
    pair = commands.add_parser("pair", help="pair a sensor, and prove that it stays paired; the agent must not run")
    pair.add_argument("address", help="its address, as the scan shows it: C0:26:DF:01:23:45")
    pair.set_defaults(do=_pair)
    enrol = commands.add_parser("enrol", help="become one of the server's gateways; the agent must not run")
    enrol.add_argument("--birth", type=Path, help="the file that came with the box; or these three:")
    enrol.add_argument("--server", help="its address: https://hjemvakt.kommune.example")
    enrol.add_argument("--authority", help="the fingerprint of its authority: 64 hex digits")
    enrol.add_argument("--code", help="the code on the box")
    enrol.add_argument("--again", action="store_true", help="give up the certificate that this gateway has")
    enrol.set_defaults(do=_enrol)
    decode = commands.add_parser("decode", help="explain bytes of a sensor: decode 2A37 00:48")
    decode.add_argument("characteristic", help="its number (2A37), or FCD2 for BTHome service data")
    decode.add_argument("data", help="hex digits, with or without : - or spaces between bytes")
    decode.set_defaults(do=_decode)
    for command in (run, status, scan, pair, enrol):
        command.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"default {DEFAULT_CONFIG}")
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= LONGEST_SCAN_S:  # which NaN is not either
        raise argparse.ArgumentTypeError(f"{text} is not a time from 0 to {LONGEST_SCAN_S:.0f} seconds")
    return seconds


def _run(chosen: argparse.Namespace) -> int:
    from edge.life import live  # here, so that `status` and `decode` need no radio libraries
    from edge.lock import alone_in
    from edge.systemd import is_journal, log_to

    config = load(chosen.config)
    log_to(sys.stderr, is_journal(sys.stderr))
    with alone_in(config.data_dir):
        asyncio.run(live(config, chosen.config))
    return 0


def _status(chosen: argparse.Namespace) -> int:
    from edge.report import report

    words, is_wrong = report(load(chosen.config), datetime.now(UTC))
    _print([words])
    return int(is_wrong)


def _scan(chosen: argparse.Namespace) -> int:
    from edge.scan import scan

    config = load(chosen.config) if chosen.config.exists() else None
    _print(asyncio.run(scan(config, chosen.seconds)))
    return 0


def _pair(chosen: argparse.Namespace) -> int:
    from edge.identity import IdentityFiles
    from edge.life import post_of
    from edge.lock import alone_in
    from edge.pair import pair
    from edge.remote_config import with_kept

    config = load(chosen.config)
    if not ADDRESS.fullmatch(chosen.address.upper()):
        raise AskedWrong(f"{chosen.address} is not an address: write it as the scan shows it, C0:26:DF:01:23:45")
    gateway = post_of(config, IdentityFiles(config.data_dir)).gateway
    with alone_in(config.data_dir):
        outcome = asyncio.run(pair(with_kept(config, gateway), chosen.address, print))
    print(outcome.sentence)
    return 0 if outcome.is_proven else 1


def _enrol(chosen: argparse.Namespace) -> int:
    from edge.identity import IdentityFiles
    from edge.life import accept
    from edge.lock import alone_in

    config, birth = load(chosen.config), _birth(chosen)
    if config.post is not None:
        raise AskedWrong(f"{chosen.config} says who this gateway is: remove gateway, bucket and mqtt from it first")
    with alone_in(config.data_dir):
        current = IdentityFiles(config.data_dir).current()
        if current is not None and not chosen.again:
            raise AskedWrong(f"this gateway is enrolled as {current.gateway}: to give that up, add --again")
        identity = asyncio.run(accept(config, birth, _say()))
    print(f"accepted as {identity.gateway}")
    return 0


def _birth(chosen: argparse.Namespace) -> "Birth":
    from devices.errors import WireError
    from devices.wire.enrolment import Birth, code_of, decode_birth, encode
    from edge.life import read_birth

    said = (chosen.server, chosen.authority, chosen.code)
    if chosen.birth is not None and not any(said):
        return read_birth(chosen.birth)
    if chosen.birth is not None or not all(said):
        raise AskedWrong("give --birth FILE, or all of --server, --authority and --code")
    try:
        code = code_of(chosen.code)
        authority = chosen.authority.replace(":", "").lower()
        return decode_birth(encode(Birth(server=chosen.server.rstrip("/"), authority=authority, code=code)))
    except WireError as error:
        raise AskedWrong(f"this is not what stands on a box: {error}") from error


def _say() -> Callable[[str], None]:
    """Each sentence once, however often it is true."""
    said: list[str] = []

    def say(sentence: str) -> None:
        if said[-1:] != [sentence]:
            print(sentence, flush=True)
            said.append(sentence)

    return say


def _decode(chosen: argparse.Namespace) -> int:
    from edge.explain import explain

    _print(explain(chosen.characteristic, chosen.data))
    return 0


def _print(lines: Iterable[str]) -> None:
    try:
        for line in lines:
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:  # `status | head`: whoever reads us has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    sys.exit(main())
