"""Files of many: an enrolment list, and people from a CSV file. All of one or nothing."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from server.clinical.here import HERE
from server.commands import frame
from server.commands.frame import database
from server.config import Config
from server.store import enrolment, importing, people, people_list, sealing


def add(commands: frame.Commands) -> None:
    for name, run, help_ in (
        ("load", _load, "load an enrolment list, all of it or nothing"),
        ("import", _import, "people from a CSV file, all of them or nothing"),
    ):
        command = frame.add(commands, name, run, help_)
        command.add_argument("file", type=Path)
        command.add_argument("--dry-run", action="store_true", help="only say what would change")


def _load(config: Config, options: argparse.Namespace) -> None:
    from server.api.passwords import hash_password, is_right

    listed = enrolment.read(frame.read_bytes(options.file))
    with database(config) as conn:
        changed = people.load(conn, listed, hash_password=hash_password, is_right=is_right, dry_run=options.dry_run)
    print(frame.changes(changed, dry_run=options.dry_run))


def _import(config: Config, options: argparse.Namespace) -> None:
    now = datetime.now(UTC)
    listed = people_list.read(frame.read_bytes(options.file), now.astimezone(HERE).date())
    with database(config) as conn:
        changed = importing.load(conn, listed, sealing.read(config.key_file()), now, dry_run=options.dry_run)
    print(f"{frame.changes(changed, dry_run=options.dry_run)} Lines read: {len(listed)}.")
