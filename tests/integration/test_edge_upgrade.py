"""A gateway gets the version that is wished for, and keeps it if the agent stays at work with it."""

import pytest

from edge import bulletin
from tests.integration.edge_upgrade_rig import NAME, OTHER, Machine, machine

pytestmark = pytest.mark.integration

__all__ = ["machine"]


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


def test_a_gateway_without_the_package_gets_none(machine: Machine) -> None:
    machine.offers(NAME, "0.2.0")
    machine.wishes({"version": "0.2.0"})
    assert machine.installed() == ""


def test_an_agent_that_runs_is_of_the_version_that_it_was_started_with(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its files are another version's while that one is installed; the server counts gateways by what they say."""
    started = bulletin.own_version()
    monkeypatch.setattr(bulletin, "version", lambda _: "9.9.9")
    assert bulletin.own_version() == started != "9.9.9"
