"""Who may have a message tried again that was set aside, and what of it is shown."""

import pytest

from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
REASON = "the server was upgraded"


@pytest.fixture
def messages(town) -> dict[str, int]:
    """By gateway; one of them is of the western team, one of nobody."""
    for gateway in ("gw-anna", "gw-berta", "gw-nobody"):
        town.sql(
            "insert into set_aside (at, gateway, topic, reason, payload) values (now(), %s, 't', 'r', 'p')", gateway
        )
    return dict(town.sql("select gateway, id from set_aside"))


def try_path(message: int) -> str:
    return f"/technical/set-aside/{message}/try"


def tries(client, message):
    return {each["id"]: each["tries"] for each in get(client, "/technical")["set_aside"]}[message]


@pytest.mark.parametrize("gateway", ["gw-anna", "gw-nobody"])
def test_an_administrator_asks_and_the_answer_stands_with_the_message(town, api, adam, messages, gateway):
    message = messages[gateway]
    asked = done(send(adam, try_path(message), reason=REASON))
    assert (asked["asked_by"]["name"], asked["reason"], asked["tried_at"]) == ("Adam", REASON, None)
    assert tries(adam, message) == [asked]
    town.sql("update set_aside_try set tried_at = now(), stored = 3, refused = 1, why = 'too old'")
    (shown,) = tries(api.signed_in("tor"), message)
    assert (shown["stored"], shown["events"], shown["refused"], shown["why"]) == (3, 0, 1, "too old")
    assert shown["tried_at"] is not None


def test_a_message_that_waits_is_not_asked_for_twice(adam, messages):
    done(send(adam, try_path(messages["gw-anna"]), reason=REASON))
    assert "waits" in refused(send(adam, try_path(messages["gw-anna"]), reason=REASON), 422)


def test_the_newest_five_tries_are_shown_the_newest_first(town, adam, messages):
    for turn in range(6):
        done(send(adam, try_path(messages["gw-anna"]), reason=f"try {turn}"))
        town.sql("update set_aside_try set tried_at = now()")
    assert [each["reason"] for each in tries(adam, messages["gw-anna"])] == [f"try {turn}" for turn in (5, 4, 3, 2, 1)]


def test_another_teams_message_is_not_there(town, adam, messages):
    refused(send(adam, try_path(messages["gw-berta"]), reason=REASON), 404)
    refused(send(adam, try_path(999_999), reason=REASON), 404)
    assert town.one("select count(*) from set_aside_try") == 0


@pytest.mark.parametrize("login", ["tor", "siv", "kari", "rune"])
def test_nobody_but_an_administrator_may(town, api, messages, login):
    refused(send(api.signed_in(login), try_path(messages["gw-anna"]), reason=REASON), 403)
    assert town.one("select count(*) from set_aside_try") == 0


def test_an_administrator_of_one_team_decides_nothing_of_a_team_where_he_is_a_nurse(api, town, messages):
    town.add_staff("mixed", east="administrator", west="nurse")
    refused(send(api.signed_in("mixed"), try_path(messages["gw-berta"]), reason=REASON), 404)
