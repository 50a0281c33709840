"""A patient comes in by hand: who may, what is found at once, and who may be here already."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import psycopg
import pytest

from server.store.knocks import REGISTRATION, knock
from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
# Made of the published weights (Skatteetaten, "Nytt fødselsnummer fra 2032"), of nobody: 17.05.1940, number 421.
BORN, NUMBER = "1940-05-17", "17054042140"
NEW = {
    "name": "Målfrid Ødegård",
    "born_on": BORN,
    "pathway": "kols",
    "address": "Lillegata 7, 3660 Rjukan",
    "phone": "+47 900 00 001",
    "lives_alone": True,
    "remark": "vedtak 12",
}
Register = Callable[..., httpx.Response]


@pytest.fixture
def register(town) -> Register:
    def registered(client: httpx.Client, team: str = "east", **wish: Any) -> httpx.Response:
        key = wish.pop("key", None)
        return send(client, f"/teams/{town.teams[team]}/patients", key=key, **(NEW | wish))

    return registered


def test_a_coordinator_registers_a_patient_who_stands_on_the_board_without_readings(siv, kari, town, register):
    made = done(register(siv))
    (row,) = [each for each in get(kari, "/board")["patients"] if each["id"] == made["patient"]]
    assert (row["name"], row["pathway"], row["home"], row["vitals"]) == ("Målfrid Ødegård", "kols", made["home"], [])
    person = get(kari, f"/patients/{made['patient']}/person")
    shown = (person["phone"], person["lives_alone"], person["reference"], person["team"], person["has_number"])
    assert shown == ("+4790000001", True, made["reference"], town.teams["east"], False)
    assert person["changes"][0] | {"at": None} == {
        "what": "registered",
        "at": None,
        "by": {"id": town.staff["siv"], "name": "Siv", "initials": "SI"},
        "reason": "vedtak 12",
        "fields": [],
    }
    assert get(kari, f"/patients/{made['patient']}/address")["address"] == "Lillegata 7, 3660 Rjukan"


async def test_the_teams_screens_hear_of_a_new_patient_at_once(api, siv, kari, register, screen_of):
    async with api.live(kari) as socket:
        screen = screen_of(socket)
        await screen.hello(get(kari, "/board"))
        made = done(register(siv))
        assert (await screen.next("joined"))["patient"] == made["patient"]


def test_whoever_installs_finds_the_home_at_once_by_the_reference_and_no_name_stands_in_the_list(
    api, adam, town, register
):
    made = done(register(adam))
    tor = api.signed_in("tor")
    (home,) = [each for each in get(tor, "/installation/homes")["homes"] if each["home"] == made["home"]]
    shown = (home["name"], home["address"], home["residents"], home["gateways"])
    assert shown == (f"Hjem {made['reference']}", "Lillegata 7, 3660 Rjukan", 1, [])
    inside = get(tor, f"/installation/homes/{made['home']}")
    assert [each["name"] for each in inside["residents"]] == ["Målfrid Ødegård"]


def test_a_protected_address_stands_in_no_list_from_the_first_moment(api, siv, register):
    made = done(register(siv, protection="kode6"))
    for client, path, number in ((siv, "/board", "id"), (api.signed_in("tor"), "/installation/homes", "home")):
        (home,) = [each for each in get(client, path)["homes"] if each[number] == made["home"]]
        assert home["address"] == ""
        assert "Lillegata" not in str(home)


def test_others_neither_register_nor_hear_of_another_team(api, kari, siv, adam, register):
    for login in ("kari", "tor", "rune"):
        assert "Your role" in refused(register(api.signed_in(login)), 403)
    refused(register(siv, "west"), 404)  # a nurse there
    refused(register(adam, "west"), 404)


def test_the_database_itself_lets_nobody_register_elsewhere(town):
    call = """select patient_register(%s, 'x', %s, '1940-05-17', 'kols', null, null, null, null, %s,
                                      'h', 'a', 0::smallint, now(), '')"""
    with town.connection() as conn:
        conn.execute("set role hjemvakt_api")
        for staff, team, home in (
            ("kari", "east", None),
            ("siv", "west", None),
            ("siv", "east", town.homes["berta"]),
        ):
            conn.execute("select set_config('hjemvakt.staff', %s, true)", (str(town.staff[staff]),))
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(call, (town.teams[team], f"R-{staff}-{team}", home))
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute("insert into home (name, address, team_id, bucket) values ('x', 'y', 1, 0)")


def test_sent_again_it_is_registered_once(siv, town, register):
    assert done(register(siv, key="the-same-key")) == done(register(siv, key="the-same-key"))
    assert town.one("select count(*) from patient where name = %s", NEW["name"]) == 1


def test_a_number_comes_in_sealed_and_stands_in_no_answer(siv, kari, town, register):
    made = done(register(siv, number=f"{NUMBER[:6]} {NUMBER[6:]}"))
    assert get(kari, f"/patients/{made['patient']}/national-number") == {"number": NUMBER}
    kept = town.sql(
        "select n::text from national_number n union all select c::text from patient_change c "
        "union all select d::text from done_once d union all select a::text from access_log a"
    )
    assert not any(NUMBER in row for (row,) in kept)


WRONG = {
    "number": {"number": "17054042141"},
    "born": {"born_on": "1890-01-01"},
    "reference": {"reference": NUMBER},
    "reference-taken": {"reference": "P-1"},
    "phone": {"phone": "ring meg"},
    "address": {"address": None},
    "municipality": {"municipality": "9999"},
}


@pytest.mark.parametrize("what", WRONG)
def test_what_cannot_be_is_refused_in_a_sentence_that_names_its_field_and_makes_nothing(siv, town, register, what):
    answer = register(siv, **WRONG[what])
    sentence = refused(answer, 422)
    assert answer.json()["type"] == f"urn:hjemvakt:wrong-{what}"
    assert NUMBER not in sentence
    assert town.one("select count(*) from patient") == 3
    assert town.one("select count(*) from home") == 3


def test_a_number_of_another_day_or_for_tests_is_refused(siv, register):
    assert "do not belong together" in refused(register(siv, number=NUMBER, born_on="1940-05-18"), 422)
    # Published by NAV for testing, synthetic (navikt/fnrvalidator).
    assert "for tests" in refused(register(siv, number="10915596784", born_on="1955-11-10"), 422)


# ---- who may be here already


def test_a_possible_double_of_the_own_team_is_told_by_name_before_anything_is_made(siv, town, register):
    done(register(siv))
    told = done(register(siv, name="ødegård,  målfrid", address="Fjellveien 1"))
    assert told["patient"] is None
    known = town.one("select id from patient where name = %s", NEW["name"])
    assert told["doubles"] == [{"by": "name", "patient": known, "name": NEW["name"], "ended": False}]
    assert town.one("select count(*) from patient") == 4
    second = done(register(siv, name="ødegård,  målfrid", address="Fjellveien 1", others=[known]))
    assert second["patient"] not in (None, known)


def test_a_possible_double_of_another_team_is_told_without_who_it_is_and_stands_in_its_log(adam, town, register):
    town.sql("update patient set name = 'Målfrid Berg Ødegård' where name = 'berta'")
    told = done(register(adam))
    assert told["doubles"] == [{"by": "name", "patient": None, "name": None, "ended": False}]
    logged = town.sql("select staff_id, deed, what from access_log where patient_id = %s", town.patients["berta"])
    assert logged == [(town.staff["adam"], "look", "possible double")]
    assert done(register(adam, others_untold=1))["patient"]


def test_a_namesake_who_came_between_the_two_questions_is_told_too(siv, town, register):
    first = done(register(siv))["patient"]
    wish = {"address": "Fjellveien 1", "others": [first]}
    second = done(register(siv, **wish))["patient"]
    told = done(register(siv, **wish | {"address": "Fjellveien 2"}))
    assert (told["patient"], {each["patient"] for each in told["doubles"]}) == (None, {first, second})
    assert town.one("select count(*) from patient where name = %s", NEW["name"]) == 2
    assert done(register(siv, address="Fjellveien 2", others=[second, first, 999_999]))["patient"]


def test_a_namesake_of_another_team_who_came_between_is_told_by_the_count(adam, town, register):
    """To name a patient whom one may not see is no knowledge of who it is."""
    town.sql("update patient set name = %s where name = 'berta'", NEW["name"])
    berta = town.patients["berta"]
    hidden = [{"by": "name", "patient": None, "name": None, "ended": False}]
    assert done(register(adam, others=[berta]))["doubles"] == hidden
    town.add_patient("bodil", "west")
    town.sql("update patient set name = %s where name = 'bodil'", NEW["name"])
    for said in (0, 1, 3):
        told = done(register(adam, others=[berta], others_untold=said))
        assert (told["patient"], told["doubles"]) == (None, hidden * 2), said
    town.sql("update patient set born_on = '1941-01-01' where id = %s", berta)
    assert done(register(adam, others_untold=2))["doubles"] == hidden, "one of them is another now"
    assert done(register(adam, others_untold=1))["patient"]


def test_whoever_was_told_without_a_name_and_is_seen_now_is_told_again(siv, town, register):
    town.sql("update patient set name = %s where name = 'berta'", NEW["name"])
    (told,) = done(register(siv, others_untold=1))["doubles"]
    assert told["patient"] == town.patients["berta"]  # a nurse there


def test_what_names_nobody_is_refused(siv, town, register):
    for wrong in ({"although": ["double"]}, {"others": [0]}, {"others_untold": -1}):
        refused(register(siv, **wrong), 422)


def test_an_administrator_does_not_hear_who_it_is_in_the_own_team_either(siv, adam, register):
    done(register(siv))
    (double,) = done(register(adam))["doubles"]
    assert (double["patient"], double["name"]) == (None, None)


# The municipalities of east, of west and of berta, who is west's: whether east hears of her by her name.
NEAR = {
    "of one that both work for": ("0301", "0301 4601", None, True),
    "of the asking team's own": ("0301", "4601", "0301", True),
    "where none is known of anybody": ("", "", None, True),
    "of another team's": ("0301", "4601", None, False),
    "of another, though both teams share one": ("0301", "0301 4601", "4601", False),
    "of one, asked by a team of none": ("", "4601", None, False),
    "of one, while neither team has any": ("", "", "4601", False),
    "of none, asked by a team of one": ("0301", "", None, False),
}


@pytest.mark.parametrize("she", NEAR)
def test_nobody_of_another_municipality_is_told_by_name(adam, town, register, she):
    *teams, hers, told = NEAR[she]
    town.sql("insert into municipality values ('0301', 'Oslo'), ('4601', 'Bergen')")
    for team, numbers in zip(("east", "west"), teams, strict=True):
        for number in numbers.split():
            town.sql("insert into municipality_team values (%s, %s)", number, town.teams[team])
    town.sql("update patient set name = %s, municipality = %s where name = 'berta'", NEW["name"], hers)
    answer = done(register(adam))
    assert (len(answer["doubles"]), answer["patient"] is None) == (int(told), told)
    logged = town.sql("select what from access_log where patient_id = %s", town.patients["berta"])
    assert logged == [("possible double",)] * told


def test_one_name_in_common_is_no_double(siv, town, register):
    town.sql("update patient set name = 'Målfrid' where name = 'anna'")
    assert done(register(siv))["patient"]


def test_a_number_is_one_persons_whatever_is_said(siv, town, register):
    first = done(register(siv, number=NUMBER))
    told = done(register(siv, name="Et annet navn", address="Fjellveien 1", number=NUMBER, others=[first["patient"]]))
    assert (told["patient"], [each["by"] for each in told["doubles"]]) == (None, ["number"])
    assert told["doubles"][0]["patient"] == first["patient"]


# ---- where somebody lives already


def test_a_home_at_the_same_address_is_told_and_can_be_shared(siv, town, register):
    first = done(register(siv))
    told = done(register(siv, name="Olav Ødegård", address="lillegata 7,  3660 RJUKAN"))
    assert told["patient"] is None
    assert told["same_address"] == [{"home": first["home"], "name": f"Hjem {first['reference']}", "residents": 1}]
    spouse = done(register(siv, name="Olav Ødegård", address=None, home=first["home"]))
    assert spouse["home"] == first["home"]
    neighbour = done(register(siv, name="Nils Nabo", although=["same_address"]))
    assert neighbour["home"] not in (None, first["home"])


def test_a_home_of_another_team_or_a_protected_one_is_not_told(siv, town, register):
    town.sql("update home set address = %s where name = 'berta'", NEW["address"])
    protected = done(register(siv, protection="kode7"))
    assert protected["patient"]
    assert done(register(siv, name="Nils Nabo"))["patient"]
    answer = register(siv, name="Per Per", address=None, home=town.homes["berta"])
    refused(answer, 422)
    assert answer.json()["type"] == "urn:hjemvakt:wrong-home"


def test_who_asks_too_often_is_told_to_wait(siv, register, town):
    with town.connection() as conn:
        for _ in range(REGISTRATION.most):
            assert knock(conn, REGISTRATION, (str(town.staff["siv"]),), datetime.now(UTC)) is None
    answer = register(siv)
    assert "import a list" in refused(answer, 429)
    assert int(answer.headers["Retry-After"]) > 3000
