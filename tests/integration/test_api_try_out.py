"""A limit tried over the api on what is stored."""

import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime, timedelta

import pytest

from devices.vocabulary import Kind
from server.api import try_out
from tests.integration.care_rig import refused

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)
LIMIT = {"kind": "spo2", "red_low": 86, "yellow_low": 88}


@pytest.fixture
def a_week(town):
    """A spot reading a day: with the shipped limits (yellow below 90, red below 88) two yellow and two red."""
    for days, value in enumerate((95, 89, 95, 87, 95, 85, 89), start=1):
        town.measure("anna", Kind.SPO2, value, NOW - timedelta(days=8 - days, hours=1))


def tries(client, town, *limits, name="anna", **wish):
    return client.post(f"/api/v1/patients/{town.patients[name]}/try-out", json={"limits": limits, **wish})


def test_it_says_what_would_have_been_raised_and_what_would_have_been_missed(kari, town, a_week):
    found = tries(kari, town, LIMIT).raise_for_status().json()
    assert found["readings"] == 7
    # now: 89 yellow, over at 95; 87 red, over; 85 red, still standing at 89. then: 87 yellow, 85 red.
    assert (found["now"], found["then"]) == ({"yellow": 1, "red": 2}, {"yellow": 1, "red": 1})
    assert (found["gone_count"], found["new_count"]) == (1, 0)
    (gone,) = found["gone"]
    assert (gone["kind"], gone["direction"], gone["priority"], gone["value"]) == ("spo2", "low", "yellow", 89)
    assert datetime.fromisoformat(gone["began_at"]) == NOW - timedelta(days=6, hours=1)
    (beside,) = found["limits"]
    assert beside["now"] == {"red_low": 88, "yellow_low": 90, "yellow_high": None, "red_high": None}
    assert beside["then"] == {"red_low": 86, "yellow_low": 88, "yellow_high": None, "red_high": None}


def test_no_limit_at_all_can_be_tried_too_and_nothing_is_changed(kari, town, a_week):
    found = tries(kari, town, {"kind": "spo2"}).raise_for_status().json()
    assert (found["then"], found["limits"][0]["then"]) == ({"yellow": 0, "red": 0}, None)
    assert found["gone_count"] == 3
    for table in ("alert", "patient_limit", "done_once"):
        assert town.one(f"select count(*) from {table}") == 0  # noqa: S608
    assert town.sql("select staff_id, what from access_log") == [(town.staff["kari"], "tries spo2")]


def test_fewer_days_leave_out_what_was_before(kari, town, a_week):
    assert tries(kari, town, LIMIT, days=2).raise_for_status().json()["readings"] == 1


CANNOT_BE_TRIED = (
    ([], {}, "limits"),
    ([LIMIT] * 9, {}, "limits"),
    ([LIMIT, LIMIT], {}, "two limits"),
    ([{"kind": "happiness"}], {}, "kind"),
    ([{"kind": "spo2", "red_low": 95, "yellow_low": 90}], {}, "ascend"),
    ([{"kind": "spo2", "red_low": 0.01}], {}, "between 1 and 100"),
    ([{"kind": "spo2", "red_low": "NaN"}], {}, "red_low"),
    ([LIMIT], {"days": 0}, "days"),
    ([LIMIT], {"days": 93}, "days"),
    ([{"kind": "weight", "red_low": 60}], {}, "no reading"),
)


def test_what_cannot_be_tried_is_refused_in_a_sentence(kari, town, a_week):
    for limits, wish, words in CANNOT_BE_TRIED:
        assert words in refused(tries(kari, town, *limits, **wish), 422), limits


def test_more_than_may_wait_are_told_when_to_come_back_and_alerts_are_acknowledged_meanwhile(
    api, kari, town, a_week, monkeypatch
):
    monkeypatch.setattr(try_out, "WAITING_MAX", 1)
    begun, go_on, really = threading.Event(), threading.Event(), try_out.replaying.try_out

    def slowly(*given, **named):
        begun.set()
        assert go_on.wait(20)
        return really(*given, **named)

    monkeypatch.setattr(try_out.replaying, "try_out", slowly)
    alert = town.press("anna")
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(tries, kari, town, LIMIT)
        assert begun.wait(20)
        others = [threads.submit(tries, kari, town, LIMIT) for _ in range(2)]
        busy = next(as_completed(others, 20)).result()
        assert "try again" in refused(busy, 503)
        assert busy.headers["Retry-After"] == "5"
        assert kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}).status_code == 200
        go_on.set()
        assert sorted([first.result(20).status_code, *(each.result(20).status_code for each in others)]) == [
            200,
            200,
            503,
        ]
