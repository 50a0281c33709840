"""PostgreSQL's own client programs: which ones fit the server, and how they are run."""

import contextlib
import os
import re
import signal
import subprocess
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Final

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from server.child import EmbeddedServiceError, end, spawn
from server.errors import BackupError
from server.store.lodging import clean_environment, shipped_binaries

INSTALLED: Final = Path("/usr/lib/postgresql")  # Debian: one directory for each version
VERSION_LIMIT_S: Final = 30
STOP: Final = ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0))
_MAJOR: Final = re.compile(r"\(PostgreSQL\) (\d+)")


def program(name: str, server_major: int) -> Path:
    """The program of the server's version, else of the next newer one, whose words an older server may not know; an
    older program refuses to work with it."""
    found = [(_major(path), path) for path in _candidates(name)]
    fitting = [(major, path) for major, path in found if major is not None and major >= server_major]
    if not fitting:
        had = ", ".join(f"{path} is of {major}" for major, path in found if major is not None) or "none is here"
        raise BackupError(
            f"No {name} for PostgreSQL {server_major} ({had}): install hjemvakt[embedded], or PostgreSQL's own "
            f"client programs of version {server_major} or newer."
        )
    return min(fitting, key=itemgetter(0))[1]


def run(command: Sequence[str | Path], dsn: str, *, directory: Path, said: Path) -> None:
    """Run it on this database; BackupError with its last words. The password is told by the environment, for anybody
    can read a command line."""
    known = conninfo_to_dict(dsn)
    password = known.pop("password", None)
    environment = clean_environment() | _libpq() | ({"PGPASSWORD": str(password)} if password else {})
    with said.open("wb") as output:
        child = spawn(
            [*command, "--no-password", "--dbname", make_conninfo("", **known)],
            directory=directory,
            output=output.fileno(),
            environment=environment,
        )
    try:
        code = child.wait()
    except BaseException:
        end(child, steps=STOP)
        raise
    if code != 0:
        lines = said.read_text(errors="replace").split("\n")
        words = " ".join(" ".join(lines[-8:]).split())[-600:]
        raise BackupError(f"{Path(command[0]).name} failed. It said: {words or f'nothing (exit {code})'}")


def _candidates(name: str) -> Iterator[Path]:
    places = [Path(place) for place in os.environ.get("PATH", "").split(os.pathsep) if place]
    places += sorted(INSTALLED.glob("*/bin"), reverse=True)
    with contextlib.suppress(EmbeddedServiceError):  # not installed: the machine's own will do
        places.insert(0, shipped_binaries())
    for place in places:
        if os.access(place / name, os.X_OK):
            yield place / name


def _major(path: Path) -> int | None:
    try:
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=VERSION_LIMIT_S, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    found = _MAJOR.search(told.stdout)
    return int(found[1]) if found else None


def _libpq() -> dict[str, str]:
    """Where the connection's secrets are: certificates and password files lie in the user's home."""
    names = ("HOME", "PGPASSFILE", "PGSSLROOTCERT", "PGSSLCERT", "PGSSLKEY", "PGSSLMODE")
    return {name: os.environ[name] for name in names if name in os.environ}
