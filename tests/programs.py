"""Programs of Debian that tests start for real. What this machine has is used; the rest is fetched from its archive and
unpacked into a directory of ours: nothing is installed, and no service of theirs starts.

    python -m tests.programs     fetches what is missing; `make test` does it
"""

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.bluez_vm.packages import Apt, SetupError

CACHE: Final = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hjemvakt" / "programs"
PLACES: Final = ("usr/sbin", "usr/bin", "sbin", "bin", "usr/lib/systemd", "lib/systemd")


@dataclass(frozen=True, kw_only=True)
class Program:
    """`alone`: it needs nothing of what its package asks for."""

    package: str
    alone: bool = False


PROGRAMS: Final = {
    "nginx": Program(package="nginx"),
    "mosquitto": Program(package="mosquitto"),
    "initdb": Program(package="postgresql"),
    "promtool": Program(package="prometheus", alone=True),
    "docker-compose": Program(package="docker-compose", alone=True),
    "systemd-analyze": Program(package="systemd"),
    "systemd-sysusers": Program(package="systemd"),
    "systemd-tmpfiles": Program(package="systemd"),
    "systemd-journald": Program(package="systemd"),
    "systemd-timesyncd": Program(package="systemd-timesyncd"),
}


def find(name: str) -> Path | None:
    roots = (CACHE / name, Path("/"))
    places = [root / place for root in roots for place in PLACES]
    places += [place for root in roots for place in sorted(root.glob("usr/lib/postgresql/*/bin"))]
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(map(str, places)))
    return None if found is None else Path(found)


def needed(name: str) -> Path:
    """For a test, which is skipped without it."""
    found = find(name)
    if found is None:
        pytest.skip(f"no {name} here: `make test` fetches it from Debian's archive")
    return found


def data(name: str, file: str) -> Path:
    """A file that a program brings along."""
    for root in (CACHE / name, Path("/usr/lib/python3/dist-packages")):
        for found in root.rglob(file):
            return found
    pytest.skip(f"no {file} of {name} here: `make test` fetches it from Debian's archive")


def environment(name: str) -> dict[str, str]:
    """What this machine has, and then the libraries that were fetched with the program."""
    libraries = sorted({str(path.parent) for path in (CACHE / name).rglob("*.so.*")})
    given = {"LD_LIBRARY_PATH": os.pathsep.join(libraries)} if libraries else {}
    return {**os.environ, **given}


def fetch() -> list[str]:
    """What is missing afterwards, each with the reason."""
    failed = []
    apt = Apt(CACHE / "apt")
    for name, program in PROGRAMS.items():
        if find(name) is None:
            print(f"Fetching {name} (for the tests, once) ...", flush=True)
            try:
                _unpack(apt, name, program)
            except (SetupError, OSError) as error:
                failed.append(f"{name}: {error}")
    return failed


def _unpack(apt: Apt, name: str, program: Program) -> None:
    """Whole or not at all."""
    draft = CACHE / f"{name}.new"
    shutil.rmtree(draft, ignore_errors=True)
    packages = apt.missing_here(program.package)
    apt.unpack([program.package] if program.alone else packages, draft)
    shutil.rmtree(CACHE / name, ignore_errors=True)
    draft.rename(CACHE / name)


if __name__ == "__main__":
    CACHE.mkdir(parents=True, exist_ok=True)
    missing = fetch()
    print("\n".join(f"Not here, and tests of it will be skipped: {each}" for each in missing), end="")
    sys.exit(bool(missing))
