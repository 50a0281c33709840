"""The live socket: carries out what screen.py decides.

One task listens to the database, one reads the teams' logs as soon as something was said, one reads new values at most
four times a second, and one looks at everything every few seconds, which covers a signal that was lost and is what a
heartbeat stands for: no heartbeat without a look at the database.
"""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from random import uniform
from typing import Any, Final, TypeVar

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg_pool import PoolTimeout, TooManyRequests

from server.access import Deed
from server.api import log as team_log
from server.api.desk import Pool
from server.api.lines import Line
from server.api.live_schemas import Hello, Proven, ResetReason, Seen
from server.api.log import NewestValues
from server.api.screen import Feed, LoggedEvent, Screen, why_reset
from server.store import access_log, board, proofs, screens, sessions
from server.store.screens import SeenAlerts
from server.store.sessions import Caller
from server.store.signals import Channel

LOOK_EVERY_S: Final = 5.0
VALUES_EVERY_S: Final = 0.25
RETRY_S: Final = 0.3
LISTEN_RETRY_S: Final = (0.2, 1.0)
CHUNK: Final = 200  # events in one read; fits into a screen's queue
CHUNKS_MAX: Final = 40
CLIENTS_MAX: Final = 2000
TAKEN_AT_ONCE: Final = 16_384  # characters of one screen in one write; what is more urgent comes before the next
TOLD_AT_ONCE: Final = 250  # screens, before others of this process have a turn
SIGNALS: Final = (Channel.TEAM, Channel.READINGS, screens.SEEN, sessions.SESSION_CLOSED)

SIGNED_OUT: Final = 4401
TRY_AGAIN: Final = 1013

NO_DATABASE: Final = (psycopg.Error, PoolTimeout, TooManyRequests)
T = TypeVar("T")
Read = Callable[[psycopg.Connection], T]
logger = logging.getLogger(__name__)


class Client:
    """One open socket. `ending` says why it is to be closed."""

    def __init__(self, caller: Caller, line: Line) -> None:
        self.caller = caller
        self.screen = Screen()
        self._line = line
        self._held_up = asyncio.Event()
        self.drained = asyncio.Event()
        self.ending: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    @property
    def teams(self) -> frozenset[int]:
        return self.caller.teams(Deed.SEE_PATIENTS)

    def end(self, code: int, reason: str) -> None:
        if not self.ending.done():
            self.ending.set_result((code, reason))

    def tell(self) -> None:
        """What waits goes at once, as far as the peer takes it; `follow` sends the rest when it has room again."""
        while self._line.has_room:
            if not (texts := self.screen.take(TAKEN_AT_ONCE)):
                self.drained.set()
                return
            self._line.write(texts)
        self.drained.clear()
        self._held_up.set()

    async def follow(self) -> None:
        """Until the line is gone."""
        while True:
            await self._held_up.wait()
            self._held_up.clear()
            await self._line.room()
            if not self._line.is_open:
                return
            self.tell()


class Hub:
    def __init__(self, *, pool: Pool, dsn: str, now: Callable[[], datetime]) -> None:
        """`dsn`: for the connection that listens."""
        self._pool = pool
        self._dsn = dsn
        self._now = now
        self._clients: dict[Screen, Client] = {}
        self._feeds: dict[int, Feed] = {}
        self._dirty: set[int] = set()
        self._seen: defaultdict[int, set[int]] = defaultdict(set)
        self._epoch: str | None = None
        self._values_in_order = asyncio.Lock()
        self._log_grew = asyncio.Event()
        self._values_came = asyncio.Event()
        self._session_closed = asyncio.Event()
        # Events never queue behind anything else: a thread of their own, and a connection for each thread.
        self._urgent = ThreadPoolExecutor(1, thread_name_prefix="live-events")
        self._threads = ThreadPoolExecutor(2, thread_name_prefix="live")

    async def run(self) -> None:
        """Until cancelled."""
        steps = (self._listen, self._read_logs, self._read_values, self._look, self._check_sessions_at_logout)
        try:
            async with asyncio.TaskGroup() as group:
                for step in steps:
                    group.create_task(_keep(step))
        finally:
            self._urgent.shutdown(wait=False, cancel_futures=True)
            self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def screens(self) -> int:
        """How many are open here."""
        return len(self._clients)

    # ---- what sockets ask for

    async def admit(self, token_hash: bytes, line: Line) -> Client | tuple[int, str]:
        """A client, or why not: a close code and its reason."""
        if len(self._clients) >= CLIENTS_MAX:
            return TRY_AGAIN, "too many screens on this server"
        try:
            caller = await self._database(lambda conn: sessions.find(conn, token_hash, self._now()))
        except NO_DATABASE:
            return TRY_AGAIN, "the database does not answer"
        if caller is None:
            return SIGNED_OUT, "not signed in"
        if not caller.teams(Deed.SEE_PATIENTS):
            return 4403, "this role has no board"
        client = Client(caller, line)
        self._clients[client.screen] = client
        return client

    def dismiss(self, client: Client) -> None:
        self._leave_feeds(client)
        self._clients.pop(client.screen, None)

    async def greet(self, client: Client, hello: Hello) -> None:
        """Resume or reset. A screen joins a team's feed when it has read the log up to where the feed stands."""
        self._leave_feeds(client)
        client.screen.name = hello.screen
        now = self._now()
        epoch, heads = await self._as(client, partial(_greeted, teams=client.teams, now=now))
        reason = why_reset(epoch=epoch, heads=heads, claimed_epoch=hello.epoch, claimed=hello.cursors)
        if reason is not None:
            self._reset(client, epoch, reason)
            return
        client.screen.resume(epoch, hello.cursors)
        client.tell()
        for team, head in heads.items():
            await self._catch_up(client, team, head)

    async def see(self, client: Client, seen: Seen) -> None:
        if client.screen.name:
            name, now = client.screen.name, self._now()
            told = await self._as(client, lambda conn: screens.see(conn, seen.alerts, screen=name, now=now))
            for each in told:  # our own screens do not depend on the signal, which other processes get
                self._hear_seen(each)

    async def prove(self, client: Client, proven: Proven) -> None:
        now = self._now()
        await self._as(client, lambda conn: proofs.see(conn, proven.proof, now))

    def pong(self, client: Client) -> None:
        client.screen.pong(self._now())
        client.tell()

    async def _catch_up(self, client: Client, team: int, head: int) -> None:
        for _ in range(CHUNKS_MAX):
            if team not in client.screen.cursors:
                return
            feed = self._feeds.get(team)
            if feed is None:
                feed = self._feeds[team] = Feed(team=team, head=head)
            if feed.join(client.screen):
                client.tell()
                self._wake(team)
                return
            after = client.screen.cursors[team]
            events = await self._as(client, partial(team_log.read_events, team=team, after=after, limit=CHUNK))
            await client.drained.wait()
            if client.screen.cursors.get(team) != after:  # it was reset meanwhile
                return
            if not events or events[0].seq != after + 1:
                break
            for event in events:
                client.screen.log(event)
            client.tell()
        client.end(TRY_AGAIN, "the log runs faster than it can be replayed")

    def _leave_feeds(self, client: Client) -> None:
        for team, feed in list(self._feeds.items()):
            feed.leave(client.screen)
            if not feed.screens:
                del self._feeds[team]

    # ---- what the tasks do

    async def _listen(self) -> None:
        try:
            async with await psycopg.AsyncConnection.connect(
                self._dsn, autocommit=True, application_name="hjemvakt-live"
            ) as conn:
                for channel in SIGNALS:
                    await conn.execute(SQL("listen {}").format(Identifier(channel)))
                self._look_everywhere()  # at what was said while nobody listened
                async for notice in conn.notifies():
                    self._hear(notice.channel, notice.payload)
        except psycopg.OperationalError as error:
            logger.warning("nobody listens to the database: %s", error)
        await asyncio.sleep(uniform(*LISTEN_RETRY_S))

    def _hear(self, channel: str, payload: str) -> None:
        match channel:
            case Channel.TEAM:
                self._wake(int(payload))
            case Channel.READINGS:
                self._values_came.set()
            case screens.SEEN:
                self._hear_seen(SeenAlerts.parse(payload))
            case sessions.SESSION_CLOSED:
                self._session_closed.set()

    def _hear_seen(self, seen: SeenAlerts) -> None:
        self._seen[seen.team].update(seen.alerts)
        self._values_came.set()

    def _wake(self, team: int) -> None:
        self._dirty.add(team)
        self._log_grew.set()
        feed = self._feeds.get(team)
        if feed is not None and feed.batch < 0:
            self._values_came.set()

    def _look_everywhere(self) -> None:
        for team in self._feeds:
            self._wake(team)
        self._values_came.set()
        self._session_closed.set()

    async def _read_logs(self) -> None:
        await self._log_grew.wait()
        self._log_grew.clear()
        teams, self._dirty = self._dirty, set()
        try:
            for team in teams:
                await self._advance(team)
        except NO_DATABASE:
            self._dirty |= teams
            self._log_grew.set()
            raise

    async def _advance(self, team: int) -> None:
        """Whoever calls this twice at a time does no harm: a feed takes events by seq."""
        while (feed := self._feeds.get(team)) is not None and feed.screens:
            read = partial(team_log.read_events, team=team, after=feed.head, limit=CHUNK)
            events = await self._database(read, staff=self._reader(feed), threads=self._urgent)
            await self._deliver(feed, events)
            if len(events) < CHUNK:
                return

    async def _deliver(self, feed: Feed, events: Iterable[LoggedEvent]) -> None:
        for screen in feed.log(events):
            self._clients[screen].end(TRY_AGAIN, "this screen takes its events too slowly: resume")
        await self._tell(feed.screens)

    async def _read_values(self) -> None:
        await self._values_came.wait()
        self._values_came.clear()
        for feed in self._followed():
            async with self._values_in_order:
                newest = await self._values(feed, after_batch=feed.batch)
                feed.update_values(newest.texts)
                feed.batch = max(feed.batch, newest.batch)
            await self._spread_seen(feed)
            await self._tell(feed.screens)
        await asyncio.sleep(VALUES_EVERY_S)

    async def _spread_seen(self, feed: Feed) -> None:
        alerts = self._seen.pop(feed.team, set())
        if alerts and feed.screens:
            counts = await self._database(lambda conn: screens.seen_on(conn, alerts), staff=self._reader(feed))
            feed.seen_on(counts)

    async def _look(self) -> None:
        """Everything, whether anybody said something or not."""
        await asyncio.sleep(LOOK_EVERY_S)
        await self._check_sessions()
        for feed in self._followed():
            await self._advance(feed.team)
            async with self._values_in_order:
                feed.replace_values((await self._values(feed, after_batch=-1)).texts)
        self._seen = defaultdict(set, {team: seen for team, seen in self._seen.items() if team in self._feeds})
        now = self._now()
        for screen in self._clients:
            screen.heartbeat(now)
        await self._tell(self._clients)

    async def _values(self, feed: Feed, *, after_batch: int) -> NewestValues:
        if not feed.screens:
            return NewestValues(batch=after_batch, texts=feed.values)
        read = partial(team_log.read_values, team=feed.team, now=self._now(), after_batch=after_batch)
        return await self._database(read, staff=self._reader(feed))

    async def _check_sessions_at_logout(self) -> None:
        await self._session_closed.wait()
        self._session_closed.clear()
        await self._check_sessions()

    async def _check_sessions(self) -> None:
        """A session that is over ends its sockets; a change of teams makes a screen fetch its board again."""
        clients = list(self._clients.values())
        if not clients:
            return
        hashes, now = {client.caller.token_hash for client in clients}, self._now()
        epoch, standing = await self._database(partial(_standing, hashes=hashes, now=now))
        restored, self._epoch = self._epoch not in (None, epoch), epoch
        for client in clients:
            caller = standing.get(client.caller.token_hash)
            if caller is None:
                client.end(SIGNED_OUT, "the session is over")
            elif restored:
                self._reset(client, epoch, "unknown_epoch")
            elif caller.teams(Deed.SEE_PATIENTS) != client.teams:
                client.caller = caller
                self._reset(client, epoch, "teams_changed")

    def _reset(self, client: Client, epoch: str, reason: ResetReason) -> None:
        self._leave_feeds(client)
        client.screen.reset(epoch, reason)
        client.tell()

    # ---- small things

    def _followed(self) -> list[Feed]:
        return [feed for feed in self._feeds.values() if feed.screens]

    def _reader(self, feed: Feed) -> int:
        """In whose name a team's log is read: anybody's who follows it, for row-level security knows only people."""
        return self._clients[next(iter(feed.screens))].caller.staff

    async def _tell(self, screens: Iterable[Screen]) -> None:
        for number, screen in enumerate(list(screens), 1):
            if (client := self._clients.get(screen)) is not None:
                client.tell()
            if number % TOLD_AT_ONCE == 0:
                await asyncio.sleep(0)

    async def _as(self, client: Client, read: Read[T]) -> T:
        return await self._database(read, staff=client.caller.staff)

    async def _database(
        self, read: Read[T], *, staff: int | None = None, threads: ThreadPoolExecutor | None = None
    ) -> T:
        def transact() -> T:
            with self._pool.connection() as conn:
                if staff is not None:
                    sessions.identify(conn, staff)
                return read(conn)

        return await asyncio.get_running_loop().run_in_executor(threads or self._threads, transact)


def _greeted(conn: psycopg.Connection, *, teams: frozenset[int], now: datetime) -> tuple[str, dict[int, int]]:
    """The team's patients are before somebody's eyes from now on."""
    access_log.remember_rosters(conn, dict.fromkeys(teams), "live", now)
    return board.epoch(conn), board.heads(conn, teams)


def _standing(conn: psycopg.Connection, *, hashes: Collection[bytes], now: datetime) -> tuple[str, dict[bytes, Caller]]:
    """A screen that is open is somebody who is there."""
    standing = sessions.standing(conn, hashes, now)
    sessions.used(conn, standing.values(), now)
    return board.epoch(conn), standing


async def _keep(step: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """A failure of one round never ends the task: the next round finds what this one left."""
    while True:
        try:
            await step()
        except Exception as error:
            expected = isinstance(error, NO_DATABASE)
            logger.warning("live: %s: %s", step.__name__, error, exc_info=None if expected else error)
            await asyncio.sleep(RETRY_S)
