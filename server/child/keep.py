"""Keeps a set of programs running: one that dies is started again, with a bounded back-off."""

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from signal import SIGTERM
from subprocess import Popen
from typing import Final, Protocol

from server.child import EmbeddedServiceError, end, spawn

LOOK_S: Final = 0.1
BACK_OFF_S: Final = (0.0, 0.2, 0.5, 1.0, 2.0, 5.0)  # the last one repeats; each is stretched by up to half
STEADY_S: Final = 30.0  # after which the back-off begins anew
STOP_LIMIT_S: Final = 3.0

log = logging.getLogger(__name__)


class Program(Protocol):
    """EmbeddedPostgres, EmbeddedBroker and Role. `start` may be called again after it died."""

    @property
    def pid(self) -> int | None: ...
    def is_alive(self) -> bool: ...
    def trouble(self) -> str:
        """Why it has to be started again though it is alive; empty: it need not."""

    def start(self) -> None: ...
    def stop(self) -> None: ...


class Role:
    """A command of our own as a child, whose output is ours; it ends with us."""

    def __init__(
        self,
        command: list[str],
        *,
        directory: Path,
        environment: Callable[[], Mapping[str, str]],
        inherit: Sequence[int] = (),
    ) -> None:
        self._command = command
        self._directory = directory
        self._environment = environment
        self._inherit = inherit
        self._given: Mapping[str, str] | None = None
        self._child: Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        return self._child.pid if self._child is not None and self.is_alive() else None

    def is_alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def trouble(self) -> str:
        """It was told something at its start that is no longer so, such as a port that had to change."""
        return "" if self._given is None or self._given == self._environment() else "knows an old address"

    def start(self) -> None:
        self._given = self._environment()
        self._child = spawn(
            self._command,
            directory=self._directory,
            output=2,
            environment=self._given,
            death_signal=SIGTERM,
            inherit=self._inherit,
        )

    def stop(self) -> None:
        if self._child is not None:
            end(self._child, steps=((SIGTERM, STOP_LIMIT_S),))


class Keeper:
    """Watches one program from a thread of its own, from the moment it was started. One that is in trouble is ended,
    and started again."""

    def __init__(self, name: str, program: Program, *, on_restart: Callable[[], None]) -> None:
        self.name = name
        self.program = program
        self._on_restart = on_restart
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"keeps-{name}", daemon=True)

    def start(self) -> None:
        self.program.start()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(STOP_LIMIT_S)
        self.program.stop()

    def _watch(self) -> None:
        failures = 0
        started = time.monotonic()
        while not self._stopping.wait(LOOK_S):
            if self._is_well():
                continue
            failures = 0 if time.monotonic() - started > STEADY_S else failures + 1
            log.warning("%s has ended and is started again", self.name)
            if self._stopping.wait(_back_off_s(failures)):
                return
            self._start_again()
            started = time.monotonic()

    def _is_well(self) -> bool:
        if not self.program.is_alive():
            return False
        trouble = self.program.trouble()
        if not trouble:
            return True
        log.warning("%s %s and is ended", self.name, trouble)
        self.program.stop()
        return False

    def _start_again(self) -> None:
        try:
            self.program.start()
            self._on_restart()
        except (EmbeddedServiceError, OSError) as error:
            log.error("%s cannot be started: %s", self.name, error)
        except Exception:  # the outer edge of this thread: without it nobody would start the program again
            log.exception("%s cannot be started", self.name)


def _back_off_s(failures: int) -> float:
    return BACK_OFF_S[min(failures, len(BACK_OFF_S) - 1)] * random.uniform(1.0, 1.5)
