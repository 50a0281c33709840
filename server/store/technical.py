"""What went wrong with equipment and messages, as far as the caller may see it. After `sessions.identify`."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from psycopg import Connection
from psycopg.rows import class_row

from server.store import queries
from server.store.board import GatewayRow

SQL: Final = queries.load("technical")
SHOWN_MAX: Final = 200
LOCAL_ALARMS_FOR: Final = timedelta(days=14)


@dataclass(frozen=True, kw_only=True, slots=True)
class SetAsideRow:
    """`size`: bytes of the payload, which is never shown."""

    id: int
    at: datetime
    gateway: str | None
    topic: str
    reason: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class ConfigRow:
    """`taken_version` 0: the gateway's own file. `fault`: why a newer one cannot be made."""

    gateway: str
    version: int
    made_at: datetime
    published_at: datetime | None
    fault: str
    taken_version: int
    taken_at: datetime | None
    refused: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalAlarmRow:
    gateway: str | None
    device: str
    at: datetime
    received_at: datetime


def set_aside(conn: Connection) -> list[SetAsideRow]:
    with conn.cursor(row_factory=class_row(SetAsideRow)) as cursor:
        return cursor.execute(SQL["set_aside"], {"limit": SHOWN_MAX}).fetchall()


def set_aside_count(conn: Connection) -> int:
    return _number(conn, "set_aside_count")


def lost_rows(conn: Connection) -> int:
    return _number(conn, "lost_rows")


def unknown_fields(conn: Connection) -> int:
    return _number(conn, "unknown_fields")


def unassigned(conn: Connection) -> dict[str, int]:
    """Device address -> readings that are nobody's."""
    return dict(conn.execute(SQL["unassigned"], {"limit": SHOWN_MAX}).fetchall())


def homeless_gateways(conn: Connection) -> list[GatewayRow]:
    with conn.cursor(row_factory=class_row(GatewayRow)) as cursor:
        return cursor.execute(SQL["homeless_gateways"], {"limit": SHOWN_MAX}).fetchall()


def configs(conn: Connection, gateways: Iterable[str]) -> dict[str, ConfigRow]:
    with conn.cursor(row_factory=class_row(ConfigRow)) as cursor:
        return {row.gateway: row for row in cursor.execute(SQL["configs"], {"names": list(gateways)})}


def local_alarms(conn: Connection, now: datetime) -> list[LocalAlarmRow]:
    given = {"from_at": now - LOCAL_ALARMS_FOR, "limit": SHOWN_MAX}
    with conn.cursor(row_factory=class_row(LocalAlarmRow)) as cursor:
        return cursor.execute(SQL["local_alarms"], given).fetchall()


def _number(conn: Connection, statement: str) -> int:
    row: tuple[Any, ...] | None = conn.execute(SQL[statement]).fetchone()
    assert row is not None, "an aggregate always answers"
    return int(row[0])
