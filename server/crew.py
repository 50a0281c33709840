"""What makes a monitor one of several: it pulls its share of the buckets, and tells the others that it is at work."""

import os
import socket
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final

import psycopg

from devices.wire.topics import Channel
from server.own_certificate import Proof
from server.store import pool, rolelife
from server.store.arrival import Arrival
from server.store.shares import Member, told_by_all
from server.stream import StreamSession

NAME_BYTES: Final = 4


class Crew:
    """Called from one thread."""

    def __init__(self, *, dsn: str, nats_url: str, started: datetime) -> None:
        self._dsn = dsn
        self._urls = [each.strip() for each in nats_url.split(",")]
        host = socket.gethostname()
        self.member = Member(name=f"{host}-{os.urandom(NAME_BYTES).hex()}", host=host, started=started)
        self._sessions: list[StreamSession] = []
        self._told: dict[str, Any] = {}

    def session(
        self, client_id: str, channels: Sequence[Channel], take: Callable[[Arrival], None], proof: Proof
    ) -> StreamSession:
        made = StreamSession(self._urls, name=client_id, channels=channels, take=take, tls=proof)
        self._sessions.append(made)
        return made

    def beat(
        self,
        conn: psycopg.Connection,
        *,
        keeps_up: bool,
        detail: dict[str, Any],
        now: datetime,
        anew: Callable[[], None],
    ) -> None:
        """Who hears nothing, or gets nowhere, says nothing: others take over what it has. `anew`: what is remembered of
        patients may be what another monitor has moved on from."""
        if not (keeps_up and all(each.is_up for each in self._sessions)):
            return
        hears = all(each.hears for each in self._sessions)
        shares = self.member.look(conn, hears=hears, rests=self._rests)
        if shares.has_more:
            anew()
        for each in self._sessions:
            each.serve(shares.serve)
        if shares.all_are_heard:
            with conn.transaction():
                total = told_by_all(conn, detail, self._told)
                rolelife.monitor_hears(conn, now, shares.since, total)
            self._told = detail

    def leave(self) -> None:
        """At the end; while the database is gone, the others find out by themselves."""
        try:
            with pool.connect(self._dsn, name="monitor", autocommit=True) as conn:
                self.member.leave(conn)
        except psycopg.Error:
            return

    def _rests(self, bucket: int) -> bool:
        return all(each.rests(bucket) for each in self._sessions)
