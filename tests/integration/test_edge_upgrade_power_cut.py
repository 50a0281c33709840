"""The power goes while a gateway gets another version: what is installed is judged, and told, when it is back."""

import json

import pytest

from tests.integration.edge_upgrade_rig import NAME, Machine, machine

pytestmark = pytest.mark.integration

__all__ = ["machine"]


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
