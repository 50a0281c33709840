"""What a profile says of its sensor, held against what its vectors say of a person."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from devices.profiles import PROFILES
from devices.profiles.base import Reach
from devices.vocabulary import Kind

FOLDER = Path(__file__).parents[2] / "vectors"
ANYTHING = frozenset({"health_sensor"})  # its format can say everything; its profile names what is sold


def said_of_a_person() -> dict[str, set[Kind]]:
    found: dict[str, set[Kind]] = {}
    for path in sorted(FOLDER.glob("*.toml")):
        table: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
        for vector in table["vector"]:
            kinds = {Kind(word["kind"]) for word in vector.get("says", ()) if isinstance(word, dict) and "kind" in word}
            found.setdefault(vector.get("profile") or table["profile"], set()).update(kinds - {Kind.BATTERY})
    return found


SAID = said_of_a_person()
SAID["blood_pressure_omron"] |= SAID["blood_pressure"]  # the same format
SAID["glucose"] -= {Kind.GLUCOSE_ISF}  # a word of the format, for what is another sensor


@pytest.mark.parametrize("name", sorted(set(SAID) - ANYTHING))
def test_a_profile_measures_what_its_vectors_say_and_nothing_else(name: str) -> None:
    assert PROFILES[name].measures == SAID[name]


@pytest.mark.parametrize("name", sorted(ANYTHING))
def test_what_an_open_format_is_used_for_is_in_its_vectors(name: str) -> None:
    assert PROFILES[name].measures <= SAID[name]


@pytest.mark.parametrize("name", PROFILES)
def test_only_what_speaks_by_itself_can_be_silent(name: str) -> None:
    profile = PROFILES[name]
    assert (profile.silent_after_s is None) == (profile.reach is Reach.SPOT)


@pytest.mark.parametrize("name", ["bthome_sos", "bthome_fall", "pendant", "oximeter", "heart_rate", "cgm"])
def test_what_is_on_a_body_goes_where_its_wearer_goes(name: str) -> None:
    assert PROFILES[name].is_worn


@pytest.mark.parametrize("name", ["bthome_smoke", "bthome_gas", "bthome_water"])
def test_what_hangs_in_the_home_stays_there(name: str) -> None:
    assert not PROFILES[name].is_worn
