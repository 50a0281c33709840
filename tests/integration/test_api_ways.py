"""A member's ways over the api: added, confirmed with a code, tried, removed; and who sees what became of calls."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from server.store import notices
from tests.integration.care_rig import done, get, refused, send
from tests.integration.ways_rig import UA_KEYS, new_browser

pytestmark = pytest.mark.integration

KEY = "BP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A8"
CHROME = "https://fcm.googleapis.com/fcm/send/abc:def"


@pytest.fixture(autouse=True)
def offers(town: Any) -> None:
    """As the clock role says them."""
    with town.connection() as conn:
        notices.offer(conn, {"push": KEY, "sms": "", "email": ""}, ["push.kommune.example"])


def add(client: Any, **way: Any) -> Any:
    return send(client, "/ways", way=way)


def add_push(client: Any, endpoint: str = CHROME, keys: dict[str, str] | None = None) -> Any:
    return add(client, way="push", endpoint=endpoint, keys=keys or UA_KEYS)


def test_a_screen_learns_what_there_is_and_the_key_to_subscribe_to(kari: Any) -> None:
    assert get(kari, "/ways") == {
        "offers": [
            {"way": "push", "public_key": KEY},
            {"way": "sms", "public_key": None},
            {"way": "email", "public_key": None},
        ],
        "ways": [],
    }


def test_a_number_is_called_only_after_its_owner_said_the_code(kari: Any, town: Any) -> None:
    (way,) = done(add(kari, way="sms", address="912 34 567", language="en"))["ways"]
    assert (way["address"], way["confirmed"], way["language"]) == ("+4791234567", False, "en")
    alert = town.press("anna")
    call = notices.Call(alert=alert, rev=1, step=9, staff=town.staff["kari"])
    with town.connection() as conn:
        assert notices.call(conn, [call], datetime.now(UTC)) == 0
    code = town.one("select code from notice where purpose = 'code'")
    wrong = "000000" if code != "000000" else "111111"
    assert "not the code" in refused(send(kari, f"/ways/{way['id']}/confirm", code=wrong), 422)
    (confirmed,) = done(send(kari, f"/ways/{way['id']}/confirm", code=code))["ways"]
    assert confirmed["confirmed"]
    with town.connection() as conn:
        assert notices.call(conn, [call], datetime.now(UTC)) == 1


def test_a_code_cannot_be_guessed(kari: Any, town: Any) -> None:
    (way,) = done(add(kari, way="email", address="kari@kommune.example"))["ways"]
    code = town.one("select code from notice where purpose = 'code'")
    wrong = [f"{number:06d}" for number in range(6) if f"{number:06d}" != code][:5]
    for each in wrong:
        refused(send(kari, f"/ways/{way['id']}/confirm", code=each), 422)
    refused(send(kari, f"/ways/{way['id']}/confirm", code=code), 422)
    done(send(kari, f"/ways/{way['id']}/code"))
    newest = town.one("select code from notice where purpose = 'code' order by id desc limit 1")
    done(send(kari, f"/ways/{way['id']}/confirm", code=newest))


def test_a_code_is_old_after_a_quarter_of_an_hour(kari: Any, town: Any) -> None:
    (way,) = done(add(kari, way="sms", address="91234567"))["ways"]
    town.sql("update staff_way set code_until = now() - interval '1 s'")
    code = town.one("select code from notice where purpose = 'code'")
    refused(send(kari, f"/ways/{way['id']}/confirm", code=code), 422)


def test_nobodys_phone_is_filled_from_here(kari: Any, town: Any) -> None:
    (way,) = done(add(kari, way="sms", address="91234567"))["ways"]
    for _ in range(19):
        done(send(kari, f"/ways/{way['id']}/code"))
    refused(send(kari, f"/ways/{way['id']}/code"), 429)
    assert town.one("select count(*) from notice") == 20


def test_a_browser_proves_itself_and_subscribing_again_mends_it(kari: Any, town: Any) -> None:
    (way,) = done(add_push(kari))["ways"]
    assert (way["address"], way["confirmed"]) == ("fcm.googleapis.com", True)
    town.sql("update staff_way set broken_since = now(), broken_why = 'gone'")
    (broken,) = get(kari, "/ways")["ways"]
    assert broken["broken_why"] == "gone"
    (mended,) = done(add_push(kari, keys=new_browser()))["ways"]
    assert mended["broken_since"] is None and mended["id"] == way["id"]


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://fcm.googleapis.com/fcm/send/x",
        "https://127.0.0.1/push",
        "https://localhost:5432/push",
        "https://169.254.169.254/latest",
        "https://fcm.googleapis.com.example.org/x",
        "https://user@fcm.googleapis.com/x",
    ],
)
def test_no_browser_makes_us_knock_inside_the_house(kari: Any, town: Any, endpoint: str) -> None:
    refused(add_push(kari, endpoint), 422)
    assert town.one("select count(*) from staff_way") == 0


def test_a_push_service_that_the_administrator_named_is_one(kari: Any) -> None:
    done(add_push(kari, "https://push.kommune.example/x"))


@pytest.mark.parametrize(
    "way",
    [
        {"way": "sms", "address": "113"},
        {"way": "sms", "address": "+47 912 34 567, +47 900 00 000"},
        {"way": "email", "address": "kari@kommune.example\nBcc: all@example.org"},
        {"way": "email", "address": "nobody"},
        {"way": "push", "endpoint": CHROME, "keys": {"p256dh": "AAAA", "auth": "AAAA"}},
        {"way": "fax", "address": "22 00 00 00"},
    ],
)
def test_what_cannot_be_reached_is_refused(kari: Any, town: Any, way: dict[str, Any]) -> None:
    refused(send(kari, "/ways", way=way), 422)
    assert town.one("select count(*) from staff_way") == 0


def test_what_the_installation_does_not_have_is_not_added(kari: Any, town: Any) -> None:
    with town.connection() as conn:
        notices.offer(conn, {"email": ""}, [])
    assert [each["way"] for each in get(kari, "/ways")["offers"]] == ["email"]
    assert "not set up for sms" in refused(add(kari, way="sms", address="91234567"), 422)


def test_a_way_is_tried_turned_off_and_removed_by_its_owner_alone(kari: Any, api: Any, town: Any) -> None:
    (way,) = done(add_push(kari))["ways"]
    ola = api.signed_in("ola")
    assert get(ola, "/ways")["ways"] == []
    for path in ("test", "change", "remove", "code"):
        refused(send(ola, f"/ways/{way['id']}/{path}"), 404)
    (tried,) = done(send(kari, f"/ways/{way['id']}/test"))["ways"]
    assert tried["last"]["state"] == "waiting"
    assert town.sql("select purpose, staff_id from notice") == [("test", town.staff["kari"])]
    (off,) = done(send(kari, f"/ways/{way['id']}/change", enabled=False))["ways"]
    assert not off["enabled"]
    assert done(send(kari, f"/ways/{way['id']}/remove"))["ways"] == []
    refused(send(kari, f"/ways/{way['id']}/test"), 404)


def test_the_same_wish_sent_again_is_one_way_and_one_code(kari: Any, town: Any) -> None:
    wish = {"way": {"way": "sms", "address": "91234567"}}
    first, again = (send(kari, "/ways", key="the-same-wish", **wish) for _ in range(2))
    assert done(first) == done(again)
    assert town.sql("select (select count(*) from staff_way), (select count(*) from notice)") == [(1, 1)]


def test_whoever_looks_after_equipment_sees_what_did_not_arrive_in_own_teams(api: Any, town: Any, kari: Any) -> None:
    now = datetime.now(UTC)
    done(add_push(kari))
    alert = town.press("anna", at=now)
    with town.connection() as conn:
        notices.call(conn, [notices.Call(alert=alert, rev=1, step=9, staff=town.staff["kari"])], now)
        notices.call(conn, [notices.Call(alert=alert, rev=1, step=9, phone="+4790000009")], now)
    town.sql("update notice set state = 'dead', ended_at = now(), fault = 'gone', tries = 1 where way = 'push'")
    seen = get(api.signed_in("tor"), "/ways/deliveries")
    assert {(each["way"], each["state"], each["count"]) for each in seen["counts"]} == {
        ("push", "dead", 1),
        ("sms", "waiting", 1),
    }
    (dead,) = seen["dead_letter"]
    assert (dead["alert"], dead["staff"], dead["fault"], dead["tries"]) == (alert, "Kari", "gone", 1)
    assert "+4790000009" not in str(seen) and "fcm" not in str(seen)
    assert datetime.fromisoformat(seen["since"]) < now - timedelta(days=6)
    assert get(api.signed_in("vera"), "/ways/deliveries")["dead_letter"] == []
    refused(kari.get("/api/v1/ways/deliveries"), 403)
