"""From one database to another: embedded to real, an older PostgreSQL, without TimescaleDB or with it.

Rows are copied into a schema that the target's own migrations made, so that neither version nor engine has to be the
same. It is the same installation afterwards, with the same epoch: gateways and screens go on. All of it or nothing.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Final

import psycopg
from psycopg.sql import SQL as Sql
from psycopg.sql import Composed, Identifier

from server.errors import BackupError
from server.store import migrate, pool, queries
from server.store.backup import SQL as BACKUP

SQL: Final = queries.load("moving")
# Counted from readings; on TimescaleDB it is not even a table. `migration` is what the target made itself.
NOT_COPIED: Final = frozenset({"observation_hour", "observation_dirty", "observation_kept", "migration"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """`needs`: tables that it refers to. `triggers`: ours, which have done their work where the rows come from."""

    name: str
    columns: list[str]
    needs: list[str]
    triggers: list[str]


def move(source: str, target: str) -> dict[str, int]:
    """Rows by table. Nobody may be at work in the source, and the target is empty."""
    with (
        contextlib.closing(pool.connect(source, name="move-from")) as old,
        contextlib.closing(pool.connect(target, name="move-to", autocommit=True)) as new,
    ):
        _refuse(old, new)
        migrate.migrate(source)
        migrate.migrate(target)
        for conn in (old, new):
            conn.execute(BACKUP["stay"])
        old.commit()
        old.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        with old.transaction(), new.transaction():
            return _copy(old, new)


def _refuse(old: psycopg.Connection, new: psycopg.Connection) -> None:
    if working := at_work(old):
        raise BackupError(f"Hjemvakt is at work in that database ({working}): stop it, so that nothing comes after.")
    (things,) = new.execute(BACKUP["things"]).fetchone() or (0,)
    if things:
        raise BackupError("The database is not empty, and nothing is ever overwritten: move into a new one.")
    old.commit()


def at_work(conn: psycopg.Connection) -> str:
    """Who else of us is at work in this database; empty: nobody."""
    (working,) = conn.execute(SQL["others"]).fetchone() or (None,)
    return working or ""


def _copy(old: psycopg.Connection, new: psycopg.Connection) -> dict[str, int]:
    wanted = {table.name: table for table in _tables(old)}
    there = {table.name: table for table in _tables(new)}
    assert set(wanted) == set(there), "one program made both schemas"
    _clear(new, there)
    (days,) = old.execute(SQL["days"]).fetchone() or (None,)
    new.execute(SQL["make_days"], {"days": days or []})
    counted = {}
    for name in TopologicalSorter({table.name: table.needs for table in wanted.values()}).static_order():
        counted[name] = _copy_table(old, new, wanted[name])
    _go_on(old, new, there)
    return counted


def _tables(conn: psycopg.Connection) -> list[Table]:
    found = conn.execute(SQL["tables"]).fetchall()
    return [
        Table(name=name, columns=columns, needs=[each for each in needs if each not in NOT_COPIED], triggers=triggers)
        for name, columns, needs, triggers in found
        if name not in NOT_COPIED
    ]


def _clear(new: psycopg.Connection, tables: Mapping[str, Table]) -> None:
    """Migrations write rows, too: those of the source take their places."""
    _switch(new, tables, Sql("disable"))
    new.execute(Sql("truncate {}").format(Sql(", ").join(map(Identifier, sorted(tables)))))


def _switch(new: psycopg.Connection, tables: Mapping[str, Table], how: Sql) -> None:
    for table in tables.values():
        for trigger in table.triggers:
            words = (Identifier(table.name), how, Identifier(trigger))
            new.execute(Sql("alter table {} {} trigger {}").format(*words))


def _copy_table(old: psycopg.Connection, new: psycopg.Connection, table: Table) -> int:
    """As text, which every version reads."""
    columns = Sql(", ").join(map(Identifier, table.columns))
    reading = Sql("copy (select {} from {}) to stdout").format(columns, Identifier(table.name))
    writing = Sql("copy {} ({}) from stdin").format(Identifier(table.name), columns)
    with old.cursor() as from_old, new.cursor() as to_new:
        with from_old.copy(reading) as lines, to_new.copy(writing) as room:
            for piece in lines:
                room.write(piece)
        written = to_new.rowcount
    count = Sql("select count(*) from {}").format(Identifier(table.name))
    counts = [_number(conn, count) for conn in (old, new)]
    if counts != [written, written]:
        raise BackupError(f"{table.name} has {counts[0]} rows, and {counts[1]} came: nothing was moved.")
    return written


def _number(conn: psycopg.Connection, question: Composed) -> int:
    row = conn.execute(question).fetchone()
    assert row is not None
    return int(row[0])


def _go_on(old: psycopg.Connection, new: psycopg.Connection, tables: Mapping[str, Table]) -> None:
    for sequence, last in old.execute(SQL["sequences"]).fetchall():
        new.execute(SQL["number_on"], {"sequence": sequence, "last": last})
    (thinned,) = old.execute(SQL["thinned"]).fetchone() or (None,)
    new.execute(SQL["count_anew"], {"thinned": thinned})
    _switch(new, tables, Sql("enable"))
