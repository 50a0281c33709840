"""What is calculated of one patient, as the api gives it; each figure by hand from the readings that are stored."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from psycopg.types.json import Jsonb

from devices.vocabulary import KINDS, Kind

pytestmark = pytest.mark.integration
OSLO = ZoneInfo("Europe/Oslo")
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = NOW.replace(minute=0, second=0)


def get(client, path, **query):
    return client.get(path, params=query).raise_for_status().json()


def detail(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.json()["detail"]


def store(town, name, kind, readings, *, quality=0, sign=0, mode=1):
    """`readings`: (instant, value) each."""
    taken, values = [at for at, _ in readings], [value for _, value in readings]
    with town.connection() as conn:
        conn.execute("select observation_days(%s::timestamptz[])", (taken,))
        conn.execute(
            """insert into observation (patient_id, kind, taken_at, span_s, device_id, value, n, quality, sign, clock,
                                        mode, received_at)
               select %s, %s, at, 0, %s, value, 1, %s, %s, 0, %s, at
               from unnest(%s::timestamptz[], %s::float8[]) u (at, value)""",
            (town.patients[name], KINDS[kind].number, town.devices[name], quality, sign, mode, taken, values),
        )
        conn.execute(
            """insert into latest (patient_id, kind, taken_at, span_s, value, quality, sign, mode, clock, device_id,
                                   received_at, batch)
               select patient_id, kind, taken_at, span_s, value, quality, sign, mode, clock, device_id, received_at, 1
               from observation where patient_id = %s and kind = %s order by taken_at desc limit 1
               on conflict (patient_id, kind) do update
               set taken_at = excluded.taken_at, value = excluded.value, quality = excluded.quality,
                   sign = excluded.sign""",
            (town.patients[name], KINDS[kind].number),
        )


def said(town, name, type_, value, at, *, by="kari"):
    fact = "insert into care_fact (patient_id, type, at, value, said_by, said_at) values (%s, %s, %s, %s, %s, %s)"
    town.sql(fact, town.patients[name], type_, at, Jsonb(value), town.staff[by], at)


def measure_round(town, name, at, **values):
    """One round of a nurse: some of the seven parameters, a minute apart."""
    kinds = {
        "respiration": Kind.RESPIRATORY_RATE,
        "spo2": Kind.SPO2,
        "systolic": Kind.SYSTOLIC,
        "pulse": Kind.PULSE_RATE,
        "temperature": Kind.BODY_TEMPERATURE,
    }
    for minute, (word, value) in enumerate(values.items()):
        store(town, name, kinds[word], [(at + timedelta(minutes=minute), value)], mode=0)


ILL = {"respiration": 22, "spo2": 93, "systolic": 105, "pulse": 112, "temperature": 38.5}  # 2 + 2 + 1 + 2 + 1 points


def test_news2_is_the_sum_of_chart_1_when_all_seven_are_there(kari, town, minutes_ago):
    measure_round(town, "anna", minutes_ago(20), **ILL)
    said(town, "anna", "oxygen_seen", {"on": True}, minutes_ago(18))
    said(town, "anna", "consciousness", {"acvpu": "alert"}, minutes_ago(18))
    found = get(kari, f"/api/v1/patients/{town.patients['anna']}/news2")
    assert (found["total"], found["risk"], found["scale"]) == (10, "high", "scale_1")
    points = {part["parameter"]: part["points"] for part in found["parts"]}
    assert points == {
        "respiration": 2,
        "spo2": 2,
        "oxygen": 2,
        "systolic": 1,
        "pulse": 2,
        "consciousness": 0,
        "temperature": 1,
    }
    assert (found["missing"], found["too_old"], found["scale_2_by"]) == ([], [], None)
    (oxygen,) = [part for part in found["parts"] if part["parameter"] == "oxygen"]
    assert (oxygen["on_oxygen"], oxygen["value"]) == (True, None)
    assert datetime.fromisoformat(found["at"]) == minutes_ago(16)  # the temperature came last
    assert {reference["page"] for reference in found["references"]} >= {"chart 1", "chart 2, thresholds and triggers"}


def test_news2_is_not_computable_when_one_is_missing_or_too_old_and_shows_what_is_known(kari, town, minutes_ago):
    measure_round(town, "anna", minutes_ago(10), **{word: ILL[word] for word in ("respiration", "spo2", "pulse")})
    store(town, "anna", Kind.BODY_TEMPERATURE, [(minutes_ago(75), 38.5)], mode=0)
    store(town, "anna", Kind.SYSTOLIC, [(minutes_ago(60 * 24 * 8), 105)], mode=0)
    said(town, "anna", "consciousness", {"acvpu": "confused"}, minutes_ago(10))
    found = get(kari, f"/api/v1/patients/{town.patients['anna']}/news2")
    assert (found["total"], found["risk"]) == (None, None)
    assert (sorted(found["missing"]), found["too_old"]) == (["oxygen", "systolic"], ["temperature"])
    red = {part["parameter"] for part in found["parts"] if part["red"]}
    assert red == {"consciousness"}


def test_news2_without_any_reading_is_all_unknown(kari, town):
    found = get(kari, f"/api/v1/patients/{town.patients['anna']}/news2")
    assert (found["at"], found["total"], len(found["missing"])) == (None, None, 7)


def test_a_reading_that_its_device_doubts_makes_no_score(kari, town, minutes_ago):
    store(town, "anna", Kind.SPO2, [(minutes_ago(5), 80)], quality=1)
    store(town, "anna", Kind.SPO2, [(minutes_ago(15), 97)])
    found = get(kari, f"/api/v1/patients/{town.patients['anna']}/news2")
    (spo2,) = [part for part in found["parts"] if part["parameter"] == "spo2"]
    assert (spo2["value"], spo2["points"]) == (97, 0)


def test_scale_2_counts_from_when_a_doctor_prescribed_it_and_says_who(kari, town, minutes_ago):
    store(town, "anna", Kind.SPO2, [(minutes_ago(10), 89)])
    path = f"/api/v1/patients/{town.patients['anna']}/news2"
    assert points_of(get(kari, path), "spo2") == 3  # chart 1, scale 1: at most 91
    said(town, "anna", "news2_scale", {"scale": "scale_2"}, minutes_ago(60), by="siv")
    found = get(kari, path)
    assert points_of(found, "spo2") == 0  # scale 2: 88-92
    assert (found["scale"], found["scale_2_by"]["name"]) == ("scale_2", "Siv")
    said(town, "anna", "news2_scale", {"scale": "scale_1"}, minutes_ago(30), by="siv")
    assert points_of(get(kari, path), "spo2") == 3


def points_of(found, parameter):
    (part,) = [part for part in found["parts"] if part["parameter"] == parameter]
    return part["points"]


def test_the_trail_has_a_column_for_each_quarter_in_which_something_was_measured(kari, town):
    first = HOUR - timedelta(hours=20)
    for at, ill in ((first, ILL), (first + timedelta(hours=8), {**ILL, "spo2": 96, "pulse": 80})):
        measure_round(town, "anna", at, **ill)
        said(town, "anna", "oxygen_seen", {"on": False}, at)
        said(town, "anna", "consciousness", {"acvpu": "alert"}, at)
    store(town, "anna", Kind.SPO2, [(first + timedelta(hours=4), 95)])
    found = get(kari, f"/api/v1/patients/{town.patients['anna']}/news2/trail", days=1)
    assert found["every_min"] == 15
    assert found["total"] == [8, None, 4]
    assert found["risk"] == ["high", None, "low"]
    rows = {row["parameter"]: row["points"] for row in found["rows"]}
    assert rows["spo2"] == [2, 1, 0]
    assert rows["temperature"] == [1, None, 1]  # four hours later it is too old to be shown as of then
    assert [datetime.fromisoformat(at) for at in found["at"]] == [
        first + timedelta(minutes=4),
        first + timedelta(hours=4),
        first + timedelta(hours=8, minutes=4),
    ]


def test_a_longer_trail_keeps_the_worst_of_each_hour(kari, town):
    hour = HOUR - timedelta(days=5)
    for minutes, spo2 in ((0, 96), (20, 85), (40, 96)):
        at = hour + timedelta(minutes=minutes)
        measure_round(town, "anna", at, **{**ILL, "spo2": spo2})
        said(town, "anna", "oxygen_seen", {"on": False}, at)
        said(town, "anna", "consciousness", {"acvpu": "alert"}, at)
    found = get(kari, f"/api/v1/patients/{town.patients['anna']}/news2/trail", days=30)
    assert (found["every_min"], found["total"]) == (60, [9])  # 2 + 3 + 1 + 2 + 1


@pytest.mark.parametrize("days", [0, 32, "many", 1e9])
def test_a_trail_over_an_impossible_time_is_refused(kari, town, days):
    answer = kari.get(f"/api/v1/patients/{town.patients['anna']}/news2/trail", params={"days": days})
    assert "days" in detail(answer, 422)


# An hour of a glucose sensor, every five minutes: one value very low, one low, seven in range, two high, one very high.
AN_HOUR = (2.5, 3.5, *[6.0] * 7, 12.0, 12.0, 15.0)


@pytest.fixture
def fortnight(town):
    """(from, to) of 14 whole days of it."""
    begins = HOUR - timedelta(days=15)
    readings = [
        (begins + timedelta(minutes=5 * place), AN_HOUR[place % len(AN_HOUR)])
        for place in range(14 * 24 * len(AN_HOUR))
    ]
    store(town, "arne", Kind.GLUCOSE_ISF, readings)
    return begins, begins + timedelta(days=14)


def glucose(client, town, from_, to, **query):
    period = {"from": from_.isoformat(), "to": to.isoformat()}
    return client.get(f"/api/v1/patients/{town.patients['arne']}/glucose", params={**period, **query})


def test_the_glucose_report_is_the_consensus_counted_by_hand(kari, town, fortnight):
    found = glucose(kari, town, *fortnight).raise_for_status().json()
    figures = found["metrics"]
    assert figures["readings"] == 4032
    assert figures["bands"] == {
        "very_low": pytest.approx(100 / 12),
        "low": pytest.approx(100 / 12),
        "in_range": pytest.approx(700 / 12),
        "high": pytest.approx(200 / 12),
        "very_high": pytest.approx(100 / 12),
    }
    assert figures["mean_mmol_per_l"] == pytest.approx(87 / 12)
    assert figures["gmi_percent"] == pytest.approx(3.31 + 0.4310 * 87 / 12, abs=0.005)  # CLINICAL.md 2, in mmol/L
    assert figures["cv_percent"] == pytest.approx(100 * (152.75 / 12) ** 0.5 / 7.25, abs=0.01)
    assert figures["stable"] is False
    assert (figures["days"], figures["sufficient"]) == (14, True)
    assert figures["worn_percent"] == pytest.approx(100)
    assert found["cadence_min"] == 5
    # 15 minutes above 10.0 in each hour; 10 minutes below 3.9 are no episode
    counts = {(each["direction"], each["level"]): each["count"] for each in found["counts"]}
    assert counts == {("low", 1): 0, ("low", 2): 0, ("high", 1): 336, ("high", 2): 0}
    assert len(found["episodes"]) == 100
    newest = found["episodes"][-1]
    assert datetime.fromisoformat(newest["began_at"]) == fortnight[1] - timedelta(minutes=15)
    assert newest["extreme_mmol_per_l"] == 15


def test_the_usual_day_has_percentiles_for_each_quarter_of_an_hour(kari, town, fortnight):
    profile = glucose(kari, town, *fortnight).raise_for_status().json()["profile"]
    assert profile["minute"] == list(range(0, 24 * 60, 15))
    assert set(profile["count"]) == {42}
    # 14 each of 2.5, 3.5 and 6.0 at the hour: ranks 2.05, 10.25, 20.5, 30.75 and 38.95 of 0..41
    assert [profile[name][0] for name in ("p5", "p25", "p50", "p75", "p95")] == [2.5, 2.5, 3.5, 6.0, 6.0]
    assert [profile[name][3] for name in ("p5", "p50", "p95")] == [12, 12, 15]


def test_targets_are_met_or_missed_by_group_and_unknown_when_too_little_was_measured(kari, town, fortnight):
    begins, ends = fortnight
    adult = glucose(kari, town, begins, ends).json()["targets"]
    assert [(target["percent"], target["met"]) for target in adult] == [
        (58.3, False),
        (16.7, False),
        (8.3, False),
        (25.0, False),
        (8.3, False),
    ]
    older = glucose(kari, town, begins, ends, group="older").json()["targets"]
    assert [target["met"] for target in older] == [True, False, True]
    short = glucose(kari, town, begins, begins + timedelta(days=13)).json()
    assert short["metrics"]["sufficient"] is False
    assert {target["met"] for target in short["targets"]} == {None}


def test_a_glucose_report_of_nothing_is_no_number(kari, town):
    found = glucose(kari, town, NOW - timedelta(days=14), NOW).raise_for_status().json()
    assert (found["metrics"]["readings"], found["metrics"]["bands"], found["metrics"]["gmi_percent"]) == (0, None, None)
    assert set(found["profile"]["p50"]) == {None}


def test_readings_that_the_sensor_doubts_and_control_solution_are_left_out_and_said(kari, town):
    at = NOW - timedelta(hours=3)
    store(town, "arne", Kind.GLUCOSE_ISF, [(at + timedelta(minutes=5 * n), 6.0) for n in range(12)])
    store(town, "arne", Kind.GLUCOSE_ISF, [(at + timedelta(minutes=61 + 5 * n), 2.2) for n in range(4)], quality=1)
    store(town, "arne", Kind.GLUCOSE_ISF, [(at + timedelta(minutes=121), 9.9)], quality=3)
    found = glucose(kari, town, at, NOW).raise_for_status().json()
    assert (found["doubted"], found["metrics"]["readings"]) == (4, 12)
    assert found["metrics"]["bands"]["in_range"] == 100


def test_lo_counts_as_very_low_and_is_said_to_be_censored(kari, town):
    at = NOW - timedelta(hours=3)
    store(town, "arne", Kind.GLUCOSE_ISF, [(at + timedelta(minutes=5 * n), 6.0) for n in range(6)])
    store(town, "arne", Kind.GLUCOSE_ISF, [(at + timedelta(minutes=30 + 5 * n), 3.0) for n in range(6)], sign=-1)
    found = glucose(kari, town, at, at + timedelta(hours=1)).raise_for_status().json()
    assert found["metrics"]["censored"] == 6
    assert found["metrics"]["bands"]["very_low"] == 50


def test_the_time_that_has_not_come_yet_was_not_missed(kari, town):
    now = datetime.now(UTC)  # by which the api tells what has come; NOW is as old as the run
    readings = [(now - timedelta(minutes=5 * n), 6.0) for n in range(1, 289)]
    store(town, "arne", Kind.GLUCOSE_ISF, readings)
    found = glucose(kari, town, now - timedelta(days=1), now + timedelta(days=1)).raise_for_status().json()
    assert found["metrics"]["worn_percent"] == pytest.approx(100, abs=1)


def test_daily_curves_begin_at_midnight_in_norway(kari, town, fortnight):
    begins, _ = fortnight
    day = (begins.astimezone(OSLO) + timedelta(days=3)).date()
    path = f"/api/v1/patients/{town.patients['arne']}/glucose/days"
    (found,) = get(kari, path, **{"from": day, "to": day})["days"]
    midnight = datetime.combine(day, datetime.min.time(), OSLO)
    assert datetime.fromisoformat(found["begins"]) == midnight
    hours = (midnight + timedelta(days=1)).astimezone(UTC) - midnight.astimezone(UTC)
    assert len(found["mmol_per_l"]) == hours // timedelta(minutes=5)
    assert found["after_min"][:3] == [0, 5, 10]
    assert found["mmol_per_l"][:3] == [2.5, 3.5, 6.0]
    assert found["metrics"]["bands"]["in_range"] == pytest.approx(700 / 12)
    assert found["sign"] == []


def test_a_sensor_that_speaks_every_minute_is_drawn_in_steps_that_keep_its_extremes(kari, town):
    day = (NOW.astimezone(OSLO) - timedelta(days=1)).date()
    midnight = datetime.combine(day, datetime.min.time(), OSLO).astimezone(UTC)
    readings = [(midnight + timedelta(minutes=n), 2.1 if n == 603 else 6 + n % 5 / 10) for n in range(1200)]
    store(town, "arne", Kind.GLUCOSE_ISF, readings)
    (found,) = get(kari, f"/api/v1/patients/{town.patients['arne']}/glucose/days", **{"from": day, "to": day})["days"]
    assert len(found["mmol_per_l"]) == 240
    assert min(found["mmol_per_l"]) == 2.1
    assert found["metrics"]["readings"] == 1200


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        (NOW, NOW),
        (NOW, NOW - timedelta(days=1)),
        (NOW - timedelta(days=93), NOW),
        (NOW + timedelta(hours=1), NOW + timedelta(hours=2)),
        (datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC)),
        (datetime(9999, 12, 30, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)),
        (NOW.replace(tzinfo=None) - timedelta(days=1), NOW.replace(tzinfo=None)),
    ],
)
def test_a_report_over_an_impossible_time_is_refused_in_a_sentence(kari, town, from_, to):
    assert detail(glucose(kari, town, from_, to), 422).endswith(".")


@pytest.mark.parametrize(
    ("from_", "to"),
    [
        ("2026-03-02", "2026-03-01"),
        ("2026-01-01", "2026-02-01"),
        ("0001-01-01", "0001-01-02"),
        ("2026-02-30", "2026-03-01"),
    ],
)
def test_curves_of_impossible_days_are_refused_in_a_sentence(kari, town, from_, to):
    answer = kari.get(f"/api/v1/patients/{town.patients['arne']}/glucose/days", params={"from": from_, "to": to})
    assert detail(answer, 422).endswith(".")


def test_curves_of_days_that_have_not_come_are_none(kari, town):
    ahead = {"from": (NOW + timedelta(days=3)).date(), "to": (NOW + timedelta(days=4)).date()}
    assert get(kari, f"/api/v1/patients/{town.patients['arne']}/glucose/days", **ahead)["days"] == []


def test_two_days_in_a_row_with_two_major_symptoms_are_an_exacerbation_of_type_2(kari, town):
    today = NOW.astimezone(OSLO).date()
    yesterday, long_ago = today - timedelta(days=1), today - timedelta(days=61)
    for day, symptoms in (
        (long_ago, ["dyspnoea", "sputum_volume", "sputum_purulence"]),
        (yesterday, ["dyspnoea", "sputum_volume"]),
        (today, ["cough", "dyspnoea", "sputum_volume"]),
    ):
        said(town, "anna", "symptoms", {"day": day.isoformat(), "symptoms": symptoms}, NOW)
    found = get(kari, f"/api/v1/patients/{town.patients['anna']}/exacerbation")
    assert (found["type"], found["began"], found["as_of"]) == (2, yesterday.isoformat(), today.isoformat())
    assert [each["type"] for each in found["days"]] == [2, 2]
    assert found["days"][1]["symptoms"] == ["cough", "dyspnoea", "sputum_volume"]


def test_without_a_reported_day_there_is_no_exacerbation_and_it_says_so(kari, town):
    found = get(kari, f"/api/v1/patients/{town.patients['anna']}/exacerbation")
    assert (found["type"], found["as_of"], found["days"]) == (None, None, [])


def test_every_look_is_in_the_access_log(kari, town):
    anna = town.patients["anna"]
    for path in ("news2", "news2/trail", "exacerbation"):
        get(kari, f"/api/v1/patients/{anna}/{path}")
    glucose(kari, town, NOW - timedelta(days=1), NOW)
    looks = town.sql("select staff_id, patient_id, what from access_log order by id")
    assert {staff for staff, _, _ in looks} == {town.staff["kari"]}
    assert [(patient, what.split()[0]) for _, patient, what in looks] == [
        (anna, "news2"),
        (anna, "news2"),
        (anna, "exacerbation"),
        (town.patients["arne"], "glucose"),
    ]
