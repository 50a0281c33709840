"""LISTEN and NOTIFY: rows are the truth, a signal only says "look now", and a slow poll covers one that was lost.

A payload is the id of a batch, a team or a patient alone.
"""

import time
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import Final

import psycopg

from server.store import queries

SQL: Final = queries.load("signals")
MOST_NEWS_S: Final = 1.0


class Channel(StrEnum):
    READINGS = "hjemvakt_readings"  # a batch was committed: `latest` has rows with this batch
    ENROLMENT = "hjemvakt_enrolment"  # limits, pathways or bindings may have changed; of one patient, or "" of anybody
    COMMAND = "hjemvakt_command"  # gateway_command has a new row
    NOTICE = "hjemvakt_notice"  # somebody is called: notice has a new row
    RETRY = "hjemvakt_retry"  # a message that was set aside is to be tried again: set_aside_try has a new row
    TRUST = "hjemvakt_trust"  # a gateway was let in or revoked, or a certificate was made or first used
    TEAM = "hjemvakt_team"  # a team's log has grown: the payload is the team's id


def send(conn: psycopg.Connection, channel: Channel, payload: int | str = "") -> None:
    """Heard when this transaction commits."""
    conn.execute(SQL["send"], {"channel": str(channel), "payload": str(payload)})


def listen(conn: psycopg.Connection, channels: Iterable[Channel]) -> None:
    """On a connection in autocommit mode."""
    for channel in channels:
        conn.execute(SQL[f"listen_{channel.name.lower()}"])


def wait(conn: psycopg.Connection, limit_s: float) -> Iterator[tuple[Channel, str]]:
    """What was said within the limit; ends as soon as something was."""
    for notice in conn.notifies(timeout=limit_s, stop_after=1):
        yield Channel(notice.channel), notice.payload


def settle(conn: psycopg.Connection, limit_s: float, quiet_s: float) -> bool:
    """Whether something was said within the limit. What follows without a pause of `quiet_s` is the same news, for at
    most a second: a thousand signals must not make a thousand looks."""
    said = any(True for _ in wait(conn, limit_s))
    end = time.monotonic() + MOST_NEWS_S
    while said and time.monotonic() < end and any(True for _ in wait(conn, quiet_s)):
        continue
    return said
