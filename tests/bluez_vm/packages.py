"""Debian packages as files: downloaded and unpacked into a directory, without root and without changing the machine.

apt does the choosing and the checking of signatures, from the machine's own sources but with lists of its own, because
a container image often has none and only root may fetch them for all.
"""

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

UPDATE_S: Final = 180
DOWNLOAD_S: Final = 300
UNPACK_S: Final = 120
SAID_LINES: Final = 12


class SetupError(Exception):
    """The message says what happened and what to do."""


class Apt:
    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._has_lists = False

    def missing_here(self, *wanted: str) -> list[str]:
        """`wanted` and what it needs, less what this machine has installed."""
        return self._chosen(Path("/var/lib/dpkg/status"), wanted)

    def first_of(self, names: Sequence[str]) -> str:
        """The first that the archive has; the last is not asked for."""
        self._update()
        return next((name for name in names[:-1] if self._is_there(name)), names[-1])

    def closure(self, *wanted: str) -> list[str]:
        """`wanted` and everything that it needs, as for an empty machine."""
        nothing = self._directory / "nothing-installed"
        nothing.touch()
        return self._chosen(nothing, wanted)

    def download(self, packages: Sequence[str], into: Path) -> None:
        into.mkdir(parents=True, exist_ok=True)
        run([*self._apt_get(), "download", *packages], DOWNLOAD_S, directory=into)

    def unpack(self, packages: Sequence[str], into: Path) -> None:
        debs = self._directory / "debs"
        self.download(packages, debs)
        into.mkdir(parents=True, exist_ok=True)
        for deb in sorted(debs.iterdir()):
            extract(deb, into)
            deb.unlink()

    def _chosen(self, status: Path, wanted: Iterable[str]) -> list[str]:
        self._update()
        said = run(
            [
                *self._apt_get(),
                f"--option=Dir::State::status={status}",
                "--simulate",
                "--no-install-recommends",
                "install",
                *wanted,
            ],
            UPDATE_S,
        )
        return [line.split()[1] for line in said.splitlines() if line.startswith("Inst ")]

    def _is_there(self, name: str) -> bool:
        policy = ["apt-cache", *self._options(), "show", "--no-all-versions", name]
        return bool(run(policy, UPDATE_S, may_fail=True).strip())

    def _update(self) -> None:
        if self._has_lists:
            return
        (self._directory / "lists" / "partial").mkdir(parents=True, exist_ok=True)
        (self._directory / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
        # A source that does not answer may have nothing that we need; if it has, choosing or downloading says so.
        run([*self._apt_get(), "update"], UPDATE_S, may_fail=True)
        self._has_lists = True

    def _apt_get(self) -> list[str]:
        return ["apt-get", "--quiet", "--assume-yes", *self._options()]

    def _options(self) -> list[str]:
        return [
            f"--option=Dir::State::lists={self._directory / 'lists'}",
            f"--option=Dir::Cache={self._directory / 'cache'}",
            "--option=APT::Sandbox::User=",
            "--option=Acquire::Retries=3",
            "--option=Acquire::Languages=none",
        ]


def extract(deb: Path, into: Path) -> None:
    run(["dpkg-deb", "--extract", str(deb), str(into)], UNPACK_S)


def run(command: Sequence[str], limit_s: float, *, directory: Path | None = None, may_fail: bool = False) -> str:
    """What it says on its standard output."""
    try:
        done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=limit_s, check=False)
    except FileNotFoundError as error:
        raise SetupError(f"{command[0]} is missing: this needs Debian 12 or newer") from error
    except subprocess.TimeoutExpired as error:
        raise SetupError(f"`{' '.join(command)}` took more than {limit_s:g} s: is the network there?") from error
    if done.returncode and not may_fail:
        said = "\n".join((done.stdout + done.stderr).splitlines()[-SAID_LINES:])
        raise SetupError(f"`{' '.join(command)}` failed:\n{said}")
    return done.stdout
