"""Every route of the api as every role, of the own team, of another and of nobody.

Nobody sees a patient who is not theirs. The routes come from the api's own document: one that walk_entries.py does not
know fails.
"""

from collections.abc import Iterator
from datetime import timedelta

import httpx
import pytest

from devices.vocabulary import EventType, Kind
from tests.integration.care_rig import refused
from tests.integration.walk_entries import CARE, NOW, ROLES, WALK, Operation, operations

pytestmark = [pytest.mark.integration, pytest.mark.timeout(300)]
OWN_LOOKS = "('access_log', 'roster', 'session', 'done_once', 'knock')"


@pytest.fixture
def walked(api, town) -> list[Operation]:
    town.sql("insert into authority (certificate, made_at) values ('of the walk', now())")
    found = operations(api.client().get("/api/v1/openapi.json").raise_for_status().json())
    assert {each.name for each in found} == set(WALK), "an operation that nobody asks, or an entry without one"
    return found


@pytest.fixture
def everybody(api, town) -> dict[str, httpx.Client]:
    """By role in the eastern team."""
    for role in ROLES:
        town.add_staff(f"an-{role}", east=role)
    return {role: api.signed_in(f"an-{role}") for role in ROLES}


@pytest.fixture
def west(town) -> dict[str, int]:
    """What the western team has, in place of the parameters of paths."""
    town.measure("berta", Kind.SPO2, 81, NOW - timedelta(minutes=5))
    alert = town.press("berta", EventType.FALL)
    town.sql(
        """insert into break_glass (staff_id, patient_id, team_id, reason, at, until_at, ended_at, ended_by)
           values (%s, %s, %s, 'a reason from the west', now() - interval '2 h', now() - interval '1 h', now(), %s)""",
        town.staff["ola"],
        town.patients["berta"],
        town.teams["west"],
        town.staff["ola"],
    )
    town.sql("insert into set_aside (at, gateway, topic, reason, payload) values (now(), 'gw-berta', 't', 'r', 'p')")
    return {
        "patient": town.patients["berta"],
        "team": town.teams["west"],
        "alert": alert,
        "home": town.homes["berta"],
        "access": town.one("select max(id) from break_glass"),
        "staff": town.staff["vera"],
        "session": 999_999,
        "message": town.one("select max(id) from set_aside"),
    }


def words_of_the_west(town) -> list[str]:
    return ["berta", "Berta", "Storgata 3", "gw-berta", "AA:BB:CC:DD:EE:03", "P-3", "a reason from the west"]


def rows(town) -> dict[str, str]:
    """A digest of each table, but for what is written about the asking itself."""
    tables = town.sql(
        f"""select c.oid::regclass::text from pg_class c
            where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname not in {OWN_LOOKS}"""  # noqa: S608
    )
    digest = "select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {} t"
    return {name: town.one(digest.format(name)) for (name,) in tables}


def asked(
    client: httpx.Client, walked: list[Operation], whom: dict[str, int]
) -> Iterator[tuple[Operation, httpx.Response]]:
    for operation in walked:
        if operation.name not in ("sign_in", "sign_out"):  # which would end the walk
            yield operation, client.request(**operation.request(**whom))


def test_whoever_is_of_another_team_sees_and_changes_nothing_by_any_route_and_not_even_that_it_is_there(
    everybody, walked, town, west
):
    before, nobody = rows(town), dict.fromkeys(west, 999_999)
    for role, client in everybody.items():
        theirs, nobodys = asked(client, walked, west), asked(client, walked, nobody)
        for (operation, answer), (_, of_nobody) in zip(theirs, nobodys, strict=True):
            about = (role, operation.name, answer.status_code, answer.text)
            assert not [word for word in words_of_the_west(town) if word in answer.text], about
            if role not in operation.ask.may:
                assert refused(answer, answer.status_code) and answer.status_code in (403, 404), about
            elif not operation.ask.own:
                assert refused(answer, 404), about
            if not operation.ask.own:
                assert answer.json() == of_nobody.json(), about
    assert {name for name, digest in rows(town).items() if digest != before[name]} == set()
    seen = town.sql("select distinct what from access_log where patient_id = %s", west["patient"])
    assert seen == [], "a look at somebody who was not shown"


def test_a_stranger_hears_nothing_but_that_he_must_sign_in(api, walked, town, west):
    before, stranger = rows(town), api.client()
    for operation, answer in asked(stranger, walked, west):
        if operation.ask.open:  # the town has no identity provider, and a gateway says more than the walk
            heard = "" if answer.is_success else refused(answer, answer.status_code)
            assert answer.is_success or "no identity provider" in heard or "does not fit" in heard, operation.name
        else:
            assert "sign in" in refused(answer, 401), operation.name
    assert rows(town) == before


def test_who_may_is_answered_and_who_may_not_is_told_whom_to_ask(api, everybody, walked, town):
    """In the own team, each with an alert of its own, for one change of it would stand in the way of the next."""
    own = {"patient": town.patients["anna"], "team": town.teams["east"], "home": town.homes["anna"]}
    own |= {"staff": town.staff["ola"], "session": 999_999, "access": 999_999}
    for role, client in everybody.items():
        own["alert"] = town.press("anna")
        for operation, answer in asked(client, walked, own):
            about = (role, operation.name, answer.status_code, answer.text)
            assert answer.status_code not in (401, 405, 500, 501, 503), about
            if role not in operation.ask.may:
                assert "Your role" in refused(answer, 403), about
            else:
                assert answer.status_code != 403 and (operation.body is not None or answer.status_code != 422), about


def test_each_role_of_care_is_one_of_care():
    """The entries are about roles that there are."""
    assert all(ask.may <= set(ROLES) and ask.may for ask in WALK.values())
    assert set(ROLES) >= CARE
