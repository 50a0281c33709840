"""A team's figures beside its board: alerts by the hour, their answers, time in range, what was missed."""

from datetime import UTC, datetime, time, timedelta

import pytest

from devices.vocabulary import KINDS, Kind
from server.clinical.here import HERE
from tests.integration.care_rig import get, misses_a_morning

pytestmark = pytest.mark.integration


def raised(town, name, ago, *, acknowledged_after=None, outcome=None, priority="red"):
    alert = town.press(name)
    town.sql(
        """update alert set rule = rule || id, priority = %s, raised_at = now() - %s, began_at = now() - %s,
               acknowledged_at = now() - %s + %s, owner_id = %s, state = %s, outcome = %s,
               handled_at = case when %s::text is null then null else now() end
           where id = %s""",
        priority,
        ago,
        ago,
        ago,
        acknowledged_after,
        None if acknowledged_after is None else town.staff["kari"],
        "raised" if acknowledged_after is None else "acknowledged" if outcome is None else "handled",
        outcome,
        outcome,
        alert,
    )
    return alert


def minutes(count):
    return timedelta(minutes=count)


def times(api, town, **query):
    client = api.signed_in("kari")
    return client.get(f"/api/v1/teams/{town.teams['east']}/answer-times", params=query).raise_for_status().json()


def test_each_alert_stands_in_the_hour_in_which_it_was_raised(api, town):
    raised(town, "anna", minutes(30))
    raised(town, "anna", minutes(90), priority="yellow")
    raised(town, "arne", minutes(95), priority="yellow")
    raised(town, "arne", minutes(200), priority="grey")
    raised(town, "arne", timedelta(hours=25))
    found = times(api, town)
    counts = [(each["red"], each["yellow"], each["grey"]) for each in found["hours"]]
    assert counts == [(0, 0, 0)] * 20 + [(0, 0, 1), (0, 0, 0), (0, 2, 0), (1, 0, 0)]
    begins = [datetime.fromisoformat(each["begins"]) for each in found["hours"]]
    assert begins[-1] + timedelta(hours=1) == datetime.fromisoformat(found["to_at"])
    assert begins[0] == datetime.fromisoformat(found["from_at"])
    assert [each["raised"] for each in found["answers"]] == [1, 2, 1]


def test_an_answer_counts_from_when_the_alert_was_raised_until_somebody_took_it(api, town):
    for seconds in (30, 70, 400):
        raised(town, "anna", minutes(60), acknowledged_after=timedelta(seconds=seconds))
    raised(town, "anna", minutes(20))
    red = times(api, town)["answers"][0]
    assert (red["priority"], red["raised"], red["answered"]) == ("red", 4, 3)
    assert (red["median_s"], red["longest_s"]) == (70, 400)


def test_an_alert_that_was_raised_again_is_not_answered_by_the_acknowledgement_before(api, town):
    raised(town, "anna", minutes(10), acknowledged_after=minutes(-5))
    red = times(api, town)["answers"][0]
    assert (red["answered"], red["median_s"]) == (0, None)


def test_what_was_no_trouble_of_the_patient_is_counted_among_the_closed(api, town):
    for outcome in ("real_acted", "measuring_error", "wrong_limit", "real_no_action", "technical"):
        raised(town, "anna", minutes(30), acknowledged_after=minutes(1), outcome=outcome)
    red = times(api, town)["answers"][0]
    assert (red["closed"], red["unreal"]) == (5, 3)


def test_a_day_without_alerts_has_all_its_hours_and_no_times(api, town):
    found = times(api, town, hours=6)
    assert [each["red"] + each["yellow"] + each["grey"] for each in found["hours"]] == [0] * 6
    assert [each["median_s"] for each in found["answers"]] == [None] * 3


def wear(town, name, values, *, last_day):
    """One value every quarter of an hour, the last of them before midnight after `last_day`."""
    end = datetime.combine(last_day + timedelta(days=1), time.min, HERE)
    given = (town.patients[name], town.devices[name], KINDS[Kind.GLUCOSE_ISF].number)
    first = end - timedelta(minutes=15) * len(values)
    days = [first + timedelta(days=day) for day in range((end - first).days + 2)]
    with town.connection() as conn:
        conn.execute("select observation_days(%s::timestamptz[])", (days,))
        for place, value in enumerate(values):
            at = first + timedelta(minutes=15) * place
            conn.execute(
                """insert into observation
                   select %s, %s, %s, 0, %s, %s, null, null, 1, 0, 0, 0, 1, %s""",
                (given[0], given[2], at, given[1], value, at),
            )
    town.measure(name, Kind.GLUCOSE_ISF, values[-1], datetime.now(UTC))


def fortnight(api, town):
    return get(api.signed_in("kari"), f"/teams/{town.teams['east']}/fortnight")


def test_time_in_range_is_of_fourteen_whole_days_and_of_those_who_wear_a_sensor(api, town):
    yesterday = datetime.now(HERE).date() - timedelta(days=1)
    # Of 96 quarters 48 at 7.0, 24 at 12.0, 12 at 3.5, 12 at 15.0: by the consensus 50, 25, 12.5 and 12.5 %.
    wear(town, "arne", [7.0] * 48 + [12.0] * 24 + [3.5] * 12 + [15.0] * 12, last_day=yesterday)
    found = fortnight(api, town)
    assert found["last_day"] == yesterday.isoformat()
    assert found["first_day"] == (yesterday - timedelta(days=13)).isoformat()
    (arne,) = found["in_range"]
    assert arne["patient"] == town.patients["arne"]
    assert arne["bands"] == {"very_low": 0, "low": 12.5, "in_range": 50, "high": 25, "very_high": 12.5}
    assert arne["sufficient"] is False  # one day of fourteen
    assert arne["worn_percent"] == pytest.approx(100 / 14, abs=0.1)


def test_somebody_who_wears_a_sensor_since_today_has_no_time_in_range_yet(api, town):
    town.measure("arne", Kind.GLUCOSE_ISF, 7.1, datetime.now(UTC))
    assert fortnight(api, town)["in_range"] == []


def test_a_planned_measurement_that_did_not_come_is_there_and_one_that_came_is_not(api, town):
    kari, arne = api.signed_in("kari"), town.patients["arne"]
    measured, missed = misses_a_morning(kari, town, "arne")
    (told,) = [each for each in fortnight(api, town)["missed"] if (each["patient"], each["kind"]) == (arne, "spo2")]
    dues = [datetime.fromisoformat(each) for each in told["due"]]
    assert measured not in dues
    assert missed in dues


def test_looking_at_the_fortnight_is_a_look_at_the_patients_that_it_tells_of(api, town):
    fortnight(api, town)
    planned = [town.patients["anna"], town.patients["arne"]]
    assert town.sql(
        "select roster.patients from access_log join roster on roster.id = roster_id where deed = 'board'"
    ) == [(planned,)]


def test_another_team_is_nobody(api, town):
    client = api.signed_in("berit")
    for what in ("answer-times", "fortnight"):
        assert client.get(f"/api/v1/teams/{town.teams['east']}/{what}").status_code in (403, 404)
