"""A week of three teams in virtual time, on a real PostgreSQL: real policy, escalation, duty and team logs.

Whoever works dies now and then, and what was not committed is done again. Two api processes serve the screens; they
and the database are killed, too."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any, Final

import psycopg

from server.alerts.findings import Finding, subject_of
from server.alerts.model import Action
from server.store import alerts, duty, escalations, expiry, pool
from server.store.embedded import EmbeddedPostgres
from server.store.migrate import migrate
from tests.api_process import ApiProcess
from tests.sim.week_screens import Screen, Screens
from tests.sim.week_staff import change_shift, eyes, look
from tests.sim.week_world import MONDAY, NURSES, WEEK, Team, found_in_a_week, has_been, settle

DIES: Final = 0.01  # of what monitor, clock and staff do
SHIFT: Final = timedelta(hours=8)
LOOKS: Final = (4.0, 16.0)  # minutes from one look at a team's board to the next
NOBODY_LOOKS: Final = timedelta(minutes=50)  # once in a shift
CAUGHT_UP_S: Final = 60.0
DUE: Final = """select min(due_at) from deadline
                where state = 'waiting' and type in ('escalation', 'snooze') and due_at <= %s"""


@dataclass(kw_only=True)
class Week:
    """What happened, as those who did it remember: what the database and the screens say is held against it."""

    postgres: EmbeddedPostgres
    teams: list[Team]
    screens: list[Screen]
    found: defaultdict[tuple[str, str, str], defaultdict[datetime, set[bool]]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(set))
    )
    """when, by type and reference of the subject and by rule; and whether it was known only to have been"""
    done: defaultdict[int, set[tuple[datetime, Action]]] = field(default_factory=lambda: defaultdict(set))
    """by staff, about which alert"""
    shifts: set[datetime] = field(default_factory=set)
    findings: int = 0
    killed: int = 0
    behind: list[str] = field(default_factory=list)
    """screens that did not get there at the end"""

    def ask(self, question: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.postgres.dsn()) as conn:
            return conn.execute(question.encode()).fetchall()


@contextlib.contextmanager
def played(seed: int, folder: Path, *, findings: int) -> Iterator[Week]:
    """The week as it is when it is over; its database still runs."""
    postgres = EmbeddedPostgres(folder / "postgres")
    with contextlib.ExitStack() as stack:
        stack.callback(postgres.stop)
        postgres.start()
        migrate(postgres.dsn())
        with psycopg.connect(postgres.dsn()) as conn:
            teams = settle(conn)
        apis = [ApiProcess(postgres.dsn(), folder) for _ in range(2)]
        for api in apis:
            stack.callback(api.close)
        ports = [api.port for api in apis]
        # Of each team one nurse at either process, and one who moves to the other whenever a line is lost.
        watch = [(team, own) for team in teams for own in (ports[:1], ports[1:], ports)]
        screens = [Screen(login=f"s{team.nurses[0]}", ports=own) for team, own in watch]
        week = Week(postgres=postgres, teams=teams, screens=screens)
        live = Screens(screens)
        with live.running():
            _Play(week, Random(seed), apis, live, findings).run()
        yield week


class _Play:
    def __init__(self, week: Week, dice: Random, apis: list[ApiProcess], live: Screens, findings: int) -> None:
        self._week, self._dice, self._apis, self._live = week, dice, apis, live
        self._coming: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._number = count()
        self._eyes = eyes(findings)
        self._on_duty = dict.fromkeys(week.teams, 0)
        self._nobody_looks_from = dict.fromkeys(week.teams, MONDAY)
        self._conn = self._connect()
        for number in range(WEEK // SHIFT):
            self._at(MONDAY + number * SHIFT, partial(self._shift, number))
        for at, together in found_in_a_week(dice, findings):
            self._at(at, partial(self._store, together))
        for team in week.teams:
            self._at(MONDAY, partial(self._look, team))
        self._plan_faults()

    def _plan_faults(self) -> None:
        for api in self._apis:
            self._at(self._some_time(), lambda _, api=api: api.kill_and_start())
        self._at(self._some_time(), self._restart_database)
        for screen in self._week.screens[::2]:
            for _ in range(2):
                sleeps = self._some_time()
                self._at(sleeps, lambda _, screen=screen: self._live.lid(screen, is_open=False))
                self._at(sleeps + SHIFT, lambda _, screen=screen: self._live.lid(screen, is_open=True))

    def _some_time(self) -> datetime:
        return MONDAY + self._dice.uniform(0.1, 0.8) * WEEK

    def _at(self, at: datetime, what: Callable[[datetime], None]) -> None:
        heappush(self._coming, (at, next(self._number), what))

    def run(self) -> None:
        try:
            while self._coming:
                at, _, what = heappop(self._coming)
                self._clock(at)
                what(at)
            self._clock(MONDAY + WEEK)
            self._await_screens()
        finally:
            self._conn.close()

    # ---- monitor, clock and staff

    def _store(self, together: list[Finding], now: datetime) -> None:
        def happen(conn: psycopg.Connection) -> None:
            held = alerts.hold(conn, map(subject_of, together))
            alerts.apply(conn, alerts.decided(conn, held, together, now), now)

        self._do(happen)
        self._week.findings += len(together)
        for finding in together:
            subject = subject_of(finding)
            self._week.found[str(subject.type), subject.reference, finding.rule][now].add(has_been(finding))

    def _clock(self, until: datetime) -> None:
        """To each moment at which something is due, as the clock's round has it."""
        while (due := self._conn.execute(DUE, (until,)).fetchone()) and due[0] is not None:
            self._do(partial(expiry.expire_due, now=due[0], monitor_hears=True))
            self._do(partial(escalations.go_on, now=due[0]))

    def _shift(self, number: int, now: datetime) -> None:
        for team in self._week.teams:
            self._do(partial(change_shift, team=team, shift=number, now=now))
            self._on_duty[team] = team.nurses[2 * number % NURSES]
            self._nobody_looks_from[team] = now + self._dice.random() * (SHIFT - NOBODY_LOOKS)
        self._do(partial(duty.watch, now=now))
        self._week.shifts.add(now)

    def _look(self, team: Team, now: datetime) -> None:
        if not timedelta(0) <= now - self._nobody_looks_from[team] < NOBODY_LOOKS:
            done: list[tuple[int, Action]] = []

            def happen(conn: psycopg.Connection) -> None:
                done[:] = look(conn, self._dice, team, self._on_duty[team], now, most=self._eyes)

            self._do(happen)
            for alert, action in done:
                self._week.done[alert].add((now, action))
        after = now + timedelta(minutes=self._dice.uniform(*LOOKS))
        if after < MONDAY + WEEK:
            self._at(after, partial(self._look, team))

    def _do(self, happen: Callable[[psycopg.Connection], object]) -> None:
        """Whoever does it may die before the commit; another one begins anew."""
        while self._dice.random() < DIES:
            with self._conn.transaction(force_rollback=True):
                happen(self._conn)
            self._week.killed += 1
            self._conn.close()
            self._conn = self._connect()
        with self._conn.transaction():
            happen(self._conn)

    # ---- the rest

    def _connect(self) -> psycopg.Connection:
        return pool.connect(self._week.postgres.dsn(), name="week", autocommit=True)

    def _restart_database(self, _: datetime) -> None:
        self._conn.close()
        self._week.postgres.restart()
        self._conn = self._connect()

    def _await_screens(self) -> None:
        """All lids are open again: everybody gets to the end of the log."""
        heads = {str(team): head for team, head in self._conn.execute("select id, head from team")}
        end = monotonic() + CAUGHT_UP_S
        for screen in self._week.screens:
            self._live.lid(screen, is_open=True)
            while screen.behind(heads) and monotonic() < end:
                sleep(0.05)
            if screen.behind(heads):
                self._week.behind.append(f"a screen of {screen.login} stands at {screen.cursors}, the log at {heads}")
