"""A home's rules as data."""

import pytest

from server.detection.home_rules import BOUNDS, RULES, SHIPPED, numbers_of, refused, with_setting


def test_every_shipped_number_lies_within_what_a_team_may_set_and_has_a_source():
    for name, rule in SHIPPED.named().items():
        assert name in RULES and refused(name, numbers_of(rule)) is None
        assert numbers_of(rule).keys() == BOUNDS[name].keys()
        assert rule.references


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_number_beyond_its_bounds_is_refused_in_a_sentence(name):
    for word, (lowest, highest) in BOUNDS[name].items():
        assert refused(name, {word: lowest}) is None and refused(name, {word: highest}) is None
        for beyond in (lowest - 1, highest + 1):
            assert word in refused(name, {word: beyond})
    assert "has no number pulse" in refused(name, {"pulse": 3})


def test_a_setting_from_another_version_does_not_stop_the_watch():
    rules = with_setting(SHIPPED, "home:inactive", enabled=True, numbers={"gone": 1, "default_min": 1e9})
    assert rules == SHIPPED
    assert with_setting(SHIPPED, "home:unheard_of", enabled=True, numbers={}) == SHIPPED


def test_what_is_on_without_anybody_setting_anything():
    assert {name for name, rule in SHIPPED.named().items() if rule.enabled} == {
        "home:inactive",
        "home:door_open",
        "home:bed_empty",
        "home:out",
    }
