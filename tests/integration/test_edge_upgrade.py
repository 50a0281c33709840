"""A gateway gets the version that is wished for: the program that root runs, the real apt and dpkg, a machine of one's
own under a directory, and an archive of packages in another."""

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

from devices.wire.messages import Upgrade, UpgradeState
from edge import bulletin, upgrade
from edge.upgrading import Upgrading
from tests import programs

pytestmark = pytest.mark.integration
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


def test_the_wished_version_is_installed_and_no_newer_one_and_nothing_else(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.has(OTHER, "1.0")
    machine.offers(NAME, "0.1.0", "0.2.0", "0.3.0")
    machine.offers(OTHER, "2.0")
    assert machine.wishes({"version": "0.2.0"}) == (0, {"version": "0.2.0", "state": "done", "why": ""})
    assert (machine.installed(), machine.installed(OTHER)) == ("0.2.0", "1.0")
    assert machine.wishes({"version": "0.2.0"})[0] == 0, "it is there already"


def test_a_version_that_nobody_offers_is_told_in_the_words_of_apt(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.1.0")
    code, said = machine.wishes({"version": "9.9"})
    assert said is not None
    assert (code, said["state"], said["version"]) == (1, "failed", "9.9")
    assert "9.9" in said["why"] and "not found" in said["why"]
    assert machine.installed() == "0.1.0"


def test_nobody_is_brought_back_to_a_version_with_known_holes(machine: Machine) -> None:
    machine.has(NAME, "0.3.0")
    machine.offers(NAME, "0.2.0", "0.3.0")
    code, said = machine.wishes({"version": "0.2.0"})
    assert (code, machine.installed()) == (1, "0.3.0"), said


def test_a_version_that_works_stays(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.2.0")
    machine.agent_is_at_work_with("0.1.0", "0.2.0")
    assert machine.wishes({"version": "0.2.0"}) == (0, {"version": "0.2.0", "state": "done", "why": ""})
    assert machine.installed() == "0.2.0"
    assert not (machine.root / "answers" / "before.deb").exists()


@pytest.mark.parametrize("dies", ["", "0.2.0"])
def test_a_version_that_does_not_stay_at_work_gives_way_to_the_one_before(machine: Machine, dies: str) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.2.0")
    machine.agent_is_at_work_with("0.1.0", dies=dies)
    code, said = machine.wishes({"version": "0.2.0"})
    assert (code, machine.installed()) == (1, "0.1.0")
    assert said == {"version": "0.2.0", "state": "failed", "why": "0.2.0 does not stay at work; 0.1.0 is back"}
    assert not (machine.root / "answers" / "before.deb").exists()


def test_without_a_way_back_nothing_is_installed_where_the_agent_is_at_work(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.2.0")
    machine.no_longer_offers(NAME, "0.1.0")
    machine.agent_is_at_work_with("0.1.0", "0.2.0")
    code, said = machine.wishes({"version": "0.2.0"})
    assert said is not None
    assert (code, said["state"], machine.installed()) == (1, "failed", "0.1.0")
    assert "without it there is no way back" in said["why"]


@pytest.mark.parametrize(("works", "is_there"), [("0.2.0", "0.2.0"), ("0.1.0", "0.1.0")])
def test_a_power_cut_while_it_is_watched_leaves_the_question_open(machine: Machine, works: str, is_there: str) -> None:
    """The path unit starts it again when the machine does, for what lies beside the answer."""
    machine.has(NAME, "0.1.0")
    machine.has(NAME, "0.2.0")
    machine.agent_is_at_work_with(works)
    machine.lost_power_while_it_watched("0.2.0", before="0.1.0")
    code, said = machine.runs()
    assert said is not None
    assert (said["version"], machine.installed()) == ("0.2.0", is_there)
    assert (code, said["state"]) == ((0, "done") if is_there == "0.2.0" else (1, "failed"))
    assert not (machine.root / "answers" / "before.deb").exists()


@pytest.mark.parametrize(("word", "is_kept"), [("update", False), ("download", False), ("install", True)])
def test_a_version_that_a_power_cut_kept_out_is_not_called_installed(
    machine: Machine, word: str, is_kept: bool
) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.2.0")
    machine.agent_is_at_work_with("0.1.0", "0.2.0")
    machine.power_goes_at(word)
    assert machine.wishes({"version": "0.2.0"}) == (-9, {"version": "0.2.0", "state": "runs", "why": ""})
    assert (machine.root / "answers" / "before.deb").exists() is is_kept
    machine.power_is_back()
    why = "it was cut short: 0.2.0 is not installed, 0.1.0 is"
    assert machine.runs() == (1, {"version": "0.2.0", "state": "failed", "why": why})
    assert machine.installed() == "0.1.0"
    assert {path.name for path in (machine.root / "answers").glob("be*")} == set()
    assert machine.wishes({"version": "0.2.0"}) == (0, {"version": "0.2.0", "state": "done", "why": ""}), "asked again"
    assert {path.name for path in (machine.root / "answers").glob("be*")} == set()


def test_where_no_agent_was_at_work_a_power_cut_is_told_too(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.2.0")
    machine.power_goes_at("install")
    assert machine.wishes({"version": "0.2.0"})[0] == -9
    machine.power_is_back()
    why = "it was cut short: 0.2.0 is not installed, 0.1.0 is"
    assert machine.runs() == (1, {"version": "0.2.0", "state": "failed", "why": why})


def test_a_version_that_a_power_cut_left_in_halves_gives_way_to_the_one_before(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.1.0", "0.2.0")
    machine.agent_is_at_work_with("0.1.0", "0.2.0")
    machine.lost_power_while_it_watched("0.2.0", before="0.1.0")
    status = machine.root / "var/lib/dpkg/status"
    status.write_text(status.read_text().replace("install ok installed", "install reinstreq half-installed"))
    why = "it was cut short while 0.2.0 was installed; 0.1.0 is back"
    assert machine.runs() == (1, {"version": "0.2.0", "state": "failed", "why": why})
    assert machine.installed() == "0.1.0"


def test_what_is_installed_is_judged_though_nobody_knows_what_was_wished(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.has(NAME, "0.2.0")
    machine.agent_is_at_work_with("0.2.0")
    machine.lost_power_while_it_watched("0.2.0", before="0.1.0")
    (machine.root / "answers" / "answer.json").unlink()
    assert machine.runs() == (0, {"version": "0.2.0", "state": "done", "why": ""})


def test_the_way_back_lies_there_until_it_is_said_what_became_of_it(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.has(NAME, "0.2.0")
    machine.agent_is_at_work_with("0.2.0")
    machine.lost_power_while_it_watched("0.2.0", before="0.1.0")
    in_the_way = machine.root / "answers" / "answer.new"
    in_the_way.mkdir()
    code, said = machine.runs()
    assert said is not None
    assert (code, said["state"]) == (1, "runs")
    in_the_way.rmdir()
    assert machine.runs() == (0, {"version": "0.2.0", "state": "done", "why": ""})


def test_what_was_said_is_said_still_when_the_way_back_lies_there_after_all(machine: Machine) -> None:
    """The power went between the two."""
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.1.0")
    machine.lost_power_while_it_watched("0.2.0", before="0.1.0")
    said = {"version": "0.2.0", "state": "failed", "why": "0.2.0 does not stay at work; 0.1.0 is back"}
    (machine.root / "answers" / "answer.json").write_text(json.dumps(said))
    assert machine.runs() == (1, said)
    assert not (machine.root / "answers" / "before.deb").exists()


def test_what_is_wished_for_while_another_version_is_installed_comes_next(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.2.0", "0.3.0")
    machine.agent_is_at_work_with("0.1.0", "0.2.0", "0.3.0")
    machine.is_wished_for_meanwhile('{"version": "0.3.0"}')
    assert machine.wishes({"version": "0.2.0"}) == (0, {"version": "0.3.0", "state": "done", "why": ""})
    assert machine.installed() == "0.3.0"
    assert {path.name for path in (machine.root / "answers").glob("be*")} == set()


def test_what_is_wished_for_while_another_one_fails_or_was_cut_short_comes_next(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.2.0")
    machine.agent_is_at_work_with("0.1.0", "0.2.0")
    (machine.root / "answers" / "begun").touch()
    (machine.root / "answers" / "answer.json").write_text('{"version": "9.8", "state": "runs", "why": ""}')
    machine.is_wished_for_meanwhile('{"version": "0.2.0"}')
    assert machine.wishes({"version": "9.9"}) == (0, {"version": "0.2.0", "state": "done", "why": ""})


def test_a_wish_is_carried_out_once_though_it_fails_and_is_written_again_meanwhile(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.1.0")
    machine.is_wished_for_meanwhile('{"version": "9.9"}')
    code, said = machine.wishes({"version": "9.9"})
    assert said is not None
    assert (code, said["state"], machine.updates()) == (1, "failed", 1)


def test_whoever_wishes_on_and_on_is_left_after_a_few(machine: Machine) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.1.0")
    machine.is_wished_for_meanwhile(*(f'{{"version": "9.{number}"}}' for number in range(1, 9)))
    code, said = machine.wishes({"version": "9.0"})
    assert said is not None
    assert (code, said["version"], said["state"], machine.updates()) == (1, "9.3", "failed", 4)


def test_without_a_way_back_nothing_that_was_wished_for_meanwhile_is_installed(machine: Machine) -> None:
    """The agent wished, so it was at work; systemd may not say so while it starts again with the version before."""
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.2.0")
    machine.no_longer_offers(NAME, "0.1.0")
    machine.is_wished_for_meanwhile('{"version": "0.2.0"}')
    code, said = machine.wishes({"version": "9.9"})
    assert said is not None
    assert (code, said["version"], machine.installed()) == (1, "0.2.0", "0.1.0")
    assert "without it there is no way back" in said["why"]


def test_a_gateway_without_the_package_gets_none(machine: Machine) -> None:
    machine.offers(NAME, "0.2.0")
    machine.wishes({"version": "0.2.0"})
    assert machine.installed() == ""


@pytest.mark.parametrize(
    "wish",
    [
        "",
        "[]",
        "{",
        '{"version": 7}',
        '{"version": "0.2.0 other-package=2.0"}',
        '{"version": "0.2.0\\n"}',
        '{"version": "--allow-downgrades"}',
        '{"version": "0.2.0/stable"}',
        '{"package": "other-package", "version": "$(id)"}',
        '{"version": "' + "0" * 41 + '"}',
        '{"version": "0.2.0"}' + " " * 5000,
    ],
)
def test_what_is_no_version_is_no_wish(machine: Machine, wish: str) -> None:
    assert machine.wishes(wish) == (1, None)


def test_another_package_cannot_be_wished_for(machine: Machine) -> None:
    for name in (NAME, OTHER):
        machine.has(name, "1.0")
        machine.offers(name, "2.0")
    machine.wishes({"package": OTHER, "name": OTHER, "version": "2.0"})
    assert (machine.installed(), machine.installed(OTHER)) == ("2.0", "1.0")


def test_a_wish_is_not_read_through_a_link_or_out_of_a_pipe(machine: Machine, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere.json"
    elsewhere.write_text('{"version": "0.2.0"}')
    wish = machine.root / "upgrade.json"
    wish.symlink_to(elsewhere)
    assert machine.runs() == (1, None)
    wish.unlink()
    os.mkfifo(wish)
    assert machine.runs() == (1, None)


def test_an_agent_that_runs_is_of_the_version_that_it_was_started_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are another version's while that one is installed; the server counts gateways by what they say."""
    started = bulletin.own_version()
    monkeypatch.setattr(bulletin, "version", lambda _: "9.9.9")
    assert bulletin.own_version() == started != "9.9.9"


async def test_the_agent_wishes_and_reads_what_became_of_it(machine: Machine, tmp_path: Path) -> None:
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.2.0")
    data, said = tmp_path / "data", []
    data.mkdir()
    upgrading = Upgrading(data, lambda: said.append(upgrading.state), machine.root / "answers")
    await upgrading.wish("0.2.0", None)
    assert upgrading.state == Upgrade(version="0.2.0", state=UpgradeState.WAITS)
    assert machine.wishes((data / "upgrade.json").read_text())[0] == 0
    assert upgrading.read() == Upgrade(version="0.2.0", state=UpgradeState.DONE)
    await upgrading.wish("0.3.0", None)
    assert upgrading.state == Upgrade(version="0.3.0", state=UpgradeState.WAITS), "the answer to another wish is none"


async def test_what_is_wished_for_once_more_waits_whatever_became_of_it_before(
    machine: Machine, tmp_path: Path
) -> None:
    """Nobody offered it then; the server, who lets it go on, must not hear of that as of this time."""
    machine.has(NAME, "0.1.0")
    machine.offers(NAME, "0.1.0")
    data, answers = tmp_path / "data", machine.root / "answers"
    data.mkdir()
    upgrading = Upgrading(data, lambda: None, answers)
    await upgrading.wish("0.2.0", None)
    assert machine.wishes((data / "upgrade.json").read_text())[0] == 1
    failed = upgrading.read()
    assert failed is not None and failed.state == UpgradeState.FAILED
    machine.offers(NAME, "0.2.0")
    await upgrading.wish("0.2.0", None)
    waits = Upgrade(version="0.2.0", state=UpgradeState.WAITS)
    assert (upgrading.state, Upgrading(data, lambda: None, answers).read()) == (waits, waits)
    assert machine.wishes((data / "upgrade.json").read_text())[0] == 0
    assert upgrading.read() == Upgrade(version="0.2.0", state=UpgradeState.DONE)


async def test_root_and_the_agent_are_of_one_mind_about_which_wish_is_unanswered(tmp_path: Path) -> None:
    data, answers = tmp_path / "data", tmp_path / "answers"
    data.mkdir()
    answers.mkdir()
    wish, upgrading = data / "upgrade.json", Upgrading(data, lambda: None, answers)

    def unanswered() -> str | None:
        said = upgrading.read()
        found = upgrade.unanswered(wish, answers)
        assert (found is not None) is (said is not None and said.state == UpgradeState.WAITS)
        return found

    assert unanswered() is None, "there is none"
    await upgrading.wish("0.2.0", None)
    assert unanswered() == "0.2.0"
    answered(answers, "0.2.0", "runs", 1)
    assert unanswered() is None
    await upgrading.wish("0.2.0", None)
    assert unanswered() == "0.2.0", "what is said of it next is about this time, too"
    answered(answers, "0.2.0", "failed", 2)
    assert unanswered() is None
    await upgrading.wish("0.2.0", None)
    assert unanswered() == "0.2.0", "written after the end of the answer, while root was still there"
    answered(answers, "0.2.0", "done", 3)
    await upgrading.wish("0.3.0", None)
    assert unanswered() == "0.3.0"
    answered(answers, "0.2.0", "done", 4)
    assert unanswered() == "0.3.0"


def answered(answers: Path, version: str, state: str, at_ns: int) -> None:
    """At instants that differ, however coarse the clock of the files is."""
    upgrade.say(answers, version, state)
    os.utime(answers / "answer.json", ns=(at_ns, at_ns))
