"""The board, the series and the technical page as the api gives them, from a real database."""

from datetime import UTC, datetime, time, timedelta

import pytest
from psycopg.types.json import Jsonb

from devices.vocabulary import EventType, Kind
from server.clinical.here import HERE
from server.store import board, pool, sessions

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)


def get(client, path, **query):
    return client.get(path, params=query).raise_for_status().json()


def points(vital):
    """Of a small chart: the instants and the values."""
    spark = vital["spark"]
    begins = datetime.fromisoformat(spark["begins"])
    return [
        (begins + timedelta(milliseconds=ms), value)
        for ms, value in zip(spark["after_ms"], spark["value"], strict=True)
    ]


def vitals(page, patient):
    (row,) = [row for row in page["patients"] if row["id"] == patient]
    return {vital["kind"]: vital for vital in row["vitals"]}


def test_the_board_shows_a_team_its_patients_homes_and_gateways(api, town):
    page = get(api.signed_in("kari"), "/api/v1/board")
    anna, arne = page["patients"]
    assert anna == {
        "id": town.patients["anna"],
        "name": "anna",
        "born_on": "1940-05-17",
        "pathway": "kols",
        "team": town.teams["east"],
        "home": town.homes["anna"],
        "gateways": ["gw-anna"],
        "sensors_off": [],
        "virtual": True,
        "municipality": None,
        "week": [],
        "response": None,
        "vitals": [],
    }
    assert arne["pathway"] == "diabetes"
    assert page["practice"] is True
    assert [home["address"] for home in page["homes"]] == ["Storgata 1", "Storgata 2"]
    assert [(gateway["id"], gateway["state"]) for gateway in page["gateways"]] == [
        ("gw-anna", "never"),
        ("gw-arne", "never"),
    ]
    assert page["cursors"] == {str(town.teams["east"]): 0}
    assert page["epoch"] == town.one("select epoch from installation")


def test_a_row_shows_the_gravest_alert_of_each_of_the_last_seven_days_in_norway(api, town):
    midnight = datetime.now(HERE).replace(hour=0, minute=0, second=0, microsecond=0)
    began = "update alert set began_at = %s, rule = %s, priority = %s, state = 'ended' where id = %s"

    def was(days, hours, rule, priority):
        at = datetime.combine(midnight.date() - timedelta(days=days), time(hours, 30), HERE)
        town.sql(began, at, rule, priority, town.press("anna"))

    was(6, 0, "limit:spo2:low", "yellow")
    was(7, 23, "limit:spo2:high", "red")  # half an hour too long ago
    was(3, 8, "measurement:missed:spo2", "yellow")
    was(2, 9, "limit:pulse_rate:low", "yellow")
    was(2, 10, "measurement:missed:weight", "yellow")
    was(1, 23, "technical:battery_low", "grey")
    was(0, 0, "limit:glucose:low", "red")
    anna, arne = get(api.signed_in("kari"), "/api/v1/board")["patients"]
    assert anna["week"] == ["yellow", "none", "none", "missed", "yellow", "technical", "red"]
    assert arne["week"] == []


def test_a_row_says_the_municipality_and_a_gateway_the_batteries_and_signals_of_its_devices(api, town):
    town.sql("insert into municipality values ('3999', 'Øvelsesvik')")
    town.sql("update patient set municipality = '3999' where name = 'anna'")
    said = [{"device": "A", "rssi_dbm": -71, "battery_percent": 9}, {"device": "B", "rssi_dbm": None}, "odd"]
    town.gateway_says("anna", "online", devices=said)
    page = get(api.signed_in("kari"), "/api/v1/board")
    assert [row["municipality"] for row in page["patients"]] == ["Øvelsesvik", None]
    gateway = next(each for each in page["gateways"] if each["id"] == "gw-anna")
    assert (gateway["battery"], gateway["signal"]) == ({"A": 9}, {"A": -71})


def test_a_value_comes_with_its_unit_its_limits_its_level_and_the_age_at_which_it_is_old(api, town, minutes_ago):
    town.measure("arne", Kind.GLUCOSE, 3.1, minutes_ago(60))
    (glucose,) = vitals(get(api.signed_in("kari"), "/api/v1/board"), town.patients["arne"]).values()
    assert glucose["latest"] == {
        "patient": town.patients["arne"],
        "kind": "glucose",
        "value": 3.1,
        "unit": "mmol/L",
        "decimals": 1,
        "sign": 0,
        "quality": 0,
        "taken_at": minutes_ago(60).isoformat().replace("+00:00", "Z"),
        "span_s": 0,
        "received_at": minutes_ago(60).isoformat().replace("+00:00", "Z"),
        "clock": 0,
        "device": "AA:BB:CC:DD:EE:02",
        "level": -1,  # CLINICAL.md 2: yellow below 3.9, red below 3.0
    }
    assert glucose["limits"] == {"red_low": 3.0, "yellow_low": 3.9, "yellow_high": 13.9, "red_high": 20.0}
    assert glucose["stale_after_s"] == 12 * 3600
    assert glucose["gap_s"] == 0  # dots: never joined


def test_a_persons_own_limits_replace_the_pathways(api, town, minutes_ago):
    town.measure("anna", Kind.SPO2, 87, minutes_ago(60))
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    assert vitals(get(kari, "/api/v1/board"), anna)["spo2"]["latest"]["level"] == -2
    limit = """insert into patient_limit (patient_id, kind, red_low, yellow_low, set_at, reason)
               values (%s, 3, %s, %s, %s, 'r')"""
    town.sql(limit, anna, 80, 84, minutes_ago(30))
    spo2 = vitals(get(kari, "/api/v1/board"), anna)["spo2"]
    assert spo2["limits"] == {"red_low": 80, "yellow_low": 84, "yellow_high": None, "red_high": None}
    assert spo2["latest"]["level"] == 0


def test_no_reading_is_no_value_and_has_no_level(api, town, minutes_ago):
    town.measure("anna", Kind.SPO2, None, minutes_ago(1))
    latest = vitals(get(api.signed_in("kari"), "/api/v1/board"), town.patients["anna"])["spo2"]["latest"]
    assert (latest["value"], latest["level"], latest["quality"]) == (None, None, 2)


def test_a_spark_of_spot_readings_goes_back_two_weeks_and_has_sixty_points_at_most(api, town):
    for hours in (15 * 24, *range(70)):
        town.measure("arne", Kind.GLUCOSE, 5 + hours / 100, NOW - timedelta(hours=hours))
    glucose = vitals(get(api.signed_in("kari"), "/api/v1/board"), town.patients["arne"])["glucose"]
    assert points(glucose) == [(NOW - timedelta(hours=hours), round(5 + hours / 100, 2)) for hours in range(59, -1, -1)]


def test_a_spark_of_a_stream_is_its_last_minutes_in_short_means(api, town):
    now = datetime.now(UTC).replace(microsecond=0)  # a window of minutes: not that of the import
    start = datetime.fromtimestamp(now.timestamp() // 15 * 15 - 600, UTC)
    for second in range(30):
        town.measure("anna", Kind.PULSE_RATE, 70 + second % 15, start + timedelta(seconds=second), mode=1)
    town.measure("anna", Kind.PULSE_RATE, 200, now - timedelta(hours=2), mode=1)
    town.measure("anna", Kind.PULSE_RATE, 80, now, mode=1)
    pulse = vitals(get(api.signed_in("kari"), "/api/v1/board"), town.patients["anna"])["pulse_rate"]
    assert [value for _, value in points(pulse)] == [77, 77, 80]
    assert points(pulse)[0][0] == start


def test_the_alerts_and_the_cursors_of_a_board_are_of_one_instant(api, town):
    kari = api.signed_in("kari")
    sos, fall = town.press("anna"), town.press("arne", EventType.FALL)
    page = get(kari, "/api/v1/board")
    assert [alert["id"] for alert in page["alerts"]] == [sos, fall]
    assert page["cursors"] == {str(town.teams["east"]): 2}
    kari.post(f"/api/v1/alerts/{sos}/handle", json={"rev": 1, "outcome": "real_acted"}).raise_for_status()
    page = get(kari, "/api/v1/board")
    assert [alert["id"] for alert in page["alerts"]] == [fall]
    assert page["cursors"] == {str(town.teams["east"]): 3}


def test_what_happens_while_a_board_is_read_is_wholly_after_it(database, town):
    teams, now = [town.teams["east"]], datetime.now(UTC)
    with pool.connect(database.api, name="test") as conn:
        board.begin_snapshot(conn)
        sessions.identify(conn, town.staff["kari"])
        before = board.heads(conn, teams)
        town.press("anna")
        seen = board.snapshot(conn, teams, now)
    assert (seen.heads, seen.alerts) == (before, []) == ({teams[0]: 0}, [])
    assert town.head("east") == 1


def test_an_alert_with_evidence_that_nobody_can_read_is_still_shown(api, town):
    alert = town.press("anna")
    town.sql("""update alert set evidence = '{"level": "high", "from_the_future": 1}'""")
    (shown,) = get(api.signed_in("kari"), "/api/v1/board")["alerts"]
    assert shown["id"] == alert
    assert "could not be read" in shown["evidence"]["reference"]


def test_a_home_alarm_lists_everybody_who_lives_there(api, town):
    town.sql("update patient set home_id = %s where name = 'arne'", town.homes["anna"])
    alert = town.press("anna", EventType.SMOKE)
    town.sql("update alert set patient_id = null")
    (shown,) = get(api.signed_in("kari"), "/api/v1/board")["alerts"]
    assert shown["id"] == alert
    assert shown["lives_there"] == [town.patients["anna"], town.patients["arne"]]


def test_a_sensor_that_says_it_is_off_is_shown_until_it_measures_again(api, town, minutes_ago):
    event = """insert into event (device_id, slot, type, occurred_at, received_at, clock, patient_id, gateway_id)
               values (%s, 0, %s, %s, now(), 0, %s, (select id from gateway where name = 'gw-anna'))"""
    anna, device = town.patients["anna"], town.devices["anna"]
    kari = api.signed_in("kari")

    def off() -> list[str]:
        return get(kari, "/api/v1/board")["patients"][0]["sensors_off"]

    town.measure("anna", Kind.SPO2, 94, minutes_ago(30))
    town.sql(event, device, "sensor_off", minutes_ago(20), anna)
    assert off() == ["AA:BB:CC:DD:EE:01"]
    town.sql(event, device, "sensor_on", minutes_ago(15), anna)
    assert off() == []
    town.sql(event, device, "sensor_off", minutes_ago(10), anna)
    assert off() == ["AA:BB:CC:DD:EE:01"]
    town.measure("anna", Kind.SPO2, 95, minutes_ago(5))
    assert off() == []


def test_a_series_keeps_its_extremes_when_it_is_thinned(api, town):
    start = NOW - timedelta(hours=1)
    for minute in range(60):
        town.measure("anna", Kind.SPO2, 71 if minute == 17 else 93, start + timedelta(minutes=minute))
    query = {"kind": "spo2", "from": start.isoformat(), "to": NOW.isoformat(), "points": 10}
    series = get(api.signed_in("kari"), f"/api/v1/patients/{town.patients['anna']}/series", **query)
    assert len(series["at"]) <= 10
    assert min(low for low in series["low"] if low is not None) == 71
    assert max(high for high in series["high"] if high is not None) == 93
    assert series["unit"] == "%"


def test_a_series_that_fits_is_given_as_it_was_measured_with_its_silences(api, town, minutes_ago):
    for minutes, value in ((50, 93), (49, 92), (20, 91), (19, 90)):
        town.measure("anna", Kind.PULSE_RATE, value, minutes_ago(minutes), mode=1)
    town.measure("anna", Kind.PULSE_RATE, None, minutes_ago(18), mode=1)
    query = {"kind": "pulse_rate", "from": minutes_ago(60).isoformat(), "to": minutes_ago(0).isoformat()}
    series = get(api.signed_in("kari"), f"/api/v1/patients/{town.patients['anna']}/series", **query)
    assert series["value"] == [93, 92, None, 91, 90]
    assert [datetime.fromisoformat(at) for at in series["at"]][:2] == [minutes_ago(50), minutes_ago(49)]


def test_every_look_at_a_patient_is_remembered(api, town, minutes_ago):
    kari, anna, alert = api.signed_in("kari"), town.patients["anna"], town.press("anna")
    query = {"kind": "spo2", "from": minutes_ago(60).isoformat(), "to": NOW.isoformat()}
    get(kari, f"/api/v1/patients/{anna}/series", **query)
    get(kari, f"/api/v1/alerts/{alert}")
    looks = town.sql("select staff_id, patient_id, what from access_log order by id")
    assert looks == [(town.staff["kari"], anna, "series spo2"), (town.staff["kari"], anna, f"alert {alert}")]


@pytest.mark.parametrize(
    ("from_", "to"),
    [(NOW, NOW), (NOW, NOW - timedelta(days=1)), (NOW - timedelta(days=401), NOW), (NOW.replace(tzinfo=None), NOW)],
)
def test_a_series_over_an_impossible_time_is_refused(api, town, from_, to):
    query = {"kind": "spo2", "from": from_.isoformat(), "to": to.isoformat()}
    answer = api.signed_in("kari").get(f"/api/v1/patients/{town.patients['anna']}/series", params=query)
    assert answer.status_code == 422


def troubles(town) -> None:
    aside = "insert into set_aside (at, gateway, topic, reason, payload) values (%s, %s, 't', 'not JSON', %s)"
    for minute, gateway in enumerate(("gw-anna", "gw-berta", "gw-unknown")):
        town.sql(aside, NOW + timedelta(minutes=minute), gateway, b"12345")
    town.sql("insert into gateway (name, bucket) values ('gw-unknown', 0)")
    lost = """insert into lost_rows select id, 'o', 'bulk', 1, %s, 'thinned', now() from gateway where name = %s"""
    for rows, gateway in ((10, "gw-anna"), (200, "gw-berta"), (3000, "gw-unknown")):
        town.sql(lost, rows, gateway)
    town.sql("insert into device (address) values ('00:00:00:00:00:01')")
    nobodys = """insert into device_observation
                 select id, 0, %s, now() - make_interval(secs => n), 0, null, 90, null, null, 1, 0, 0, 0, 0, now()
                 from device, generate_series(1, %s) n where address = %s"""
    town.sql(nobodys, 3, 7, "00:00:00:00:00:01")
    town.sql(nobodys, 3, 5, "AA:BB:CC:DD:EE:01")
    town.sql(nobodys, 3, 9, "AA:BB:CC:DD:EE:03")
    town.sql(nobodys, 6, 4, "AA:BB:CC:DD:EE:02")  # its own battery is nothing to worry about


def test_a_technician_sees_what_went_wrong_with_the_teams_equipment_and_with_nobodys(api, town):
    troubles(town)
    devices = [{"device": "AA:BB:CC:DD:EE:01", "state": "heard", "refused": 8}, {"device": "AA:BB:CC:DD:EE:02"}]
    town.gateway_says(
        "anna", "online", troubles=["bluetooth adapter is gone"], waiting_alarm=1, waiting_bulk=40, devices=devices
    )
    town.sql(
        "insert into role_life values ('monitor', now(), now(), %s)",
        Jsonb({"alarm": {"messages": 7, "unknown_fields": 1}, "bulk": {"unknown_fields": 2}}),
    )
    page = get(api.signed_in("tor"), "/api/v1/technical")
    assert page["set_aside_count"] == 2
    assert [(each["gateway"], each["size"]) for each in page["set_aside"]] == [("gw-unknown", 5), ("gw-anna", 5)]
    assert page["unassigned"] == {"00:00:00:00:00:01": 7, "AA:BB:CC:DD:EE:01": 5}
    assert page["lost_rows"] == 3010
    said = {gateway["id"]: (gateway["troubles"], gateway["waiting"]) for gateway in page["gateways"]}
    assert said == {"gw-anna": (["bluetooth adapter is gone"], 41), "gw-arne": ([], 0), "gw-unknown": ([], 0)}
    refused = {gateway["id"]: gateway["refused"] for gateway in page["gateways"]}
    assert refused == {"gw-anna": {"AA:BB:CC:DD:EE:01": 8}, "gw-arne": {}, "gw-unknown": {}}
    assert page["unknown_fields"] == 3


def test_a_nurse_sees_that_something_is_wrong_and_no_more(api, town):
    troubles(town)
    page = get(api.signed_in("kari"), "/api/v1/technical")
    counts = {"set_aside_count": 1, "lost_rows": 10, "unknown_fields": 0}
    assert page == {**counts, "set_aside": [], "unassigned": {}, "gateways": [], "local_alarms": []}


def test_a_spark_of_a_glucose_sensor_is_hours_of_its_five_minute_values(api, town):
    now = datetime.now(UTC).replace(microsecond=0)  # a window of minutes: not that of the import
    for minutes in range(0, 180, 5):
        town.measure("arne", Kind.GLUCOSE_ISF, 5 + minutes / 100, now - timedelta(minutes=minutes), mode=1)
    vital = vitals(get(api.signed_in("kari"), "/api/v1/board"), town.patients["arne"])["glucose_isf"]
    assert len(points(vital)) == 36
    assert (vital["gap_s"], vital["stale_after_s"]) == (660, 1320)
    assert vital["limits"] == {"red_low": 3.0, "yellow_low": 3.9, "yellow_high": 13.9, "red_high": 20.0}


def test_an_interval_says_its_span_and_weighs_as_many_values_as_it_has(api, town):
    now = datetime.now(UTC).replace(microsecond=0)  # a window of minutes: not that of the import
    at = datetime.fromtimestamp(now.timestamp() // 15 * 15 - 60, UTC)
    town.measure("anna", Kind.PULSE_RATE, 70, at, mode=1)
    town.measure("anna", Kind.PULSE_RATE, 86, at + timedelta(seconds=1), mode=1)
    town.sql("update observation set n = 15, span_s = 14, low = 60, high = 75 where value = 70")
    town.sql("update latest set span_s = 14")
    kari = api.signed_in("kari")
    pulse = vitals(get(kari, "/api/v1/board"), town.patients["anna"])["pulse_rate"]
    assert [value for _, value in points(pulse)] == [71]  # (15 x 70 + 86) / 16
    assert (pulse["latest"]["span_s"], pulse["gap_s"], pulse["stale_after_s"]) == (14, 74, 120)
    span = {"from": (at - timedelta(minutes=5)).isoformat(), "to": (at + timedelta(minutes=5)).isoformat()}
    path = f"/api/v1/patients/{town.patients['anna']}/series"
    series = kari.get(path, params={"kind": "pulse_rate", "points": 10, **span}).raise_for_status().json()
    assert [number for number in series["value"] if number is not None] == [71]
    assert (min(filter(None, series["low"])), max(filter(None, series["high"]))) == (60, 86)


def test_a_technician_sees_what_each_gateway_uses_and_says(api, town):
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    said = {"gateway": "gw-anna", "outbox": "0123456789abcdef", "started": "fedcba9876543210", "version": "0.2.0"}
    device = {"device": "AA:BB:CC:DD:EE:01", "state": "connected", "seen_at": now_ms, "model": "Nonin 3230"}
    town.gateway_says("anna", "online", **said, at=now_ms - 3_600_000, devices=[device])
    made = """insert into gateway_config (gateway_id, version, content, digest, made_at, taken_version, refused, fault)
              select id, 1768464000, '[]', '', '2026-01-15T08:00:00Z', 1768460400, 'why not', '70 devices'
              from gateway where name = 'gw-anna'"""
    town.sql(made)
    happened = """insert into event (device_id, slot, type, occurred_at, received_at, clock, patient_id, gateway_id)
                  select %s, 0, 'local_alarm', now() - %s::interval, now(), 2, %s, id from gateway where name = %s"""
    for name, ago in (("anna", "1 hour"), ("anna", "15 days"), ("berta", "1 hour")):
        town.sql(happened, town.devices[name], ago, town.patients[name], f"gw-{name}")
    page = get(api.signed_in("tor"), "/api/v1/technical")
    mine, other = page["gateways"]
    assert (mine["id"], mine["version"], other["id"], other["config"]) == ("gw-anna", "0.2.0", "gw-arne", None)
    assert mine["config"] == {
        "version": 1768464000,
        "made_at": "2026-01-15T08:00:00Z",
        "published_at": None,
        "in_use": 1768460400,
        "taken_at": None,
        "refused": "why not",
        "fault": "70 devices",
    }
    assert [(each["device"], each["state"], each["model"]) for each in mine["devices"]] == [
        ("AA:BB:CC:DD:EE:01", "connected", "Nonin 3230")
    ]
    assert mine["clock_ahead_s"] == pytest.approx(-3600, abs=60)
    assert (other["devices"], other["clock_ahead_s"]) == ([], None)
    assert [(each["gateway"], each["device"]) for each in page["local_alarms"]] == [("gw-anna", "AA:BB:CC:DD:EE:01")]
