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
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from edge.config import HomeConfig
from edge.core.health import Troubles
from edge.core.signs import ALARMS_FIRST, WORDS, Sign

CHECK: Final = "check"
WAITING: Final = 8  # signs; when there are more, the oldest that is no alarm goes unsaid
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
        command = (*self._config.action, word)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env={"PATH": os.environ.get("PATH", PATH), "LANG": "C.UTF-8", "HJEMVAKT_STATE": word, **environment},
                start_new_session=True,  # so that what it starts ends with it
            )
        except OSError as error:
            self._failed(f"cannot be started ({error.strerror})")
            return False
        try:
            async with asyncio.timeout(self._config.timeout_s):
                status = await process.wait()
        except TimeoutError:
            self._failed(f"did not end within {self._config.timeout_s:g} s at {word!r} and was stopped")
            return False
        finally:
            await _end(process)
        if status:
            self._failed(f"ended with status {status} at {word!r}")
            return False
        self._troubles.end("home")
        return True

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


async def _end(process: asyncio.subprocess.Process) -> None:
    """It and whatever it started, when it has not ended by itself or we are cancelled."""
    if process.returncode is not None:
        return
    for kind in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, kind)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDS_S):
                await process.wait()
                return
