"""Alerts leave the house: sends the calls that are due on push, SMS and e-mail, and notes what became of them.

A thread of the clock role with a connection of its own. A call is this sender's for a while before it is sent; when the
sender dies in between, it is sent again: at least once. Every provider has a few threads of its own, so that a slow one
holds up nobody else's calls.
"""

import logging
import queue
import random
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Final, assert_never

import psycopg

from server.alerts.findings import NOT_REACHED, fault_over, not_reached
from server.store import alerts, notices, signals
from server.store.notices import Notice
from server.store.standby import Standby
from server.ways import said
from server.ways.carrier import Carrier
from server.ways.outcome import Failed, Sent, Why, again_after_s, passing

CAUSE: Final = "notify"
POLL_S: Final = 1.0
BUSY_S: Final = 0.05  # while something is under way: its outcome is noted soon
LANE_AT_ONCE: Final = 4
AT_ONCE: Final = 32  # in all lanes; each known provider has its threads
CLAIMED_FOR: Final = timedelta(seconds=60)  # longer than any send takes
LOOK_BACK_EVERY: Final = timedelta(minutes=1)
FAREWELL_S: Final = 5.0

log = logging.getLogger(__name__)


class Sender(Standby):
    name = "notify"
    lock = 0x686A656D6E6F7469  # "hjemnoti"

    def __init__(self, *, dsn: str, now: Callable[[], datetime], carrier: Carrier) -> None:
        super().__init__(dsn=dsn, now=now)
        self._carrier = carrier
        self._under_way: Counter[str] = Counter()
        self._done: queue.SimpleQueue[tuple[Notice, Sent | Failed]] = queue.SimpleQueue()
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="notify")
        self._looked_back_at: datetime | None = None

    def run(self) -> None:
        super().run()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def work(self, conn: psycopg.Connection) -> None:
        self._offer(conn)
        signals.listen(conn, [signals.Channel.NOTICE])
        while not self._stopping.is_set():
            self.round(conn, self._now())
            for _ in signals.wait(conn, BUSY_S if self._under_way.total() else POLL_S):
                pass
        self._farewell(conn)

    def round(self, conn: psycopg.Connection, now: datetime) -> None:
        self._note_all(conn, now)
        notices.settle(conn, now)
        for lane in notices.lanes(conn, now):
            room = min(LANE_AT_ONCE - self._under_way[lane], AT_ONCE - self._under_way.total())
            if room > 0:
                for notice in notices.claim(conn, lane, now, until=now + CLAIMED_FOR, most=room):
                    self._begin(conn, notice, now)
        self._look_back(conn, now)

    def _offer(self, conn: psycopg.Connection) -> None:
        known = notices.offer(conn, self._carrier.offers, self._carrier.push_hosts)
        ours = self._carrier.identity.public_key if self._carrier.identity else ""
        if known and ours and known != ours:
            log.error("push: the browsers know another key: put the vapid.pem here that the other clock role has")

    def _begin(self, conn: psycopg.Connection, notice: Notice, now: datetime) -> None:
        if notice.closed:
            notices.withdraw(conn, notice, now)
            return
        self._under_way[notice.lane] += 1
        self._threads.submit(self._send, notice, now)

    def _send(self, notice: Notice, now: datetime) -> None:
        outcome: Sent | Failed
        try:
            message = said.message(
                notice.id,
                notice.purpose,
                notice.language,
                public_url=self._carrier.public_url,
                alert=notice.alert_id,
                priority=notice.priority or "",
                code=notice.code,
            )
            outcome = self._carrier.send(message, notice.way, notice.address, notice.keys, now)
        except Exception as error:  # noqa: BLE001 - the outer edge of this thread: one message is one message
            log.error(
                "notice %d could not be sent (%s)", notice.id, type(error).__name__
            )  # its words may hold a secret
            outcome = passing(f"it could not be sent ({type(error).__name__})")
        self._done.put((notice, outcome))

    def _note_all(self, conn: psycopg.Connection, now: datetime) -> None:
        while True:
            try:
                notice, outcome = self._done.get_nowait()
            except queue.Empty:
                return
            try:
                with conn.transaction():
                    self._note(conn, notice, outcome, now)
            except psycopg.OperationalError:
                self._done.put((notice, outcome))
                raise
            self._under_way[notice.lane] -= 1

    def _note(self, conn: psycopg.Connection, notice: Notice, outcome: Sent | Failed, now: datetime) -> None:
        match outcome:
            case Sent(provider_id=provider_id):
                notices.sent(conn, notice, provider_id, now)
            case Failed(why=Why.PASSING, fault=fault, retry_after_s=asked_s):
                again_s = again_after_s(notice.tries, asked_s, random.random())
                if again_s is not None:
                    notices.put_off(conn, notice, fault, now + timedelta(seconds=again_s), now)
                elif notices.give_up(conn, notice, fault, now, state="failed"):
                    _tell_teams(conn, notice, fault, now)
            case Failed(why=why, fault=fault):
                if notices.give_up(conn, notice, fault, now, state="dead"):
                    if why is Why.GONE:
                        notices.break_way(conn, notice, fault, now)
                    _tell_teams(conn, notice, fault, now)
            case _:
                assert_never(outcome)

    def _look_back(self, conn: psycopg.Connection, now: datetime) -> None:
        """A technical alert ends when every way that failed has worked again, is gone, or failed a day ago."""
        if self._looked_back_at is not None and now < self._looked_back_at + LOOK_BACK_EVERY:
            return
        self._looked_back_at = now
        for team in set(notices.told(conn, NOT_REACHED)) - set(notices.lost(conn, now)):
            with conn.transaction():
                subject = alerts.cause_of_team(CAUSE, team)
                held = alerts.hold(conn, [subject])
                over = fault_over(subject, NOT_REACHED, now)
                alerts.apply(conn, alerts.decided(conn, held, [over], now), now)

    def _farewell(self, conn: psycopg.Connection) -> None:
        """What is under way is waited for a little, so that it need not be sent again."""
        end = self._now() + timedelta(seconds=FAREWELL_S)
        while self._under_way.total() and self._now() < end:
            threading.Event().wait(BUSY_S)
            self._note_all(conn, self._now())


def _tell_teams(conn: psycopg.Connection, notice: Notice, fault: str, now: datetime) -> None:
    lost = notices.lost(conn, now)
    subjects = {team: alerts.cause_of_team(CAUSE, team) for team in notices.teams_of(conn, notice)}
    held = alerts.hold(conn, subjects.values())
    findings = [
        not_reached(subject, now, calls=max(1, lost.get(team, 0)), why=f"{notice.way}: {fault}")
        for team, subject in subjects.items()
    ]
    if findings:
        alerts.apply(conn, alerts.decided(conn, held, findings, now), now)
