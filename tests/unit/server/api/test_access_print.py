"""The access log on paper: whoever reads it is a patient, and reads Norwegian."""

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest

from server.api import access_print
from server.api.people_schemas import RecordType
from server.store.access_log import Entry

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
SOURCE = Path(access_print.__file__).parent
# case.look(..., "facts"), remember_look(..., f"alert {alert}", work.now): what stands before the first value.
LOOK = re.compile(r"""(?:case\.look|remember_look)\((?:[^"()]|\([^"()]*\))*f?"([a-z0-9_ ]+)""")
LOGGED = {found.strip() for path in SOURCE.glob("*.py") for found in LOOK.findall(path.read_text(encoding="utf-8"))}


def printed(what: str) -> str:
    entry = Entry(
        id=1,
        at=NOW,
        staff_id=1,
        staff_name="Kari",
        staff_initials="KA",
        team=1,
        team_name="øst",
        role="nurse",
        patient=1,
        patient_name="Anna",
        deed="look",
        what=what,
        reason=None,
        shown=None,
    )
    page = access_print.page("Anna", date(1940, 5, 17), [entry], more=False, now=NOW)
    return re.findall("<td>(.*?)</td>", page)[2]


def test_the_looks_are_found_in_the_source() -> None:
    assert {"facts", "home_rules", "national number", "news2", "alert", "dispatch of alert"} <= LOGGED


@pytest.mark.parametrize("what", sorted(LOGGED | set(get_args(RecordType))))
def test_every_look_has_its_words(what: str) -> None:
    assert printed(what).startswith(("Så på ", "Så pasienten ", "Prøvde ", "Slo sammen "))


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("series spo2", "Så på målinger spo2"),
        ("access", "Så på hvordan man kommer inn"),
        ("access code", "Så på nøkkelkode"),
        ("dispatch of alert 17", "Så på opplysninger til utrykning, varsel 17"),
        ("something newer", "something newer"),
    ],
)
def test_the_longest_words_that_fit_are_taken_and_the_rest_follows(what: str, words: str) -> None:
    assert printed(what) == words
