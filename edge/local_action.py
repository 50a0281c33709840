"""Lamp and sound at home: a command of the gateway's own configuration, run once for each sign, one at a time.

It gets the state as its last argument (reading_saved, alarm_sent, acknowledged, line_down, line_back, alarm_not_sent,
alarm_over; `check` at the start, when it must do nothing but see that it can) and in its environment HJEMVAKT_STATE,
HJEMVAKT_TEXT (the sentence in Norwegian), HJEMVAKT_SOUND (1, or 0: the lamp alone), HJEMVAKT_DEVICE (the name of the
device in the configuration, or empty) and HJEMVAKT_SINCE (UTC). Never a value, never a person."""

import asyncio
import contextlib
import logging
import os
import signal
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from edge.config import HomeConfig
from edge.core.health import Troubles
from edge.core.signs import ALARMS_FIRST, WORDS, Sign

CHECK: Final = "check"
WAITING: Final = 8  # signs; when there are more, the oldest that is no alarm goes unsaid
REAP_S: Final = 0.5  # at once, unless the kernel itself hangs
ENDS_S: Final = 0.5  # between asking a command to end and killing it
CAN_WAIT: Final = len(ALARMS_FIRST)
PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """`worked` is called when the command has ended well."""

    sign: Sign
    name: str
    sounds: bool
    worked: Callable[[], None]


class LocalAction:
    def __init__(self, config: HomeConfig, troubles: Troubles) -> None:
        self._config, self._troubles = config, troubles
        self._waiting: list[Task] = []
        self._something = asyncio.Event()

    def do(self, task: Task) -> None:
        """A sign of the same state and device that still waits is replaced: nobody needs to hear it twice."""
        if not self._config.action:
            return
        same = (task.sign.state, task.sign.device)
        self._waiting = [each for each in self._waiting if (each.sign.state, each.sign.device) != same]
        self._waiting.append(task)
        self._waiting.sort(key=_urgency)
        if len(self._waiting) > WAITING:
            del self._waiting[next((i for i, each in enumerate(self._waiting) if _urgency(each) == CAN_WAIT), -1)]
        self._something.set()

    async def run(self) -> None:
        if self._config.action:
            await self._run(CHECK, {})
        while True:
            await self._something.wait()
            while self._waiting:
                task = self._waiting.pop(0)
                if await self._run(str(task.sign.state), _environment(task)):
                    task.worked()
            self._something.clear()

    async def _run(self, word: str, environment: Mapping[str, str]) -> bool:
        """True: it ended well. What it says on its error output goes to our log."""
        try:
            process = self._start(word, environment)
        except OSError as error:
            self._failed(f"cannot be started ({error.strerror})")
            return False
        is_ended = False
        try:
            is_ended = await _ended(process, self._config.timeout_s)
            if not is_ended:
                _signal(process, signal.SIGTERM)
                await _ended(process, ENDS_S)
        finally:
            _bury(process, is_ended)
        if not is_ended:
            self._failed(f"did not end within {self._config.timeout_s:g} s at {word!r} and was stopped")
        elif process.returncode:
            self._failed(f"ended with status {process.returncode} at {word!r}")
        else:
            self._troubles.end("home")
        return is_ended and not process.returncode

    def _start(self, word: str, environment: Mapping[str, str]) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            (*self._config.action, word),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", PATH), "LANG": "C.UTF-8", "HJEMVAKT_STATE": word, **environment},
            start_new_session=True,  # so that what it started can be ended with it
        )

    def _failed(self, how: str) -> None:
        sentence = f"lamp and sound at home do not work: {self._config.action[0]} {how}: try it by hand"
        if self._troubles.begin("home", sentence):
            log.error("%s", sentence)


def _urgency(task: Task) -> int:
    """Among equals the order stays."""
    return ALARMS_FIRST.index(task.sign.state) if task.sign.state in ALARMS_FIRST else CAN_WAIT


def _environment(task: Task) -> dict[str, str]:
    return {
        "HJEMVAKT_TEXT": WORDS[task.sign.state],
        "HJEMVAKT_SOUND": "1" if task.sounds else "0",
        "HJEMVAKT_DEVICE": task.name,
        "HJEMVAKT_SINCE": task.sign.since.isoformat(timespec="seconds"),
    }


async def _ended(process: "subprocess.Popen[bytes]", limit_s: float) -> bool:
    """asyncio's own processes leave a thread and a warning behind when their waiting is cancelled."""
    ended, loop = asyncio.Event(), asyncio.get_running_loop()
    handle = os.pidfd_open(process.pid)
    loop.add_reader(handle, ended.set)
    try:
        async with asyncio.timeout(limit_s):
            await ended.wait()
    except TimeoutError:
        return False
    finally:
        loop.remove_reader(handle)
        os.close(handle)
    return True


def _signal(process: "subprocess.Popen[bytes]", number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _bury(process: "subprocess.Popen[bytes]", is_ended: bool) -> None:
    """If it has not ended by itself, then with whatever it started; before it is waited for, for then its number is
    free."""
    if not is_ended:
        _signal(process, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(REAP_S)
