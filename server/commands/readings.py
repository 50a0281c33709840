"""What is stored of somebody: whose it is, and what another limit would have made of it."""

import argparse
import json
from collections import Counter
from datetime import UTC, datetime

from server.alerts import replay_words
from server.commands import frame
from server.commands.frame import database
from server.config import Config
from server.store import replaying


def add(commands: frame.Commands) -> None:
    _add_rebinding(frame.add(commands, "rebind", _rebind, "say whose a device was in a period; what is stored follows"))
    _add_replay(
        frame.add(commands, "replay", _replay, "try a limit on what is stored: which alerts it would have raised")
    )


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


def _rebind(config: Config, options: argparse.Namespace) -> None:
    from server.store import rebinding

    names = ("device", "slot", "from_", "to", "patient", "home", "place", "by", "reason")
    wanted = rebinding.Rebinding(**{name: getattr(options, name) for name in names})
    now = datetime.now(UTC)
    with database(config) as conn:
        id_ = rebinding.rebind(conn, wanted, now)
        rebinding.finish(conn, now, only=id_)
        counted = Counter[str]()
        for what, *_, rows, _, _ in rebinding.told(conn, id_):
            counted[what] += rows
    moved = ", ".join(f"{rows} {what}s" for what, rows in counted.items()) or "nothing"
    print(f"Re-filing {id_}: the bindings are changed; {moved} moved.")


def _replay(config: Config, options: argparse.Namespace) -> None:
    edges = replay_words.read(options.limit)
    with database(config) as conn:
        patient = replaying.patient_of(conn, options.patient)
        now = datetime.now(UTC)
        standing = replaying.limits_now(conn, patient, edges, now)
        limits = {kind: replay_words.changed(kind, standing[kind], edges[kind]) for kind in edges}
        found = replaying.try_out(conn, patient, limits, options.days, now, mine=False)
    print(json.dumps(replay_words.plain(found)) if options.json else "\n".join(replay_words.lines(found)))
