"""A gateway machine of its own under a directory, with the real apt and dpkg, and an archive of packages in another."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import programs

PROGRAM = Path(__file__).resolve().parents[2] / "edge" / "upgrade.py"
NAME, OTHER = "hjemvakt-gateway", "other-package"
CONTROL = (
    "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: test <t@example.org>\nDescription: test\n"
)
SETTLED_S = 0.6
SYSTEMCTL = """#!/bin/sh
version=$(dpkg-query -W -f '${{Version}}' {name})
process=100
[ "$version" != "{dies}" ] || process=$$
case " {versions} {dies} " in
    *" $version "*) printf 'ActiveState=active\nSubState=running\nMainPID=%s\n' "$process" ;;
    *) printf 'ActiveState=activating\nSubState=auto-restart\nMainPID=0\n' ;;
esac
"""
APT_GET = """#!/bin/sh
case " $* " in *" {word} "*) {does} ;; esac
exec {real} "$@"
"""
CONFIG = """Dir "{root}";
Dir::State "{root}/state";
Dir::State::status "{root}/var/lib/dpkg/status";
Dir::Cache "{root}/cache";
Dir::Log "{root}/log";
Dir::Etc "{root}/etc";
Dir::Etc::sourcelist "{root}/etc/sources.list";
Dir::Bin::methods "/usr/lib/apt/methods";
Dir::Bin::dpkg "{dpkg}";
APT::Sandbox::User "";
APT::Architecture "amd64";
DPkg::Options {{ "--root={root}"; "--force-not-root"; "--force-bad-path"; "--log={root}/log/dpkg.log"; }};
Acquire::Languages "none";
"""


@dataclass(frozen=True, kw_only=True)
class Machine:
    root: Path
    archive: Path

    def offers(self, name: str, *versions: str) -> None:
        for version in versions:
            self._package(name, version)
        said = [self._told(deb) for deb in sorted(self.archive.glob("*.deb"))]
        (self.archive / "Packages").write_text("\n".join(said))

    def has(self, name: str, version: str) -> None:
        command = ["dpkg", f"--root={self.root}", "--force-not-root", "--force-bad-path", "--log=/dev/null", "-i"]
        subprocess.run([*command, str(self._package(name, version))], check=True, capture_output=True)

    def installed(self, name: str = NAME) -> str:
        asked = ["dpkg-query", f"--admindir={self.root}/var/lib/dpkg", "-W", "-f", "${Version}", name]
        return subprocess.run(asked, check=False, capture_output=True, text=True).stdout

    def wishes(self, wish: object) -> tuple[int, dict[str, Any] | None]:
        (self.root / "upgrade.json").write_text(wish if isinstance(wish, str) else json.dumps(wish))
        return self.runs()

    def runs(self) -> tuple[int, dict[str, Any] | None]:
        environment = {
            "PATH": f"{self.root / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "APT_CONFIG": str(self.root / "apt.conf"),
            "DPKG_ADMINDIR": str(self.root / "var/lib/dpkg"),
        }
        files = [str(self.root / name) for name in ("upgrade.json", "answers")]
        command = [sys.executable, "-I", str(PROGRAM), *files, str(SETTLED_S)]
        done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
        answer = self.root / "answers" / "answer.json"
        return done.returncode, json.loads(answer.read_text()) if answer.exists() else None

    def agent_is_at_work_with(self, *versions: str, dies: str = "") -> None:
        """What systemd says of the agent, by the version that is installed; one that `dies` is always a new process."""
        words = " ".join(versions)
        program = self.root / "bin" / "systemctl"
        program.parent.mkdir(exist_ok=True)
        program.write_text(SYSTEMCTL.format(versions=words, dies=dies, name=NAME))
        program.chmod(0o755)

    def power_goes_at(self, word: str) -> None:
        self._happens_at(word, "kill -9 $PPID; exit 1")

    def is_wished_for_meanwhile(self, *wishes: str) -> None:
        """One at each update of apt's lists, the last one at all that follow."""
        meanwhile = self.root / "meanwhile"
        meanwhile.mkdir()
        for number, wish in enumerate(wishes):
            (meanwhile / f"{number:03}").write_text(wish)
        does = (
            f"cd {meanwhile}; next=$(ls | head -n 1); cp $next {self.root}/wish.new",
            f"mv {self.root}/wish.new {self.root}/upgrade.json",
            f"[ $(ls | wc -l) = 1 ] || rm $next; echo >> {self.root}/updates",
        )
        self._happens_at("update", "; ".join(does))

    def updates(self) -> int:
        return len((self.root / "updates").read_text().splitlines())

    def _happens_at(self, word: str, does: str) -> None:
        """`word`: of those that apt-get is told."""
        program = self.root / "bin" / "apt-get"
        program.parent.mkdir(exist_ok=True)
        program.write_text(APT_GET.format(real=programs.needed("apt-get"), word=word, does=does))
        program.chmod(0o755)

    def power_is_back(self) -> None:
        (self.root / "bin" / "apt-get").unlink()

    def lost_power_while_it_watched(self, version: str, before: str) -> None:
        (self.archive / f"{NAME}_{before}_all.deb").rename(self.root / "answers" / "before.deb")
        said = {"version": version, "state": "runs", "why": ""}
        (self.root / "answers" / "answer.json").write_text(json.dumps(said))

    def no_longer_offers(self, name: str, version: str) -> None:
        (self.archive / f"{name}_{version}_all.deb").unlink()
        self.offers(name)

    def _package(self, name: str, version: str) -> Path:
        tree = self.archive / f"{name}-{version}"
        (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
        (tree / "DEBIAN/control").write_text(CONTROL.format(name=name, version=version))
        made = self.archive / f"{name}_{version}_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, made], check=True, capture_output=True)
        return made

    def _told(self, deb: Path) -> str:
        control = subprocess.run(["dpkg-deb", "-f", deb], check=True, capture_output=True, text=True).stdout
        digest = hashlib.sha256(deb.read_bytes()).hexdigest()
        return f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    dpkg = programs.needed("dpkg")
    programs.needed("apt-get")
    root, archive = tmp_path / "root", tmp_path / "archive"
    for each in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "state/lists/partial", "cache/archives/partial", "log"):
        (root / each).mkdir(parents=True)
    (root / "var/lib/dpkg/status").touch()
    (root / "var/lib/dpkg/available").touch()
    for each in ("etc/apt.conf.d", "etc/preferences.d", "etc/trusted.gpg.d", "answers"):
        (root / each).mkdir(parents=True)
    archive.mkdir()
    (root / "etc/sources.list").write_text(f"deb [trusted=yes] file:{archive} ./\n")
    (root / "apt.conf").write_text(CONFIG.format(root=root, dpkg=dpkg))
    yield Machine(root=root, archive=archive)
