"""The exercise that ships with the product, and what a wrong one says."""

from pathlib import Path

import msgspec
import pytest

from devices.profiles import PROFILES
from devices.virtual import script

PRACTICE = Path(__file__).parents[2] / "deploy" / "practice.json"


def test_the_exercise_that_ships_can_be_played_and_names_only_profiles_that_exist() -> None:
    practice = script.read(PRACTICE)
    assert {device.profile for home in practice.homes for device in home.devices} <= set(PROFILES)
    names = {episode.name for episode in practice.episodes}
    assert {"rest", "fall", "low", "desaturation", "door", "line", "off"} <= names


def test_every_episode_but_rest_expects_an_alert_and_the_first_is_red_within_a_minute() -> None:
    practice = script.read(PRACTICE)
    assert [episode.name for episode in practice.episodes if not episode.expect] == ["rest"]
    first = min((episode for episode in practice.episodes if episode.expect), key=lambda episode: episode.at_s)
    assert first.at_s < 60
    assert first.expect[0].priority == "red"


def test_one_episode_alone_starts_ten_seconds_in() -> None:
    practice = script.read(PRACTICE)
    (fall,) = script.chosen(practice, "fall")
    assert (fall.name, fall.at_s) == ("fall", 10.0)


def test_an_unknown_episode_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(script.ScriptError, match="choose one of: rest, fall, low"):
        script.chosen(script.read(PRACTICE), "flood")


def test_the_cues_of_a_home_come_in_order_and_only_the_first_of_an_episode_opens_it() -> None:
    practice = script.read(PRACTICE)
    cues = script.cues(practice.episodes, "demo-furulia")
    assert [cue.at_s for cue in cues] == sorted(cue.at_s for cue in cues)
    assert [cue.episode.name for cue in cues if cue.opens] == ["low", "line", "sos"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"home": "nowhere"}, "which does not exist"),
        ({"device": "C0:11:00:00:00:99"}, "which is not in"),
        ({"do": "dance"}, "dance"),
        ({"loud": True}, "unknown field"),
    ],
)
def test_a_wrong_script_says_what_to_correct(tmp_path: Path, change: dict[str, object], sentence: str) -> None:
    document = msgspec.json.decode(PRACTICE.read_bytes())
    document["episodes"][0]["steps"][0].update(change)
    broken = tmp_path / "script.json"
    broken.write_bytes(msgspec.json.encode(document))
    with pytest.raises(script.ScriptError, match=sentence):
        script.read(broken)
