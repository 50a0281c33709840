"""`make smoke`: each episode reaches a screen as the right alert; then each part is killed and the books compared."""

import json
import os
import shutil
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
from ledger import Account, Entry, Gap, Stored, balance
from screen import Heard, Screen
from stack import PRACTICE, Stack, StackError

DATA = Path(os.environ.get("HJEMVAKT_DATA") or Path(__file__).parents[1] / "data" / "smoke")
# When each episode starts (s), and how much shorter its steps are. The line must be down longer than a deadline.
TEMPO = {
    "rest": (0.5, 1.0),
    "desaturation": (1.0, 0.07),
    "fall": (2.0, 1.0),
    "door": (2.5, 0.1),
    "low": (3.0, 0.1),
    "sos": (3.5, 1.0),
    "line": (15.0, 0.32),
    "off": (25.0, 0.1),
}
PRESSES, PRESS_EVERY_S = 20, 0.4
STREAM_S = 0.1  # ten times a second: the load
CADENCE_S = 1.0  # an interval in each second, so that a minute has many
PATIENCE = float(os.environ.get("PATIENCE") or 1)  # beside other work: how many times as long may it take?
EPISODES_WITHIN_S, BACK_WITHIN_S, DRAINED_WITHIN_S = 45.0 * PATIENCE, 15.0 * PATIENCE, 15.0 * PATIENCE


class Failed(Exception):
    """The run cannot go on; the message says what did not happen."""


def tempo(practice: dict[str, Any]) -> dict[str, Any]:
    """The exercise of the demo, played faster, with more presses to time."""
    for episode in practice["episodes"]:
        episode["at_s"], factor = TEMPO[episode["name"]]
        for step in episode["steps"]:
            step["after_s"] *= factor
            if "over_s" in step:
                step["over_s"] *= factor
        if episode["name"] == "sos":
            press = episode["steps"][0]
            episode["steps"] = [{**press, "after_s": n * PRESS_EVERY_S} for n in range(PRESSES)]
    return practice


def wait(what: str, happened: Callable[[], bool], within_s: float) -> float:
    began = time.monotonic()
    while not happened():
        if time.monotonic() - began > within_s:
            raise Failed(f"{what}: not within {within_s:.0f} s")
        time.sleep(0.05)
    return time.monotonic() - began


class Run:
    def __init__(self) -> None:
        shutil.rmtree(DATA, ignore_errors=True)
        DATA.mkdir(parents=True)
        practice = tempo(json.loads(PRACTICE.read_text(encoding="utf-8")))
        self.stack = Stack(DATA, practice=practice, heartbeat_s=1.0, stream_s=STREAM_S, cadence_s=CADENCE_S)
        self.kills: list[tuple[str, int, float]] = []  # what, when (ms), seconds until readings came again
        self.screen: Screen

    def start(self) -> None:
        self.stack.start_server()
        ready = self.stack.ready()
        member = self.stack.practice["staff"][0]
        self.screen = Screen(ready["http"], member["login"], self.stack.password)
        self.screen.start()
        self.stack.start_homes()
        for home in self.stack.homes.values():
            threading.Thread(target=home.stdout.read, daemon=True).start()

    def query(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.stack.ready()["dsn"], connect_timeout=5) as connection:
            return connection.execute(sql).fetchall()

    # ---- the episodes

    def expected(self) -> list[tuple[str, dict[str, Any]]]:
        episodes = self.stack.practice["episodes"]
        return [(episode["name"], expected) for episode in episodes for expected in episode.get("expect", ())]

    def arrived(self, expected: dict[str, Any]) -> Heard | None:
        return next((heard for heard in self.screen.heard() if self._is(heard.alert, expected)), None)

    def _is(self, alert: dict[str, Any], expected: dict[str, Any]) -> bool:
        board = self.screen.board
        patients = {p["id"]: p["name"] for p in board["patients"]}
        references = {h["patient"]["reference"]: h["patient"]["name"] for h in self.stack.practice["homes"]}
        homes = {h["id"]: h["address"] for h in board["homes"]}
        addresses = {h["name"]: h["address"] for h in self.stack.practice["homes"]}
        who = expected.get("patient")
        where = expected.get("home")
        return (
            (alert["rule"], alert["priority"]) == (expected["rule"], expected["priority"])
            and (who is None or patients.get(alert["patient"]) == references[who])
            and (where is None or homes.get(alert["home"]) == addresses[where])
            and alert["gateway"] == expected.get("gateway", alert["gateway"])
        )

    def play(self) -> None:
        def all_there() -> bool:
            return all(self.arrived(expected) for _, expected in self.expected())

        try:
            wait("every episode's alert", all_there, EPISODES_WITHIN_S)
        except Failed as error:
            absent = [name for name, expected in self.expected() if not self.arrived(expected)]
            raise Failed(f"{error}; no alert for: {', '.join(absent)}") from error
        presses = len([e for e in self.said() if e.what == "sos"])
        wait("each press of the button on the screen", lambda: self._rung("call:sos") >= presses, BACK_WITHIN_S)

    def _rung(self, rule: str) -> int:
        return max((heard.alert["count"] for heard in self.screen.heard() if heard.alert["rule"] == rule), default=0)

    def latencies(self) -> Iterator[tuple[str, list[float]]]:
        """Per episode: from the sensor's last word before the alert's newest reading to the socket, in ms."""
        said = self.said()
        for name, expected in self.expected():
            if expected["rule"] == "technical:gateway_silent":
                continue  # nobody spoke: that is the point
            times = []
            for heard in self.screen.heard():
                if self._is(heard.alert, expected) and (heard.ring or heard.alert["rev"] == 1):
                    spoken = [
                        e.at_ms for e in said if e.what == self._word(expected) and e.at_ms <= heard.newest_ms + 5
                    ]
                    times += [heard.at_ms - max(spoken)] if spoken else []
            yield name, sorted(times)

    def _word(self, expected: dict[str, Any]) -> str:
        rule = expected["rule"]
        return {"night:door": "door_opened", "technical:sensor_off": "sensor_off"}.get(rule) or rule.split(":")[1]

    # ---- the kills

    def kill_everything(self) -> None:
        agent = self.stack.gateways["demo-bjorkeveien"]
        self._kill("gateway agent", agent.kill, agent.start)
        for part in ("broker", "monitor", "postgres"):
            self._kill(part, lambda part=part: os.kill(self.stack.ready()["pids"][part], signal.SIGKILL), lambda: None)  # type: ignore[misc]

    def _kill(self, what: str, kill: Callable[[], None], restart: Callable[[], None]) -> None:
        at_ms = int(time.time() * 1000)
        kill()
        restart()
        back_s = wait(f"readings after kill -9 of the {what}", lambda: self._all_read_after(at_ms), BACK_WITHIN_S)
        self.kills.append((what, at_ms, back_s))

    def _all_read_after(self, at_ms: int) -> bool:
        fresh = f"select count(*) from latest where mode = 1 and taken_at > to_timestamp({at_ms + 200} / 1000.0)"  # noqa: S608
        streams = "select count(*) from latest where mode = 1"
        try:
            return self.query(fresh) == self.query(streams)
        except psycopg.OperationalError:
            return False

    # ---- the books

    def close(self) -> None:
        for home in self.stack.homes.values():
            home.hush()
        wait("everything accepted to be committed", self._drained, DRAINED_WITHIN_S)
        for gateway in self.stack.gateways.values():
            gateway.stop()

    def _outbox(self, name: str, sql: str) -> list[tuple[Any, ...]]:
        file = next(self.stack.outbox_folder(name).glob("outbox*.db"))
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    def _drained(self) -> bool:
        """The server's watermarks have reached the newest row of every lane of every outbox."""
        marks = {(name, lane): seq for name, lane, seq in self.query(MARKS)}
        return all(
            marks.get((name, lane), 0) == newest
            for name in self.stack.gateways
            for lane, newest in self._outbox(name, "select name, newest from lane")
        )

    def said(self) -> list[Entry]:
        return [
            Entry(**json.loads(line))
            for name in self.stack.homes
            for line in self.stack.said_file(name).read_text().splitlines()
            if line.endswith("}")
        ]

    def accepted(self) -> dict[str, int]:
        counts: dict[str, int] = {}
        for name in self.stack.gateways:
            for device, count in self._outbox(name, ACCEPTED):
                counts[device] = counts.get(device, 0) + count
        return counts

    def books(self) -> dict[str, Account]:
        stored = [
            Stored(device=d, what=w, value=v, low=low, high=high, n=n, at_ms=int(at), span_ms=round(1000 * span_s))
            for d, w, v, low, high, n, span_s, at in self.query(STORED)
        ]
        gaps = [Gap(device=d, from_ms=int(f), to_ms=int(t)) for d, f, t in self.query(GAPS)]
        kills = [at_ms for what, at_ms, _ in self.kills if what == "gateway agent"]
        readings = [entry for entry in self.said() if entry.what not in STATES]
        accepted = self.accepted()
        for state in [row for row in stored if _is_first_state(row, stored)]:
            stored.remove(state)
            accepted[state.device] -= 1
        return balance(readings, accepted, stored, gaps, kills)


def _is_first_state(row: Stored, stored: list[Stored]) -> bool:
    """How a door stood before anybody turned it: its idle advert says so, if it is heard before the first turn, or just
    as it happens. Every door of the exercise is first opened."""
    opened_ms = [each.at_ms for each in stored if each.device == row.device and each.what == "door_opened"]
    return row.what == "door_closed" and row.at_ms < min(opened_ms, default=0)


MARKS = "select g.name, w.lane, w.seq from watermark w join gateway g on g.id = w.gateway_id"
# Battery and contact are a device's own state, said anew by every run of an agent: no readings to count.
STATES = ("battery", "sensor_on", "sensor_off")
# Nor is it in the book of the virtual home what a sensor says beside its values.
BESIDE = ("rr_interval", "perfusion_index", "local_alarm", "proof")
ACCEPTED = f"""
    select content ->> 'device', sum(coalesce(content ->> 'n', 1)) from item
    where type <> 'g' and coalesce(content ->> 'kind', content ->> 'type') not in {STATES + BESIDE}
    group by 1
"""  # noqa: S608
STORED = """
    select d.address, k.word, round(o.value::numeric, 1)::float8, o.low, o.high, o.n, o.span_s,
           extract(epoch from o.taken_at) * 1000
    from (select device_id, kind, value, low, high, n, span_s, taken_at from observation union all
          select device_id, kind, value, low, high, n, span_s, taken_at from device_observation) o
    join device d on d.id = o.device_id
    join (values (1, 'heart_rate'), (2, 'pulse_rate'), (3, 'spo2'), (4, 'glucose'), (5, 'body_temperature'))
      k (number, word) on k.number = o.kind
    union all
    select d.address, e.type, null, null, null, 1, 0, extract(epoch from e.occurred_at) * 1000
    from event e join device d on d.id = e.device_id
    where e.type not in ('sensor_on', 'sensor_off', 'local_alarm')
"""
GAPS = """
    select d.address, extract(epoch from g.from_at) * 1000, extract(epoch from g.to_at) * 1000
    from stream_gap g join device d on d.id = g.device_id
"""


def quantile(times: list[float], share: float) -> str:
    return f"{times[min(len(times) - 1, int(share * len(times)))]:.0f}" if times else "-"


def report(run: Run, accounts: dict[str, Account]) -> bool:
    print(f"\n  {'episode':<14}{'alerts':>7}{'p50 ms':>8}{'p99 ms':>8}{'max ms':>8}")
    for name, times in run.latencies():
        print(f"  {name:<14}{len(times):>7}{quantile(times, 0.5):>8}{quantile(times, 0.99):>8}{quantile(times, 1):>8}")
    print(f"\n  {'killed (-9)':<14}{'readings again after':>22}")
    for what, _, seconds in run.kills:
        print(f"  {what:<14}{seconds:>20.1f} s")
    columns = {"said": 7, "accepted": 10, "stored": 8, "doubled": 9, "untrue": 8, "lost": 6, "undeclared": 12}
    print(f"\n  {'device':<20}" + "".join(f"{column:>{width}}" for column, width in columns.items()))
    good = True
    for device, account in sorted(accounts.items()):
        wrong = account.doubled or account.untrue or account.undeclared
        right = account.accepted == account.stored and not wrong
        good &= right
        print(
            f"  {device:<20}{account.said:>7}{account.accepted:>10}{account.stored:>8}{account.doubled:>9}"
            f"{account.untrue:>8}{len(account.lost):>6}{len(account.undeclared):>12}{'' if right else '   WRONG'}"
        )
        for entry in account.undeclared:
            around = ", ".join(f"{(entry.at_ms - at_ms) / 1000:+.1f} s from {what}" for what, at_ms, _ in run.kills)
            print(f"    {entry.what} {entry.value} was said and neither stored nor declared: {around}")
    missed, doubled = run.screen.missed, run.screen.doubled
    heard, opened = len(run.screen.heard()), run.screen.opened
    print(f"\n  socket: {heard} alert events in {opened} connections, {missed} missed, {doubled} doubled")
    return good and bool(accounts) and not missed and not doubled


def main() -> int:
    began = time.monotonic()
    run = Run()
    good = False
    try:
        run.start()
        print(f"  up after {time.monotonic() - began:.1f} s", flush=True)
        run.play()
        print(f"  every episode is on the screen after {time.monotonic() - began:.1f} s", flush=True)
        run.kill_everything()
        run.close()
        good = report(run, run.books())
    except (Failed, StackError) as error:
        print(f"\n  {error}", file=sys.stderr)
    finally:
        run.stack.stop()
    print(f"\n  smoke: {'all right' if good else 'FAILED'} in {time.monotonic() - began:.0f} s (data in {DATA})")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
