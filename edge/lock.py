"""One agent for each data directory; the lock ends with the process."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

from edge.errors import ConfigError

NAME: Final = "agent.lock"


@contextlib.contextmanager
def alone_in(directory: Path) -> Iterator[None]:
    """Two agents on one outbox would confuse the server."""
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = _opened(directory / NAME)
    except OSError as error:
        raise ConfigError(
            f"data_dir {directory} cannot be used ({error.strerror}): write one that this user may write to"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ConfigError(
                f"data_dir {directory} is in use by another gateway: stop that one, or give this one its own data_dir"
            ) from error
        yield


def _opened(path: Path) -> IO[str]:
    """A disk that can only be read must not keep the gateway from alarming: a lock needs no writing."""
    try:
        return path.open("a")
    except OSError:
        if not path.exists():
            raise
        return path.open()


def is_held(directory: Path) -> bool:
    try:
        with (directory / NAME).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
