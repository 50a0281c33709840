"""hjemvakt-gateway: run the agent, or ask about it."""

import argparse
import asyncio
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge.config import ADDRESS, load
from edge.errors import AskedWrong, GatewayError

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
    decode = commands.add_parser("decode", help="explain bytes of a sensor: decode 2A37 00:48")
    decode.add_argument("characteristic", help="its number (2A37), or FCD2 for BTHome service data")
    decode.add_argument("data", help="hex digits, with or without : - or spaces between bytes")
    decode.set_defaults(do=_decode)
    for command in (run, status, scan, pair):
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
    from edge.agent import Agent  # here, so that `status` and `decode` need no radio libraries
    from edge.lock import alone_in
    from edge.systemd import is_journal, log_to

    config = load(chosen.config)
    log_to(sys.stderr, is_journal(sys.stderr))
    with alone_in(config.data_dir):
        asyncio.run(_agent(Agent, config))
    return 0


async def _agent(agent: type, config: object) -> None:
    await agent(config).run()


def _status(chosen: argparse.Namespace) -> int:
    from edge.report import report

    config = load(chosen.config)
    words, is_wrong = report(config.data_dir, config.gateway, datetime.now(UTC))
    _print([words])
    return int(is_wrong)


def _scan(chosen: argparse.Namespace) -> int:
    from edge.scan import scan

    config = load(chosen.config) if chosen.config.exists() else None
    _print(asyncio.run(scan(config, chosen.seconds)))
    return 0


def _pair(chosen: argparse.Namespace) -> int:
    from edge.lock import alone_in
    from edge.pair import pair
    from edge.remote_config import with_kept

    config = load(chosen.config)
    if not ADDRESS.fullmatch(chosen.address.upper()):
        raise AskedWrong(f"{chosen.address} is not an address: write it as the scan shows it, C0:26:DF:01:23:45")
    with alone_in(config.data_dir):
        outcome = asyncio.run(pair(with_kept(config), chosen.address, print))
    print(outcome.sentence)
    return 0 if outcome.is_proven else 1


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
