"""Nobody sees a patient who is not theirs: by route, by socket and by SQL."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from devices.vocabulary import EventType, Kind

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)
WEST = ("berta", "Storgata 3", "gw-berta", "AA:BB:CC:DD:EE:03")


@pytest.fixture
def west_alert(town) -> int:
    for name in ("anna", "berta"):
        town.measure(name, Kind.SPO2, 81, NOW - timedelta(minutes=5))
    return town.press("berta", EventType.FALL)


def test_a_nurse_of_another_team_sees_nothing_by_any_route(api, town, west_alert):
    kari, berta = api.signed_in("kari"), town.patients["berta"]
    query = {"kind": "spo2", "from": (NOW - timedelta(hours=1)).isoformat(), "to": NOW.isoformat()}
    answers = [
        kari.get("/api/v1/board"),
        kari.get("/api/v1/technical"),
        kari.get("/api/v1/me"),
        kari.get(f"/api/v1/patients/{berta}/series", params=query),
        kari.get(f"/api/v1/alerts/{west_alert}"),
        kari.post(f"/api/v1/alerts/{west_alert}/acknowledge", json={"rev": 1}),
        kari.post(f"/api/v1/alerts/{west_alert}/handle", json={"rev": 1, "outcome": "technical"}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 404, 404, 404, 404]
    for answer in answers:
        assert not [word for word in (*WEST, "west") if word in answer.text]
    assert town.sql("select state, rev from alert") == [("raised", 1)]
    assert town.sql("select * from access_log where deed <> 'board'") == []


def test_a_person_who_is_not_there_and_one_who_is_not_yours_look_the_same(api, town, west_alert):
    kari = api.signed_in("kari")
    query = {"kind": "spo2", "from": (NOW - timedelta(hours=1)).isoformat(), "to": NOW.isoformat()}
    theirs, nobody = (
        kari.get(f"/api/v1/patients/{each}/series", params=query) for each in (town.patients["berta"], 999)
    )
    assert theirs.json() == nobody.json()
    assert kari.get(f"/api/v1/alerts/{west_alert}").json() == kari.get("/api/v1/alerts/999").json()


def test_being_a_technician_somewhere_opens_no_patients_there(api, town, west_alert):
    town.sql("insert into staff_team values (%s, %s, 'technician')", town.staff["kari"], town.teams["west"])
    kari = api.signed_in("kari")
    assert "berta" not in kari.get("/api/v1/board").text.replace("gw-berta", "")
    assert kari.get(f"/api/v1/alerts/{west_alert}").status_code == 404
    assert "gw-berta" in kari.get("/api/v1/technical").text


async def test_the_socket_of_a_coordinator_with_two_teams_carries_both(api, town, screen_of):
    siv = api.signed_in("siv")
    async with api.live(siv) as socket_:
        screen = screen_of(socket_)
        await screen.hello(siv.get("/api/v1/board").json())
        pressed = {town.press("anna"), town.press("berta")}
        assert {(await screen.next("alert"))["alert"]["id"] for _ in pressed} == pressed


@pytest.fixture
def as_kari(database, town, west_alert):
    """The api's role in a transaction of a nurse of the eastern team."""
    town.press("anna")
    with psycopg.connect(database.api) as conn:
        conn.execute("select set_config('hjemvakt.staff', %s, true)", (str(town.staff["kari"]),))
        yield conn


def seen(conn, statement: str) -> list:
    return [row[0] for row in conn.execute(statement.encode())]


def test_the_database_itself_shows_the_apis_role_one_team_only(as_kari, town):
    anna, arne = town.patients["anna"], town.patients["arne"]
    assert seen(as_kari, "select id from patient order by id") == [anna, arne]
    assert seen(as_kari, "select distinct patient_id from my_observation") == [anna]
    assert seen(as_kari, "select patient_id from my_latest") == [anna]
    assert seen(as_kari, "select distinct patient_id from alert") == [anna]
    assert seen(as_kari, "select distinct team_id from team_log") == [town.teams["east"]]
    assert seen(as_kari, "select id from team") == [town.teams["east"]]
    assert seen(as_kari, "select name from gateway order by name") == ["gw-anna", "gw-arne"]
    assert seen(as_kari, "select name from home order by name") == ["anna", "arne"]
    assert seen(as_kari, "select patient_id from binding order by 1") == [anna, arne]
    assert len(seen(as_kari, "select alert_id from alert_history")) == 1


def test_without_a_name_the_apis_role_sees_nobody(database, town, west_alert):
    with psycopg.connect(database.api) as conn:
        for table in ("patient", "my_observation", "my_latest", "alert", "team_log", "team", "gateway", "home"):
            assert conn.execute(f"select count(*) from {table}".encode()).fetchone() == (0,), table  # noqa: S608


@pytest.mark.parametrize(
    "statement",
    [
        "select * from observation",
        "select * from latest",
        "select * from device_observation",
        "select * from set_aside",
        "select * from watermark",
        "select password_hash from staff",
        "select * from session",
        "update access_log set what = ''",
        "delete from access_log",
        "update roster set patients = '{}'",
        "update patient set team_id = 1",
        "update staff set password_hash = 'x'",
        "insert into staff_team values (1, 1, 'nurse')",
        "delete from alert",
        "delete from alert_history",
        "update alert_history set staff_id = null",
        "update team_log set body = '{}'",
        "alter table patient disable row level security",
        "create table mine (x int)",
        "set role postgres",
        "set session authorization postgres",
    ],
)
def test_the_apis_role_can_neither_go_round_the_rules_nor_become_the_owner(as_kari, statement):
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_kari.execute(statement.encode())


def test_the_apis_role_writes_looks_and_alerts_in_its_own_name_and_team_only(as_kari, town, west_alert):
    look = "insert into access_log (staff_id, patient_id, what) values (%s, %s, 'x')"
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_kari.transaction():
        as_kari.execute(look, (town.staff["berit"], town.patients["anna"]))
    with pytest.raises(psycopg.errors.InsufficientPrivilege), as_kari.transaction():
        log = "insert into team_log (team_id, seq, at, type, body) values (%s, 99, now(), 'alert', '{}')"
        as_kari.execute(log, (town.teams["west"],))
    assert as_kari.execute("update alert set state = 'cleared' where id = %s", (west_alert,)).rowcount == 0
    assert as_kari.execute("update team set head = 99 where id = %s", (town.teams["west"],)).rowcount == 0


def test_an_owners_connection_steps_down_before_the_api_uses_it(api, town, database):
    """The fixture's api connects with the owner's address."""
    from server.store.pool import api_pool

    pool = api_pool(database.owner)
    pool.open()
    try:
        with pool.connection() as conn:
            assert conn.execute("select current_user").fetchone() == ("hjemvakt_api",)
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute("select * from observation")
    finally:
        pool.close()
