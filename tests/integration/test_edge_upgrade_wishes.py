"""Which wishes of the agent root carries out, those that come while it carries out another, and how both know."""

import os
from pathlib import Path

import pytest

from devices.wire.messages import Upgrade, UpgradeState
from edge import upgrade
from edge.upgrading import Upgrading
from tests.integration.edge_upgrade_rig import NAME, OTHER, Machine, machine

pytestmark = pytest.mark.integration

__all__ = ["machine"]


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
