"""The database as a whole: its schema, its copies, and how long readings stay in it."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from server import serving
from server.commands import frame
from server.commands.frame import database
from server.config import Config
from server.store import backup, moving, retention, sealing, subject
from server.store.migrate import migrate
from server.store.retention import About, Decision


def add(commands: frame.Commands) -> None:
    frame.add(commands, "migrate", _migrate, "bring the database up to this program")
    command = frame.add(
        commands, "backup", _backup, "everything in the database into a new directory, while all goes on"
    )
    command.add_argument("directory", type=Path)
    command = frame.add(commands, "restore", _restore, "a backup into an empty database or data directory")
    command.add_argument("directory", type=Path)
    command = frame.add(commands, "move", _move, "everything into another, empty database, of any version or engine")
    command.add_argument("database", metavar="URL")
    _add_subject(frame.add(commands, "export-subject", _export_subject, "all that is kept of one person, as files"))
    _add_retention(
        frame.add(
            commands, "retention", _retention, "how long readings are kept: for ever, unless the controller decides"
        )
    )


def _add_subject(command: argparse.ArgumentParser) -> None:
    command.add_argument("reference", help="the municipality's own reference of the patient")
    command.add_argument("directory", type=Path)
    command.add_argument("--by", required=True, metavar="LOGIN", help="the member of staff who does it")
    command.add_argument("--reason", required=True)


def _add_retention(command: argparse.ArgumentParser) -> None:
    what = command.add_mutually_exclusive_group()
    what.add_argument("--keep-days", type=int, metavar="N", help="delete readings that are older")
    what.add_argument("--keep-everything", action="store_true", help="delete nothing from now on")
    what.add_argument("--thin-days", type=int, metavar="N", help="thin readings that are older to one for each hour")
    what.add_argument("--thin-nothing", action="store_true", help="thin nothing from now on")
    command.add_argument("--by", default="", help="who decides it")
    command.add_argument("--reason", default="")


def _migrate(config: Config, _: argparse.Namespace) -> None:
    applied = migrate(frame.database_of(config))
    print("\n".join(applied) or "The database is up to date.")


def _backup(config: Config, options: argparse.Namespace) -> None:
    made = backup.back_up(frame.database_of(config), options.directory, datetime.now(UTC))
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


def _move(config: Config, options: argparse.Namespace) -> None:
    with serving.resting_database(config) as dsn:
        counted = moving.move(dsn, options.database)
    print(f"Moved {sum(counted.values()):,} rows; the old database is as it was. Set HJEMVAKT_DATABASE_URL and start.")


def _export_subject(config: Config, options: argparse.Namespace) -> None:
    key = config.key_file()
    seals = sealing.read(key) if key.exists() else None
    given = {"by": options.by, "reason": options.reason, "seals": seals, "now": datetime.now(UTC)}
    counted = subject.export(frame.database_of(config), options.reference, options.directory, **given)
    print(
        f"{options.directory}: {sum(counted.values()):,} rows. Read it before you hand it over: others are named in it."
    )


def _retention(config: Config, options: argparse.Namespace) -> None:
    with database(config) as conn:
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
