"""Lamp and sound at home: real commands, run by the real home."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from devices.limits import Level
from devices.vocabulary import Event, EventType, Item, Kind, Observation
from devices.wire.messages import Command, Lane
from edge.config import HomeConfig, Night
from edge.core.health import Troubles
from edge.core.signs import Sign, State
from edge.home import LocalHome
from edge.local_action import WAITING, LocalAction, Task
from tests.integration.lamp import TELLS, Lamp
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration

BUTTON, METER = "C0:00:00:00:00:02", "C0:00:00:00:00:03"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY, NIGHT = Night(begins=time(0), ends=time(0)), Night(begins=time(0), ends=time.max)


class StandingClock:
    """Real seconds from a noon."""

    def __init__(self) -> None:
        self.ahead_s = 0.0

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.ahead_s)

    def monotonic_s(self) -> float:
        return self.ahead_s

    def is_set(self) -> bool:
        return True

    def is_wrong(self) -> bool:
        return False

    def hear(self, server_at: datetime) -> None:
        pass


class Rig:
    def __init__(self, lamp: Lamp, *, night: Night = DAY) -> None:
        self.lamp, self.clock, self.troubles = lamp, StandingClock(), Troubles()
        self.written: asyncio.Queue[Item] = asyncio.Queue()
        config = HomeConfig(action=(str(lamp.command),), timeout_s=20, night=night)
        self.home = LocalHome(config, ZoneInfo("UTC"), self.clock, self.troubles, self._write, quiet_s=75)
        self.home.names({BUTTON: "knapp"})

    def _write(self, items: Iterable[Item]) -> None:
        for item in items:
            self.written.put_nowait(item)

    def hears(self, item: Item, lane: Lane, seq: int) -> None:
        self.home.heard(item, Level.INSIDE)
        self.home.kept([(lane, seq, item)])

    def press(self, seq: int) -> None:
        self.hears(Event(device=BUTTON, type=EventType.SOS, occurred_at=self.clock.now()), Lane.ALARM, seq)


@asynccontextmanager
async def living(rig: Rig) -> AsyncIterator[Rig]:
    running = asyncio.create_task(rig.home.run())
    try:
        assert (await rig.lamp.line()).startswith("check|check|")
        yield rig
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        rig.lamp.close()


async def test_the_four_states_reach_the_lamp_in_norwegian(tmp_path: Path) -> None:
    async with living(Rig(Lamp(tmp_path))) as rig:
        rig.home.line(is_up=True)
        rig.home.answered()
        rig.hears(Observation(device=METER, kind=Kind.GLUCOSE, taken_at=NOW, value=6.0), Lane.BULK, 1)
        assert await rig.lamp.line() == f"reading_saved|reading_saved|1|{METER}|Målingen er lagret."
        rig.press(1)
        rig.home.arrived(Lane.ALARM, 1)
        assert await rig.lamp.line() == "alarm_sent|alarm_sent|1|knapp|Alarmen er sendt."
        rig.home.acknowledged(Command(gateway="hv-0001", command="acknowledged", device=BUTTON, type=EventType.SOS))
        assert (await rig.lamp.line()).startswith("acknowledged|acknowledged|1|knapp|Alarmen er sett.")
        rig.home.line(is_up=False)
        rig.clock.ahead_s = 61
        assert (await rig.lamp.line()).startswith("line_down|line_down|1||Ingen forbindelse.")
        assert rig.troubles.sentences() == []


async def test_alone_the_alarm_is_given_here_and_written_down_once(tmp_path: Path) -> None:
    async with living(Rig(Lamp(tmp_path), night=NIGHT)) as rig:
        rig.clock.ahead_s = 20  # the line was never up
        rig.press(1)
        assert (await rig.lamp.line()).startswith("alarm_not_sent|alarm_not_sent|1|knapp|Alarmen er ikke sendt")
        at = NOW + timedelta(seconds=20)
        assert await rig.written.get() == Event(device=BUTTON, type=EventType.LOCAL_ALARM, occurred_at=at)
        rig.clock.ahead_s = 81
        said = {(await rig.lamp.line()).split("|")[0]: None for _ in range(2)}
        assert said.keys() == {"alarm_not_sent", "line_down"}
        rig.home.line(is_up=True)
        rig.home.answered()
        rig.home.arrived(Lane.ALARM, 1)
        said = {(await rig.lamp.line()).split("|")[0]: None for _ in range(2)}
        assert list(said) == ["alarm_sent", "alarm_over"]
        assert rig.written.empty()


async def test_a_line_that_was_lost_a_moment_ago_is_given_its_time(tmp_path: Path) -> None:
    async with living(Rig(Lamp(tmp_path))) as rig:
        rig.clock.ahead_s = 5
        rig.press(1)
        for _ in range(10):
            await asyncio.sleep(0)  # the home looks at once
        rig.home.line(is_up=True)
        rig.home.arrived(Lane.ALARM, 1)
        assert (await rig.lamp.line()).startswith("alarm_sent|")


async def test_at_night_a_lost_line_is_light_without_sound(tmp_path: Path) -> None:
    async with living(Rig(Lamp(tmp_path), night=NIGHT)) as rig:
        rig.clock.ahead_s = 61
        assert (await rig.lamp.line()).startswith("line_down|line_down|0||")


async def test_an_alarm_left_waiting_by_an_earlier_run_is_taken_up_again(tmp_path: Path) -> None:
    async with living(Rig(Lamp(tmp_path))) as rig:
        rig.clock.ahead_s = 20
        rig.home.recall([(Lane.ALARM, 4, Event(device=BUTTON, type=EventType.FALL, occurred_at=NOW))], since=NOW)
        assert (await rig.lamp.line()).startswith("alarm_not_sent|")
        rig.home.arrived(Lane.ALARM, 4)
        assert (await rig.lamp.line()).startswith("alarm_sent|")


async def test_an_alarm_that_could_not_be_given_is_not_said_to_have_been(tmp_path: Path) -> None:
    rig = Rig(Lamp(tmp_path, script=f'{TELLS}; [ "$1" = check ]'))
    async with living(rig):
        rig.clock.ahead_s = 20
        rig.press(1)
        assert (await rig.lamp.line()).startswith("alarm_not_sent|")
        rig.clock.ahead_s = 80
        for _ in range(2):
            await rig.lamp.line()
        assert rig.written.empty()
        (sentence,) = rig.troubles.sentences()
        assert sentence.startswith("lamp and sound at home do not work: /")
        assert "ended with status 1" in sentence


def task(state: State, device: str | None = None) -> Task:
    return Task(sign=Sign(state=state, since=NOW, device=device), name="", sounds=True, worked=lambda: None)


@asynccontextmanager
async def acting(action: LocalAction) -> AsyncIterator[None]:
    running = asyncio.create_task(action.run())
    try:
        yield
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def trouble(troubles: Troubles) -> str:
    await asyncio.to_thread(await_true, lambda: bool(troubles.sentences()))
    return troubles.sentences()[0]


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (None, "cannot be started (No such file or directory)"),
        ("exit 3", "ended with status 3 at 'check'"),
        ("sleep 60", "did not end within 0.3 s at 'check' and was stopped"),
        ("trap '' TERM; sleep 60", "did not end within 0.3 s at 'check' and was stopped"),
    ],
)
async def test_a_command_that_does_not_work_is_lamp_to_the_technician_at_the_start(
    tmp_path: Path, script: str | None, says: str
) -> None:
    command = tmp_path / "lamp"
    if script is not None:
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)
    troubles = Troubles()
    async with acting(LocalAction(HomeConfig(action=(str(command),), timeout_s=0.3), troubles)):
        assert says in await trouble(troubles)


async def test_what_a_command_started_ends_with_it(tmp_path: Path) -> None:
    lamp = Lamp(tmp_path, script="sh -c 'trap \"\" TERM; sleep 60; sleep 60' & echo $!; wait")
    async with acting(LocalAction(HomeConfig(action=(str(lamp.command),), timeout_s=0.5), troubles := Troubles())):
        child = int(await lamp.line())
        assert "did not end" in await trouble(troubles)
        await asyncio.to_thread(await_true, lambda: not _is_alive(child))
    lamp.close()


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


async def test_alarms_go_first_and_the_row_of_signs_is_bounded(tmp_path: Path) -> None:
    lamp = Lamp(tmp_path)
    action = LocalAction(HomeConfig(action=(str(lamp.command),)), Troubles())
    for number in range(3 * WAITING):
        action.do(task(State.READING_SAVED, f"M{number}"))
        action.do(task(State.READING_SAVED, f"M{number}"))
    action.do(task(State.ALARM_SENT))
    action.do(task(State.ALARM_NOT_SENT))
    async with acting(action):
        said = [(await lamp.line()).split("|")[0] for _ in range(1 + WAITING)]
    lamp.close()
    assert said == ["check", "alarm_not_sent", "alarm_sent", *["reading_saved"] * (WAITING - 2)]


async def test_the_command_sees_nothing_of_our_own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_OF_OURS", "x")
    lamp = Lamp(tmp_path, script="env | cut -d= -f1 | sort | tr '\\n' ' '; echo")
    action = LocalAction(HomeConfig(action=(str(lamp.command),)), Troubles())
    action.do(task(State.ALARM_SENT))
    async with acting(action):
        await lamp.line()
        names = set((await lamp.line()).split())
    lamp.close()
    ours = {name for name in names if name.startswith("HJEMVAKT_")}
    assert ours == {f"HJEMVAKT_{each}" for each in ("STATE", "TEXT", "SOUND", "DEVICE", "SINCE")}
    assert names - ours <= {"PATH", "LANG", "PWD", "OLDPWD", "SHLVL", "_", "LC_CTYPE"}
