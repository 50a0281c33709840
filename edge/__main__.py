"""hjemvakt-gateway: run the agent, or ask about it."""

import argparse
import asyncio
import logging
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from edge.config import load
from edge.errors import GatewayError

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
    status = commands.add_parser("status", help="say how the agent and its devices are")
    status.set_defaults(do=_status)
    scan = commands.add_parser("scan", help="list the sensors that are heard")
    scan.add_argument("--seconds", type=_seconds, default=10.0, help="how long to listen (default 10)")
    scan.set_defaults(do=_scan)
    decode = commands.add_parser("decode", help="explain bytes of a sensor: decode 2A37 00:48")
    decode.add_argument("characteristic", help="its number (2A37), or FCD2 for BTHome service data")
    decode.add_argument("data", help="hex digits, with or without : - or spaces between bytes")
    decode.set_defaults(do=_decode)
    for command in (run, status, scan):
        command.add_argument("--config", type=Path, default=DEFAULT_CONFIG, help=f"default {DEFAULT_CONFIG}")
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= LONGEST_SCAN_S:  # which NaN is not either
        raise argparse.ArgumentTypeError(f"{text} is not a time from 0 to {LONGEST_SCAN_S:.0f} seconds")
    return seconds


def _run(chosen: argparse.Namespace) -> int:
    from edge.agent import Agent, alone_in  # here, so that `status` and `decode` need no radio libraries

    config = load(chosen.config)
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("bumble").setLevel(logging.WARNING)
    with alone_in(config.data_dir):
        asyncio.run(_agent(Agent, config))
    return 0


async def _agent(agent: type, config: object) -> None:
    await agent(config).run()


def _status(chosen: argparse.Namespace) -> int:
    from edge.report import report

    print(report(load(chosen.config).data_dir, datetime.now(UTC)))
    return 0


def _scan(chosen: argparse.Namespace) -> int:
    from edge.scan import scan

    config = load(chosen.config) if chosen.config.exists() else None
    for line in asyncio.run(scan(config, chosen.seconds)):
        print(line)
    return 0


def _decode(chosen: argparse.Namespace) -> int:
    from edge.explain import explain

    for line in explain(chosen.characteristic, chosen.data):
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
