"""Programs that we run as children: each ends with its parent, even when that is killed with -9."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from server.errors import ServerError

BECOME = Path(__file__).with_name("become.py")
FORK_LIMIT_S = 30
FIRST_POLL_S = 0.005
LAST_POLL_S = 0.1


class EmbeddedServiceError(ServerError):
    """An embedded program cannot do its work; the message says what happened and what to do."""


@dataclass(frozen=True, kw_only=True)
class Identity:
    """As whom a child runs: see become.py for the three forms."""

    text: str

    @classmethod
    def own(cls) -> "Identity":
        return cls(text="self")

    @classmethod
    def mapped(cls, uid: int) -> "Identity":
        return cls(text=f"mapped:{uid}")

    @classmethod
    def user(cls, uid: int, gid: int) -> "Identity":
        return cls(text=f"user:{uid}:{gid}")


OWN = Identity.own()

# Linux sends the death signal when the *thread* that forked ends, so every child comes from one thread that lasts as
# long as the process.
_FORKER = ThreadPoolExecutor(max_workers=1, thread_name_prefix="forks-children")


def spawn(
    command: Sequence[str | Path],
    *,
    directory: Path,
    output: IO[bytes] | int,
    environment: Mapping[str, str],
    identity: Identity = OWN,
    death_signal: signal.Signals = signal.SIGINT,
    inherit: Sequence[int] = (),
) -> subprocess.Popen[bytes]:
    """Start `command` in `directory`, apart from our terminal (Ctrl-C reaches us first, and we decide the order).

    `inherit`: open file descriptors that it gets under the same numbers."""
    interpreter = [sys.executable, "-I", "-S", str(BECOME)]
    terms = [str(os.getpid()), str(int(death_signal)), identity.text, str(directory)]

    def fork() -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [*interpreter, *terms, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            start_new_session=True,
            pass_fds=inherit,
        )

    return _FORKER.submit(fork).result(timeout=FORK_LIMIT_S)


def wait_until(condition: Callable[[], bool], *, limit_s: float) -> bool:
    """Whether `condition` came true within the limit."""
    end = time.monotonic() + limit_s
    pause_s = FIRST_POLL_S
    while not condition():
        if time.monotonic() >= end:
            return False
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LAST_POLL_S)
    return True


def end(child: subprocess.Popen[bytes], *, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Ask with each signal in turn and wait so many seconds; the last resort is SIGKILL."""
    for number, patience_s in steps:
        child.send_signal(number)
        try:
            child.wait(patience_s)
        except subprocess.TimeoutExpired:
            continue
        return
    child.kill()
    child.wait()


class DirectoryLock:
    """At most one supervisor per directory; the kernel lets go when the supervisor dies."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[bytes] | None = None

    def take(self, *, what: str) -> None:
        if self._file is not None:
            return
        try:
            file = self._path.open("ab")
        except OSError as error:
            raise EmbeddedServiceError(f"Cannot write in {self._path.parent}: {error.strerror}.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise EmbeddedServiceError(
                f"{what} in {self._path.parent} is already run by another process. Stop that one, "
                "or choose another data directory."
            ) from None
        self._file = file

    def release(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def processes_in(directory: Path, program: str) -> list[int]:
    """Running processes of that program whose working directory this is: what an earlier supervisor left behind."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        try:
            here = (entry / "cwd").readlink() == directory
            ours = here and (entry / "exe").readlink().name.removesuffix(" (deleted)") == program
        except OSError:  # it ended meanwhile, or belongs to somebody else
            continue
        if ours:
            found.append(int(entry.name))
    return found


def end_left_behind(
    directory: Path, program: str, *, steps: Sequence[tuple[signal.Signals | None, float]], what: str
) -> None:
    """Give an old server time to finish, then insist; `None` in a step means: only wait."""
    for number, patience_s in steps:
        for pid in processes_in(directory, program) if number is not None else ():
            _send(pid, number)
        if wait_until(lambda: not processes_in(directory, program), limit_s=patience_s):
            return
    raise EmbeddedServiceError(f"An old {what} in {directory} does not end; look at it with `ps` and end it by hand.")


def _send(pid: int, number: signal.Signals | None) -> None:
    if number is None:
        return
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
