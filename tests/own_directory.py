"""Directories with short paths, each held by a lock of its owner: what a killed owner left behind is swept by the next.

Whose name begins otherwise is not ours, and a lock that is held is a living owner's: neither is touched."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PREFIX: Final = "hvo-"
TRIES: Final = 10  # somebody may sweep a new directory before it is locked


@contextlib.contextmanager
def own_directory(parent: Path) -> Iterator[Path]:
    for _ in range(TRIES):
        directory = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        with _locked(directory, fcntl.LOCK_EX) as is_ours:
            if is_ours:
                try:
                    yield directory
                finally:
                    shutil.rmtree(directory, ignore_errors=True)
                return
    raise AssertionError(f"every new directory in {parent} was swept at once")


def sweep(parent: Path) -> None:
    for directory in parent.glob(f"{PREFIX}*"):
        with _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB) as nobody_had_it:
            if nobody_had_it:
                shutil.rmtree(directory, ignore_errors=True)


@contextlib.contextmanager
def _locked(directory: Path, how: int) -> Iterator[bool]:
    """Whether we have the lock, and the directory still exists. The kernel lets go when we die."""
    try:
        handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # swept, or somebody else's
        yield False
        return
    try:
        try:
            fcntl.flock(handle, how)
            is_ours = directory.is_dir()
        except BlockingIOError:
            is_ours = False
        yield is_ours
    finally:
        os.close(handle)
