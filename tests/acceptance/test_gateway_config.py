"""The server tells a real gateway what to do: it takes it, keeps it, thins by it, and hears who has the alert."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.one_home import ROOT, Stack, practice, signed_in, stack_of
from tests.integration.monitor_rig import ask, await_true

pytestmark = pytest.mark.acceptance

GATEWAY = "told-home"
STRAP, BUTTON = "C0:78:00:00:00:01", "C0:78:00:00:00:02"
LIMIT_S = 60.0
DEVICES = [
    {"address": STRAP, "profile": "heart_rate", "name": "Pulsbelte"},
    {"address": BUTTON, "profile": "bthome_sos", "name": "Trygghetsalarm"},
]
PRESS = {"do": "press", "after_s": 0, "home": GATEWAY, "device": BUTTON}
SOS = {"name": "sos", "at_s": 10, "title": "SOS", "steps": [PRESS]}


class Town:
    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        ready = stack.ready()
        self.dsn: str = ready["dsn"]
        self.url: str = ready["http"]
        self.nurse, self.technician = (signed_in(stack, self.url, login) for login in ("vakt", "tekniker"))

    def config(self) -> dict[str, Any]:
        """As the technician sees it."""
        (gateway,) = self.technician.get("/api/v1/technical").json()["gateways"]
        found: dict[str, Any] = gateway["config"] or {"version": None, "in_use": 0}
        return found

    def kept(self) -> dict[str, dict[str, Any]]:
        """What the gateway has on its disk, by device."""
        said = json.loads((self.stack.outbox_folder(GATEWAY) / "config.json").read_text(encoding="utf-8"))
        return {device["address"]: device for device in said["devices"]}

    def load(self, listed: dict[str, Any]) -> None:
        file = self.stack.data / "more.json"
        file.write_text(json.dumps(listed), encoding="utf-8")
        environment = {
            **os.environ,
            "HJEMVAKT_DATA": str(self.stack.data / "server"),
            "HJEMVAKT_DATABASE_URL": self.dsn,
        }
        command = [sys.executable, "-m", "server", "load", str(file)]
        subprocess.run(command, env=environment, cwd=ROOT, check=True, capture_output=True)

    def is_in_use(self, than: int = 0) -> bool:
        config = self.config()
        return config["in_use"] == config["version"] and config["in_use"] > than


@pytest.fixture(scope="module")
def town(short_dir: Path) -> Iterator[Town]:
    with stack_of(short_dir, practice(GATEWAY, DEVICES, episodes=[SOS]), stream_s=0.2) as stack:
        stack.start_homes()
        found = Town(stack)
        with closing(found.nurse), closing(found.technician):
            yield found


def test_a_gateway_takes_what_it_is_told_and_keeps_it(town: Town) -> None:
    await_true(town.is_in_use, LIMIT_S)
    kept = town.kept()
    assert set(kept) == {STRAP, BUTTON}
    limits = {each["kind"]: each for each in kept[STRAP]["slots"][0]["limits"]}
    # CLINICAL.md 4: bradycardia and tachycardia.
    assert limits["heart_rate"] == {
        "kind": "heart_rate",
        "red_low": 41,
        "yellow_low": 50,
        "yellow_high": 110,
        "red_high": 130,
    }
    assert "Prøve" not in (town.stack.outbox_folder(GATEWAY) / "config.json").read_text(encoding="utf-8")


def test_a_new_cadence_and_a_new_limit_reach_the_readings(town: Town) -> None:
    await_true(town.is_in_use, LIMIT_S)
    before = town.config()["version"]
    town.load(
        {
            "devices": [{"address": STRAP, "profile": "heart_rate", "cadence_s": 2}],
            "limits": [{"patient": "P-1", "kind": "heart_rate", "red_low": 30, "reason": "doctor"}],
        }
    )
    await_true(lambda: town.is_in_use(than=before), LIMIT_S)
    assert town.kept()[STRAP]["slots"][0]["limits"][0] == {"kind": "heart_rate", "red_low": 30}
    short = """select count(*) > 2 from observation
               where kind = 1 and n > 1 and span_s <= 2
                 and taken_at > (select made_at + interval '5 s' from gateway_config)"""
    await_true(lambda: ask(town.dsn, short) == [(True,)], LIMIT_S)


def test_the_home_hears_that_a_person_has_the_alert(town: Town) -> None:
    rule = "select id from alert where rule = 'call:sos' and state = 'raised'"
    await_true(lambda: bool(ask(town.dsn, rule)), LIMIT_S)
    ((alert,),) = ask(town.dsn, rule)
    assert town.nurse.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}).status_code == 200
    told = "select done_at is not null from gateway_command where position('prove' in content) = 0"
    await_true(lambda: ask(town.dsn, told) == [(True,)], LIMIT_S)
