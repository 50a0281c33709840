"""A newer gateway from an archive of apt's: ordered on the page of the fleet, installed by root's unit, and taken back
when it does not work."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.systemd_vm.guest.machine import Technician, await_that, gateway_status, is_active, said, shown

UNIT, PATH, UPGRADE = "hjemvakt-gateway", "hjemvakt-gateway-upgrade.path", "hjemvakt-gateway-upgrade.service"
NEWER, BROKEN, NOBODYS = "0.1.1", "0.1.2", "9.9.9"
ANSWERS = Path("/var/lib/hjemvakt-upgrade")
UPGRADE_S = 900.0


@pytest.fixture(scope="module")
def watched(gateway: str) -> str:
    """With the archive in apt's sources, and the path unit as the runbook says. A minute of patience is less here."""
    Path("/etc/apt/sources.list").write_text("deb [trusted=yes] file:/srv/archive ./\n")
    less = Path(f"/run/systemd/system/{UPGRADE}.d/patience.conf")
    less.parent.mkdir(parents=True)
    shipped = next(line for line in said("systemctl", "cat", UPGRADE).splitlines() if line.startswith("ExecStart="))
    less.write_text(f"[Service]\nExecStart=\n{shipped} 20\n")
    said("systemctl", "daemon-reload")
    said("systemctl", "enable", "--now", PATH)
    return gateway


def installed() -> str:
    return said("dpkg-query", "--show", "--showformat=${Version} ${db:Status-Status}", UNIT)


def ordered(technician: Technician, version: str) -> tuple[Any, Any]:
    """As the page does it: a rollout, which is ended when the gateway has answered. What both say."""
    (team,) = {each["team"] for each in technician.get("/fleet")["gateways"]}
    rollout = technician.does("/fleet/rollouts", teams=[team], program=version, rings=[1])["id"]

    def over() -> Any:
        answer = ANSWERS / "answer.json"
        found = json.loads(answer.read_text()) if answer.exists() else {"version": ""}
        return found if found["version"] == version and found["state"] in ("done", "failed") else None

    answer = await_that(f"an answer about {version}", over, UPGRADE_S)
    await_that("it is connected", lambda: is_active(UNIT) and "Broker: connected" in gateway_status())

    def known() -> Any:
        shown = {each["id"]: each for each in technician.get("/fleet/rollouts")["rollouts"]}[rollout]
        return shown if {each["state"] for each in shown["gateways"]} <= {"there", "done", "failed"} else None

    seen = await_that("the server knows it", known)
    technician.does(f"/fleet/rollouts/{rollout}/decide", what="ended", why="the next one is tried")
    return answer, seen


def test_a_newer_version_that_is_ordered_is_installed_and_the_agent_is_back_with_it(
    watched: str, technician: Technician
) -> None:
    before = shown(UNIT, "MainPID")
    answer, _ = ordered(technician, NEWER)
    assert answer == {"version": NEWER, "state": "done", "why": ""}
    assert installed() == f"{NEWER} installed"
    assert shown(UNIT, "MainPID") != before
    assert shown(UPGRADE, "Result") == "success"
    assert not (ANSWERS / "before.deb").exists()
    (told,) = [each["program"] for each in technician.get("/fleet")["gateways"]]
    assert told == NEWER


def test_a_version_that_does_not_start_gives_way_to_the_one_before_and_stops_the_rollout(
    watched: str, technician: Technician
) -> None:
    answer, rollout = ordered(technician, BROKEN)
    assert (answer["state"], rollout["state"]) == ("failed", "stopped"), answer
    assert f"{NEWER} is back" in answer["why"]
    assert installed() == f"{NEWER} installed"
    assert f"{NEWER} is back" in rollout["why"]


def test_a_version_that_nobody_has_harms_nothing(watched: str, technician: Technician) -> None:
    before = shown(UNIT, "MainPID")
    answer, _ = ordered(technician, NOBODYS)
    assert (answer["state"], installed()) == ("failed", f"{NEWER} installed")
    assert NOBODYS in answer["why"]
    assert shown(UNIT, "MainPID") == before
