"""Every rule that the server can alert by has words on the screens: the dashboard's lists are the server's names."""

import re
from pathlib import Path

import pytest

from devices.vocabulary import CALLS_FOR_HELP
from server.alerts import findings
from server.alerts.findings import DoorAtNight, DoseMissed
from server.alerts.model import Action
from server.clinical.copd import Symptom
from server.clinical.news2 import Parameter
from server.detection import home_rules
from server.detection.rules import RULES

RULES_TS = Path(__file__).parents[2] / "dashboard" / "src" / "rules.ts"
OF_THE_PATIENT = {"news2", "exacerbation"}


def listed(name: str) -> set[str]:
    found = re.search(rf"export const {name} = \[([^\]]*)\] as const", RULES_TS.read_text(encoding="utf-8"))
    assert found is not None, f"{RULES_TS.name} has no list {name}"
    return set(re.findall(r"'([^']+)'", found[1]))


def last(rules: set[str]) -> set[str]:
    return {rule.split(":", 1)[1] for rule in rules}


# A setting of its own need not be an alert of its own: who is out at night is out.
SERVER = {
    "FOUND_BY": {rule.name for rule in RULES} | OF_THE_PATIENT,
    "OF_THE_HOME": last({rule for rule in home_rules.SHIPPED.named() if rule != home_rules.OUT_NIGHT}),
    "CALLS": {str(event) for event in CALLS_FOR_HELP},
    "SINGLE": {DoorAtNight.__dataclass_fields__["rule"].default, DoseMissed.__dataclass_fields__["rule"].default},
    "NEWS2_PARAMETERS": {str(parameter) for parameter in Parameter},
    "SYMPTOMS": {str(symptom) for symptom in Symptom},
}


@pytest.mark.parametrize("name", sorted(SERVER))
def test_the_screens_know_exactly_the_names_that_the_server_uses(name: str) -> None:
    assert listed(name) == SERVER[name]


def test_every_technical_rule_has_words() -> None:
    assert last(set(findings.TECHNICAL_RULES)) - listed("TECHNICAL") == set()


@pytest.mark.parametrize("language", ["nb", "en"])
def test_the_screen_of_an_alert_has_words_for_all_that_its_history_can_say(language: str) -> None:
    text = (RULES_TS.parent / "words" / f"alert.{language}.ts").read_text(encoding="utf-8")
    assert {action for action in Action if not re.search(rf"^ +{action}: '", text, re.MULTILINE)} == set()
