"""What virtual machines are made of is kept between runs, and one run at a time uses it."""

import contextlib
import fcntl
import os
import platform
from collections.abc import Iterator
from pathlib import Path

from tests.bluez_vm.packages import SetupError


@contextlib.contextmanager
def cache(name: str, *, debian: str) -> Iterator[Path]:
    """A directory that is nobody else's meanwhile. `debian`: which this machine has to be."""
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise SetupError(f"this needs {debian} on amd64")
    directory = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hjemvakt" / name
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield directory
