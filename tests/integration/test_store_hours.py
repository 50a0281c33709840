"""Hours, days and small charts: the same whether they are kept, half kept or not kept at all."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from devices.vocabulary import Kind, Mode, Observation
from server.store import decisions, hours, observations, pool, sessions, sparks
from tests.integration import ingest_rig
from tests.integration.ingest_rig import OXIMETER, sent

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = NOW.replace(minute=0, second=0) - timedelta(hours=4)
HOURLY = "select kind, hour, mean, low, high, n, readings, first_at, until from observation_hourly order by 1, 2"


@pytest.fixture
def keeper(town):
    """A connection like the clock role's, in a database of which nothing has been counted since three days."""
    town.sql("update observation_kept set sealed_until = %s, kept_until = %s", *[HOUR - timedelta(days=3)] * 2)
    with pool.connect(town.owner, name="test", autocommit=True) as conn:
        yield conn


def keep_all(conn: psycopg.Connection) -> None:
    assert hours.seal(conn, NOW)
    while hours.keep(conn):
        pass


def interval(town, at: datetime) -> None:
    """19 s from `at` with fifteen values around 70, and one raw reading of 86 a minute later: a mean of 71."""
    town.measure("anna", Kind.PULSE_RATE, 70, at, mode=1)
    town.sql("update observation set n = 15, span_s = 19, low = 60, high = 75 where value = 70 and taken_at = %s", at)
    town.measure("anna", Kind.PULSE_RATE, 86, at + timedelta(minutes=1), mode=1)


def test_an_hour_weighs_each_raw_value_and_keeps_the_extremes_whether_it_is_kept_or_not(town, keeper):
    interval(town, HOUR)
    interval(town, HOUR + timedelta(minutes=58))  # its last reading is the last of the hour
    town.measure("anna", Kind.PULSE_RATE, None, HOUR + timedelta(minutes=5), mode=1)
    mean, last = pytest.approx((15 * 70 + 86 + 15 * 70 + 86) / 32), HOUR + timedelta(minutes=59)
    expected = [(2, HOUR, mean, 60, 86, 32, 4, HOUR, last)]
    assert town.sql(HOURLY) == expected
    keep_all(keeper)
    assert town.one("select count(*) from observation_hour") == 1
    assert town.sql(HOURLY) == expected


def test_a_late_reading_is_in_its_hour_at_once_and_then_for_good(town, keeper):
    town.measure("anna", Kind.SPO2, 94, HOUR)
    keep_all(keeper)
    late = HOUR + timedelta(minutes=30)
    town.measure("anna", Kind.SPO2, 80, late)
    town.sql("select observation_touched(array[%s], array[3]::smallint[], array[%s])", town.patients["anna"], late)
    town.sql("select observation_touched(array[%s], array[3]::smallint[], array[%s])", town.patients["anna"], late)
    assert [row[2:5] for row in town.sql(HOURLY)] == [(87, 80, 94)]
    keep_all(keeper)
    assert town.sql("select mean, low, high from observation_hour") == [(87, 80, 94)]
    assert town.sql("select * from observation_dirty") == []
    assert [row[2:5] for row in town.sql(HOURLY)] == [(87, 80, 94)]


def test_an_hour_whose_readings_were_filed_elsewhere_is_gone(town, keeper):
    town.measure("anna", Kind.SPO2, 94, HOUR)
    keep_all(keeper)
    town.sql("delete from observation")
    town.sql("select observation_touched(array[%s], array[3]::smallint[], array[%s])", town.patients["anna"], HOUR)
    assert town.sql(HOURLY) == []
    keep_all(keeper)
    assert town.sql("select * from observation_hour") == []


def test_only_readings_from_before_the_seal_mark_their_hour(rig):
    seal = ingest_rig.NOW.replace(minute=0) - timedelta(hours=1)
    rig.tell("update observation_kept set sealed_until = %s, kept_until = %s", seal, seal)
    times = [seal - timedelta(minutes=90), seal - timedelta(seconds=1), seal, seal + timedelta(minutes=30)]
    readings = [
        Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=at, value=95, mode=Mode.SPOT) for at in reversed(times)
    ]
    rig.file(sent(ingest_rig.batch(readings)))
    marked = [(1, 3, seal - timedelta(hours=2)), (1, 3, seal - timedelta(hours=1))]
    assert rig.ask("select * from observation_dirty order by hour") == marked
    assert rig.one("select sum(readings)::int from observation_hourly") == 4


def test_an_hour_is_not_sealed_while_somebody_stores_who_does_not_know_it(town, keeper):
    with pool.connect(town.owner, name="ingest") as ingest:
        before = observations.begin_batch(ingest).sealed_until
        assert not hours.seal(keeper, NOW)
        ingest.commit()
        assert hours.seal(keeper, NOW)
        assert observations.begin_batch(ingest).sealed_until > before


def test_days_are_those_of_norway(api, town, keeper):
    for at in ("2026-01-10T22:59:59Z", "2026-01-10T23:00:00Z", "2026-01-11T22:59:59Z", "2026-07-01T22:00:00Z"):
        town.measure("arne", Kind.GLUCOSE, 5 if at < "2026-01-11" else 8, datetime.fromisoformat(at))
    town.sql("update observation_kept set sealed_until = '2026-01-01Z', kept_until = '2026-01-01Z'")
    kari, path = api.signed_in("kari"), f"/api/v1/patients/{town.patients['arne']}/days"
    page = kari.get(path, params={"kind": "glucose", "from": "2026-01-01", "to": "2026-07-31"}).raise_for_status()
    assert page.json()["days"] == [
        {"day": "2026-01-10", "mean": 5, "low": 5, "high": 5, "readings": 1, "n": 1},
        {"day": "2026-01-11", "mean": 6.5, "low": 5, "high": 8, "readings": 2, "n": 2},
        {"day": "2026-07-02", "mean": 8, "low": 8, "high": 8, "readings": 1, "n": 1},
    ]
    one = kari.get(path, params={"kind": "glucose", "from": "2026-01-11", "to": "2026-01-11"}).json()
    assert [day["day"] for day in one["days"]] == ["2026-01-11"]
    assert town.sql("select distinct what from access_log") == [("days glucose",)]


def test_days_of_another_teams_patient_and_of_impossible_times_are_refused(api, town):
    query = {"kind": "glucose", "from": "2026-01-02", "to": "2026-01-02"}
    path = f"/api/v1/patients/{town.patients['arne']}/days"
    assert api.signed_in("berit").get(path, params=query).status_code == 404
    for from_ in ("2026-01-03", "2024-01-01"):
        assert api.signed_in("kari").get(path, params=query | {"from": from_}).status_code == 422


def test_nobody_sees_the_hours_the_days_or_the_charts_of_another_teams_patient(database, town, keeper):
    for name in ("anna", "berta"):
        town.measure(name, Kind.SPO2, 94, HOUR)
    keep_all(keeper)
    assert sparks.keep(keeper, NOW, most=10) == 2
    with psycopg.connect(database.api) as conn:
        for staff, patients in (("kari", [town.patients["anna"]]), ("berit", [town.patients["berta"]]), (None, [])):
            sessions.identify(conn, town.staff.get(staff, 0))
            for view in ("my_observation_hourly", "my_observation_daily", "my_spark"):
                assert [
                    row[0] for row in conn.execute(SQL("select patient_id from {}").format(Identifier(view)))
                ] == patients
        for table in ("observation_hourly", "observation_daily", "spark", "observation_hour"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(SQL("select * from {}").format(Identifier(table)))


def test_the_hours_of_a_stream_are_those_of_the_view_kept_touched_or_new(database, town, keeper):
    for hour in range(-3, 1):
        for minute in (0, 20):
            town.measure("anna", Kind.SPO2, 90 + hour, HOUR + timedelta(hours=hour, minutes=minute))
    assert hours.seal(keeper, HOUR + hours.GRACE)
    while hours.keep(keeper):
        pass
    town.measure("anna", Kind.SPO2, 70, HOUR - timedelta(minutes=90))
    touched = "select observation_touched(array[%s], array[3]::smallint[], array[%s])"
    town.sql(touched, town.patients["anna"], HOUR - timedelta(minutes=90))
    town.sql(touched, town.patients["anna"], HOUR - timedelta(days=2))  # an hour that holds nothing
    of_view = """select hour, mean, low, high, n, readings, first_at, until, mode from my_observation_hourly
                 where patient_id = %s and kind = 3 and hour >= %s and hour < %s order by 1"""
    of_stream = "select * from my_hours(%s, 3::smallint, %s, %s) order by 1"
    with psycopg.connect(database.api) as conn:
        for staff, first, last in (("kari", -72, 9), ("kari", -2, 0), ("kari", 0, 9), ("berit", -72, 9)):
            sessions.identify(conn, town.staff[staff])
            span = (town.patients["anna"], HOUR + timedelta(hours=first), HOUR + timedelta(hours=last))
            expected = conn.execute(of_view, span).fetchall()
            assert conn.execute(of_stream, span).fetchall() == expected
            assert len(expected) == {-72: 4, -2: 2, 0: 1}[first] * (staff == "kari")


HOURS_OF = "select * from my_hours(%s, 3::smallint, %s, %s) order by 1"
SCANS = r"""select coalesce(sum(seq_scan + coalesce(idx_scan, 0)), 0)::int from pg_stat_xact_all_tables
            where relname ~ '^(observation_\d{8}|_hyper_.*_chunk)$'"""
DAYS = 10
FIRST = HOUR.replace(hour=0) - timedelta(days=DAYS + 2)


def fill_days(town) -> None:
    """A reading in each half hour of some days, all kept."""
    readings = """insert into observation
                  select %s, 3, at, 0, %s, 90 + extract(day from at), null, null, 1, 0, 0, 0, 0, at
                  from generate_series(%s, %s, interval '30 minutes') at"""
    to_at = FIRST + timedelta(days=DAYS) - timedelta(minutes=1)
    town.sql("select observation_days(array(select generate_series(%s, %s, interval '1 day')))", FIRST, to_at)
    town.sql(readings, town.patients["anna"], town.devices["anna"], FIRST, to_at)


def touch_each(town, nth: int) -> None:
    """Readings of every `nth` hour come late, or are filed anew; the others stay as they were kept."""
    town.sql(
        """with touched as (
               update observation set value = 70
               where patient_id = %s
                 and taken_at in (select generate_series(%s, %s, make_interval(hours => %s)))
               returning patient_id, kind, taken_at
           ) insert into observation_dirty select * from touched""",
        *(town.patients["anna"], FIRST, FIRST + timedelta(days=DAYS, hours=-1), nth),
    )


@pytest.mark.parametrize("nth", [1, 3, 7, 20])
def test_hours_that_were_touched_in_great_numbers_are_those_of_the_view(database, town, keeper, nth):
    fill_days(town)
    town.sql("update observation_kept set sealed_until = %s, kept_until = %s", FIRST, FIRST)
    town.measure("anna", Kind.SPO2, 94, HOUR)  # the keeper asks `latest` for the streams
    keep_all(keeper)
    touch_each(town, nth)
    of_view = """select hour, mean, low, high, n, readings, first_at, until, mode from my_observation_hourly
                 where patient_id = %s and kind = 3 and hour >= %s and hour < %s order by 1"""
    span = (town.patients["anna"], FIRST, FIRST + timedelta(days=DAYS))
    with psycopg.connect(database.api) as conn:
        sessions.identify(conn, town.staff["kari"])
        found = conn.execute(HOURS_OF, span).fetchall()
        assert found == conn.execute(of_view, span).fetchall()
    assert len(found) == DAYS * 24
    assert [low == 70 for _, _, low, *_ in found] == [number % nth == 0 for number in range(DAYS * 24)]


@pytest.mark.parametrize(
    "kept_until", [FIRST - timedelta(days=1), HOUR], ids=["nothing is kept", "each hour came late"]
)
def test_a_series_of_hours_that_nobody_keeps_looks_at_each_day_once(database, town, monkeypatch, kept_until):
    """Not at each hour: of a year that took as long as half a minute."""
    monkeypatch.setattr(hours, "MANY_READINGS", DAYS * 48)
    town.sql("update observation_kept set sealed_until = %s, kept_until = %s", kept_until, kept_until)
    fill_days(town)
    touch_each(town, 1)
    with psycopg.connect(database.api) as conn:
        sessions.identify(conn, town.staff["kari"])
        of_days = {"from_at": FIRST, "to_at": FIRST + timedelta(days=DAYS), "buckets": 400}
        found = hours.series(conn, town.patients["anna"], Kind.SPO2, **of_days)
        assert found is not None and len(found) == DAYS * 24
        assert DAYS <= conn.execute(SCANS).fetchone()[0] <= DAYS + 1


def test_hours_that_were_touched_here_and_there_are_read_in_few_statements(database, town):
    town.sql("update observation_kept set sealed_until = %s, kept_until = %s", HOUR, HOUR)
    fill_days(town)
    touch_each(town, 2)
    with psycopg.connect(database.api) as conn:
        sessions.identify(conn, town.staff["kari"])
        found = conn.execute(HOURS_OF, (town.patients["anna"], FIRST, FIRST + timedelta(days=DAYS))).fetchall()
        assert len(found) == DAYS * 12
        assert DAYS <= conn.execute(SCANS).fetchone()[0] <= DAYS + 32


def test_a_series_of_hours_tells_what_its_readings_tell(api, town, keeper, monkeypatch):
    first = HOUR - timedelta(days=2, minutes=25)
    for n in range(100):
        if not 40 <= n < 60:
            town.measure("anna", Kind.SPO2, 70 if n == 33 else 90 + n % 5, first + timedelta(minutes=28 * n), mode=1)
    keep_all(keeper)
    query = {"kind": "spo2", "from": first.isoformat(), "to": HOUR.isoformat(), "points": 50}
    kari, path = api.signed_in("kari"), f"/api/v1/patients/{town.patients['anna']}/series"
    of_readings = kari.get(path, params=query).raise_for_status().json()
    monkeypatch.setattr(hours, "MANY_READINGS", 50)
    of_hours = kari.get(path, params=query).raise_for_status().json()
    assert of_hours != of_readings
    assert len(of_hours["at"]) <= 50
    for series in (of_readings, of_hours):
        shown = [at for at, value in zip(series["at"], series["value"], strict=True) if value is not None]
        assert datetime.fromisoformat(shown[0]) == first
        assert (min(filter(None, series["low"])), max(filter(None, series["high"]))) == (70, 94)
        silence = first + timedelta(minutes=28 * 39), first + timedelta(minutes=28 * 60)
        inside = [
            value
            for at, value in zip(series["at"], series["value"], strict=True)
            if silence[0] < datetime.fromisoformat(at) < silence[1]
        ]
        assert inside == [None]


def charts(api_client) -> dict[tuple[int, str], object]:
    page = api_client.get("/api/v1/board").raise_for_status().json()
    return {(row["id"], vital["kind"]): vital["spark"] for row in page["patients"] for vital in row["vitals"]}


def test_a_board_with_kept_charts_is_the_board_without_them(api, town, keeper):
    now = datetime.now(UTC).replace(microsecond=0)  # a window of minutes: not that of the import
    start = datetime.fromtimestamp(now.timestamp() // 15 * 15 - 600, UTC)
    for second in range(0, 300, 7):
        town.measure("anna", Kind.PULSE_RATE, 70 + second % 15, start + timedelta(seconds=second), mode=1)
    for n in range(70, 0, -1):
        town.measure("arne", Kind.GLUCOSE, 5 + n / 100, now - timedelta(hours=n))
    kari = api.signed_in("kari")
    before = charts(kari)
    assert sparks.keep(keeper, now, most=1) == 1
    assert charts(kari) == before
    assert sparks.keep(keeper, now, most=10) == 1
    assert sparks.keep(keeper, now, most=10) == 0
    assert charts(kari) == before
    town.measure("anna", Kind.PULSE_RATE, 99, start + timedelta(seconds=400), mode=1)
    town.measure("arne", Kind.GLUCOSE, 9, now)
    after = charts(kari)
    pulse = after[town.patients["anna"], "pulse_rate"]
    assert pulse["value"] == [*before[town.patients["anna"], "pulse_rate"]["value"], 99]
    assert after[town.patients["arne"], "glucose"]["value"][-1] == 9
    town.sql("delete from spark")
    assert charts(kari) == after


def test_a_late_reading_comes_into_a_chart_that_was_kept(api, town, keeper):
    town.measure("arne", Kind.GLUCOSE, 5, NOW - timedelta(hours=1))
    sparks.keep(keeper, NOW, most=10)
    keep_all(keeper)
    late = NOW - timedelta(days=1)
    town.sql("select observation_days(array[%s])", late)
    late_row = "insert into observation values (%s, 4, %s, 0, %s, 7, null, null, 1, 0, 0, 0, 0, now())"
    town.sql(late_row, town.patients["arne"], late, town.devices["arne"])
    town.sql("select observation_touched(array[%s], array[4]::smallint[], array[%s])", town.patients["arne"], late)
    keep_all(keeper)
    assert charts(api.signed_in("kari"))[town.patients["arne"], "glucose"]["value"] == [7, 5]


@pytest.mark.only_plain
def test_a_baseline_is_proposed_without_a_look_at_days_from_before_its_window(town, keeper):
    town.sql("update observation_kept set sealed_until = %s, kept_until = %s", *[HOUR - timedelta(days=61)] * 2)
    for days in range(60):
        town.measure("anna", Kind.SPO2, 94, NOW - timedelta(days=days))
    yesterday = NOW.date() - timedelta(days=1)
    with keeper.transaction():
        sessions.identify(keeper, town.staff["kari"])
        proposed = decisions.baseline_proposal(
            keeper, town.patients["anna"], Kind.SPO2, last_day=yesterday, window_days=14
        )
        (oldest,) = keeper.execute(
            r"select min(relname) from pg_locks join pg_class on pg_class.oid = relation"
            r" where pid = pg_backend_pid() and relname ~ '^observation_\d{8}$'"
        ).fetchone()
    assert len(proposed.days) >= 13, "a day of 23 hours may have none"
    assert oldest >= f"observation_{NOW - timedelta(days=30):%Y%m%d}"
