"""What is usual for a patient: proposed from the days that are over, accepted by staff, over the api."""

from datetime import UTC, date, datetime, time, timedelta
from time import sleep
from zoneinfo import ZoneInfo

import pytest

from devices.vocabulary import Kind
from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
OSLO = ZoneInfo("Europe/Oslo")
A_TEST = timedelta(minutes=1)  # longer than any test here takes


@pytest.fixture
def today():
    """The patient's day, which does not end while a test is under way."""
    now = datetime.now(OSLO)
    tomorrow = datetime.combine(now.date() + timedelta(days=1), time(0), OSLO)
    left = tomorrow.astimezone(UTC) - now.astimezone(UTC)
    if left > A_TEST:
        return now.date()
    sleep(left.total_seconds() + 1)
    return tomorrow.date()


@pytest.fixture
def anna(town):
    return f"/patients/{town.patients['anna']}"


def at_eight(day: date) -> datetime:
    return datetime.combine(day, time(8), OSLO).astimezone(UTC)


def measure(town, value: float, at: datetime) -> None:
    town.measure("anna", Kind.SPO2, value, at)
    town.sql("select observation_touched(array[%s], array[3::smallint], array[%s])", town.patients["anna"], at)


@pytest.fixture
def two_weeks(town, today):
    """Saturation each morning: 88, 89 ... 94, twice; and twice within an hour on the last day."""
    for days in range(14, 0, -1):
        measure(town, 88 + (14 - days) % 7, at_eight(today - timedelta(days=days)))


def proposal(client, path, kind="spo2", **query):
    return get(client, f"{path}/baselines/{kind}/proposal", **query)


def accept(client, path, proposed, kind="spo2", **wish):
    wish = {"last_day": proposed["last_day"], "rev": proposed["rev"], "reason": "stable", **wish}
    return send(client, f"{path}/baselines/{kind}/accept", **wish)


def test_a_proposal_is_the_median_of_the_days_and_moves_nothing(kari, town, anna, today, two_weeks):
    proposed = proposal(kari, anna)
    # 88 88 89 89 90 90 91 91 ... 94 94; away from 91: 0 0 1 1 1 1 2 2 2 2 3 3 3 3
    assert (proposed["center"], proposed["mad"]) == (91, 2)
    assert (proposed["enough"], len(proposed["days"]), proposed["accepted"]) == (True, 14, None)
    assert proposed["last_day"] == (today - timedelta(days=1)).isoformat()
    assert [each["value"] for each in proposed["days"][:7]] == [88, 89, 90, 91, 92, 93, 94]
    assert town.sql("select * from care_fact") == []


def test_what_is_accepted_is_what_was_proposed_and_moves_the_limits_from_then_on(kari, town, anna, today, two_weeks):
    said = done(accept(kari, anna, proposal(kari, anna)))
    assert said["fact"] == {
        "type": "baseline",
        "kind": "spo2",
        "center": 91,
        "mad": 2,
        "days": 14,
        "first_day": (today - timedelta(days=14)).isoformat(),
        "last_day": (today - timedelta(days=1)).isoformat(),
    }
    assert proposal(kari, anna)["accepted"]["id"] == said["id"]
    (spo2,) = [each for each in get(kari, f"{anna}/limits")["limits"] if each["kind"] == "spo2"]
    assert spo2["limits"] == {"red_low": 87, "yellow_low": 89, "yellow_high": None, "red_high": None}  # CLINICAL.md 3
    assert (spo2["source"], spo2["by"]["name"]) == ("accepted_baseline", "Kari")


def test_a_proposal_that_late_readings_have_changed_is_not_accepted_unseen(kari, town, anna, today, two_weeks):
    proposed = proposal(kari, anna)
    measure(town, 80, at_eight(today - timedelta(days=3)) + timedelta(hours=2))
    assert "look again" in refused(accept(kari, anna, proposed), 409)
    assert town.sql("select * from care_fact") == []
    done(accept(kari, anna, proposal(kari, anna)))


def test_too_few_days_tell_nothing_usual(kari, town, anna, today):
    for days in range(6, 0, -1):
        measure(town, 90, at_eight(today - timedelta(days=days)))
    proposed = proposal(kari, anna)
    assert (proposed["enough"], proposed["least_days"], len(proposed["days"])) == (False, 7, 6)
    assert "wait for 7" in refused(accept(kari, anna, proposed), 422)
    nothing = proposal(kari, anna, kind="weight")
    assert (nothing["center"], nothing["mad"], nothing["days"]) == (None, None, [])


def test_a_proposal_is_about_days_that_are_over_and_kinds_that_have_something_usual(kari, anna, today):
    ahead = kari.get(f"/api/v1{anna}/baselines/spo2/proposal", params={"last_day": today.isoformat()})
    assert "over" in refused(ahead, 422)
    assert "battery" in refused(kari.get(f"/api/v1{anna}/baselines/battery/proposal"), 422)
    for query in ({"window_days": 6}, {"window_days": 91}, {"last_day": "0001-01-01"}, {"last_day": "tomorrow"}):
        refused(kari.get(f"/api/v1{anna}/baselines/spo2/proposal", params=query), 422)
