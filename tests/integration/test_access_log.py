"""Who saw whom: every look and change, for ever, for the auditor and for the patient; and access in an emergency."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import psycopg
import pytest

from devices.vocabulary import Kind
from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)
REASON = "Fant henne på gulvet, vakten deres svarer ikke"


@pytest.fixture
def rune(api, town) -> httpx.Client:
    """The auditor of the eastern team."""
    return api.signed_in("rune")


def series(client: httpx.Client, patient: int) -> httpx.Response:
    query = {"kind": "spo2", "from": (NOW - timedelta(hours=1)).isoformat(), "to": NOW.isoformat()}
    return client.get(f"/api/v1/patients/{patient}/series", params=query)


def open_berta(client: httpx.Client, *, key: str | None = None, **other: str) -> httpx.Response:
    wish = {"reference": "P-3", "born_on": "1940-05-17", "reason": REASON} | other
    return client.post("/api/v1/emergency-access", json=wish, headers={"Idempotency-Key": key or uuid4().hex})


async def test_looks_changes_boards_and_screens_are_in_the_log_with_who_what_and_why(api, town, rune, screen_of):
    kari, anna = api.signed_in("kari"), town.patients["anna"]
    board = kari.get("/api/v1/board").json()
    async with api.live(kari) as socket:
        await screen_of(socket).hello(board)
    series(kari, anna).raise_for_status()
    alert = town.press("anna")
    kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}).raise_for_status()
    entries = get(rune, "/access-log", patient=anna)["entries"]
    assert [(each["deed"], each["what"], each["role"], each["shown"]) for each in reversed(entries)] == [
        ("board", "board", "nurse", 2),
        ("live", "live", "nurse", 2),
        ("look", "series spo2", "nurse", None),
        ("change", f"alert {alert} acknowledged", "nurse", None),
    ]
    assert {each["staff"]["name"] for each in entries} == {"Kari"}
    last = get(rune, "/access-log", limit=1)["entries"][0]
    assert (last["deed"], last["staff"]["name"]) == ("log", "Rune"), "that it was read is in it, too"


def test_a_board_is_one_entry_and_the_same_patients_are_kept_once(api, town):
    kari = api.signed_in("kari")
    for _ in range(3):
        kari.get("/api/v1/board").raise_for_status()
    assert town.one("select count(*) from access_log") == 3
    assert town.sql("select patients from roster") == [([town.patients["anna"], town.patients["arne"]],)]
    town.add_patient("astrid", "east")
    kari.get("/api/v1/board").raise_for_status()
    assert town.one("select count(*) from roster") == 2


def test_an_alert_about_a_home_is_a_change_of_everybody_who_lives_there(town):
    alert = town.press("anna")
    town.sql("update patient set home_id = %s where name = 'arne'", town.homes["anna"])
    town.sql("update alert set patient_id = null, home_id = %s", town.homes["anna"])
    town.sql("insert into alert_history values (%s, 9, now(), 'note', %s)", alert, town.staff["kari"])
    logged = town.sql("select patient_id from access_log where deed = 'change' order by 1")
    assert logged == [(town.patients["anna"],), (town.patients["arne"],)]


def test_the_log_is_read_page_by_page_and_by_patient_person_and_time(api, town, rune):
    kari, ola, anna, arne = api.signed_in("kari"), api.signed_in("ola"), town.patients["anna"], town.patients["arne"]
    for client, patient in ((kari, anna), (ola, anna), (kari, arne), (kari, anna)):
        series(client, patient).raise_for_status()
    found, before = [], None
    while True:
        page = get(rune, "/access-log", limit=2, **({} if before is None else {"before": before}))
        found += [each["id"] for each in page["entries"] if each["deed"] == "look"]
        before = page["next"]
        if before is None:
            break
    assert found == sorted(set(found), reverse=True) and len(found) == 4
    of_anna = get(rune, "/access-log", patient=anna)["entries"]
    assert [each["staff"]["name"] for each in of_anna] == ["Kari", "Ola", "Kari"]
    of_ola = get(rune, "/access-log", staff=town.staff["ola"])["entries"]
    assert [(each["patient"], each["patient_name"]) for each in of_ola] == [(anna, "anna")]
    later = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    assert get(rune, "/access-log", **{"from": later})["entries"] == []
    assert len(get(rune, "/access-log", to=later, patient=anna)["entries"]) == 3


def test_an_auditor_reads_about_the_own_teams_patients_only(api, town, rune):
    berit = api.signed_in("berit")
    series(berit, town.patients["berta"]).raise_for_status()
    assert get(rune, "/access-log")["entries"] == []
    assert refused(rune.get(f"/api/v1/patients/{town.patients['berta']}/access-log"), 404)
    assert "Your role" in refused(berit.get("/api/v1/access-log"), 403)


def test_the_patient_gets_it_on_paper_in_norwegian(api, town, rune):
    anna = town.patients["anna"]
    town.sql("update patient set name = 'Anna <b>Å</b>' where id = %s", anna)
    series(api.signed_in("kari"), anna).raise_for_status()
    page = rune.get(f"/api/v1/patients/{anna}/access-log")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "Anna &lt;b&gt;Å&lt;/b&gt;" in page.text and "<b>" not in page.text
    assert "<td>Kari</td><td>Så på målinger spo2</td><td>Sykepleier i east" in page.text
    assert "<td>Rune</td><td>Leste denne loggen</td>" in page.text
    assert "style" not in page.text, "the page has to do without, by its own policy"


TAKING_BACK = (
    "update access_log set what = ''",
    "delete from access_log",
    "truncate access_log",
    "delete from roster",
    "truncate roster cascade",
)


@pytest.mark.parametrize("statement", TAKING_BACK)
def test_not_even_the_owner_of_the_database_takes_back_what_was_seen(api, town, statement):
    api.signed_in("kari").get("/api/v1/board").raise_for_status()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="only ever added to"):
        town.sql(statement)
    assert town.one("select count(*) from access_log") == 1


def test_a_refused_look_is_not_a_look(api, town):
    refused(series(api.signed_in("kari"), town.patients["berta"]), 404)
    assert town.sql("select * from access_log") == []


# ---- access in an emergency


async def test_a_patient_of_another_team_is_opened_with_a_reason_and_the_team_hears_of_it_at_once(api, town, screen_of):
    kari, berit, berta = api.signed_in("kari"), api.signed_in("berit"), town.patients["berta"]
    town.measure("berta", Kind.SPO2, 81, NOW - timedelta(minutes=5))
    refused(series(kari, berta), 404)
    async with api.live(berit) as socket:
        screen = screen_of(socket)
        await screen.hello(berit.get("/api/v1/board").json())
        opened = done(open_berta(kari))
        told = await screen.next("emergency")
    assert (told["patient"], told["staff"]["name"], told["reason"]) == (berta, "Kari", REASON)
    assert datetime.fromisoformat(opened["until"]) - datetime.fromisoformat(opened["at"]) == timedelta(hours=4)
    assert [value for value in series(kari, berta).json()["value"] if value is not None] == [81]
    assert get(berit, "/emergency-access")["accesses"] == [opened]
    logged = town.sql("""select deed, role, reason from access_log join break_glass b on b.id = break_glass_id
                         where access_log.patient_id = %s order by access_log.id""", berta)  # fmt: skip
    assert logged == [("emergency", None, REASON), ("look", None, REASON)]


def test_what_is_opened_can_be_read_and_nothing_of_it_changed(api, town):
    kari, berta = api.signed_in("kari"), town.patients["berta"]
    alert = town.press("berta")
    done(open_berta(kari))
    assert kari.get(f"/api/v1/alerts/{alert}").status_code == 200
    assert refused(kari.post(f"/api/v1/alerts/{alert}/acknowledge", json={"rev": 1}), 404)
    wish = {"fact": {"type": "consciousness", "acvpu": "alert"}}
    assert refused(send(kari, f"/patients/{berta}/facts", **wish), 403)
    assert "berta" not in kari.get("/api/v1/board").text, "one patient is opened, not a board"
    assert town.sql("select * from care_fact") == []


def test_it_ends_by_itself_and_can_be_ended_before_by_the_team(api, town):
    kari, berit, berta = api.signed_in("kari"), api.signed_in("berit"), town.patients["berta"]
    first = done(open_berta(kari))
    assert berit.post(f"/api/v1/emergency-access/{first['id']}/end").status_code == 204
    refused(series(kari, berta), 404)
    done(open_berta(kari))
    assert series(kari, berta).status_code == 200
    town.sql("update break_glass set at = at - interval '5 hours', until_at = until_at - interval '5 hours'")
    refused(series(kari, berta), 404)


def test_guessing_a_patient_says_nothing_and_is_stopped(api, town):
    kari = api.signed_in("kari")
    wrong = [{"reference": "P-9"}, {"born_on": "1940-05-18"}, {"reference": "P-1"}]  # the last is one of the own
    said = {refused(open_berta(kari, **each), 404) for each in wrong}
    assert len(said) == 1
    for _ in range(2):
        open_berta(kari, reference="P-9")
    assert "call their team" in refused(open_berta(kari), 429)
    assert town.sql("select * from break_glass") == []


MUNICIPALITIES = "insert into municipality values ('0301', 'Oslo'), ('4601', 'Bergen')"


def works_for(town, **municipalities: str) -> None:
    for team, number in municipalities.items():
        town.sql("insert into municipality_team values (%s, %s)", number, town.teams[team])


def test_it_ends_at_the_border_of_the_municipality(api, town):
    """Each municipality answers for its own patients; a stranger's answer says nothing about those of another."""
    kari = api.signed_in("kari")
    town.sql(MUNICIPALITIES)
    works_for(town, east="0301", west="4601")
    abroad = refused(open_berta(kari), 404)
    assert abroad == refused(open_berta(kari, reference="P-9"), 404)
    town.sql("update patient set municipality = '0301' where name = 'berta'")
    done(open_berta(kari))
    town.sql("update patient set municipality = '4601' where name = 'berta'")
    works_for(town, east="4601")
    done(open_berta(kari))


def test_who_works_for_nobody_opens_nobody_where_others_say_for_whom_they_work(api, town):
    town.sql(MUNICIPALITIES)
    works_for(town, west="4601")
    refused(open_berta(api.signed_in("kari")), 404)
    town.add_team("equipment")
    town.sql("insert into staff_team values (%s, %s, 'technician')", town.staff["kari"], town.teams["equipment"])
    works_for(town, equipment="4601")
    refused(open_berta(api.signed_in("kari")), 404)


def test_it_takes_a_reason_and_a_role_that_looks_after_patients(api, town):
    assert refused(open_berta(api.signed_in("kari"), reason="fordi"), 422)
    for login in ("tor", "rune"):
        assert "Your role" in refused(open_berta(api.signed_in(login)), 403)


def test_sent_twice_it_is_opened_once(api, town):
    kari = api.signed_in("kari")
    assert done(open_berta(kari, key="the-same-key")) == done(open_berta(kari, key="the-same-key"))
    assert town.one("select count(*) from break_glass") == 1


@pytest.fixture
def as_kari(database, town):
    """The api's role in a transaction of a nurse of the eastern team, who has opened berta."""
    town.measure("berta", Kind.SPO2, 81, NOW - timedelta(minutes=5))
    town.press("berta")
    with psycopg.connect(database.api) as conn:
        conn.execute("select set_config('hjemvakt.staff', %s, false)", (str(town.staff["kari"]),))
        open_ = "select break_glass_open('P-3', '1940-05-17', %s, interval '4 hours', now())"
        assert conn.execute(open_, (REASON,)).fetchone() == (1,)
        conn.commit()
        yield conn


def counts(conn, patient: int) -> set[int]:
    tables = ("my_latest", "my_observation", "alert", "binding")
    asked = [f"select count(*) from {table} where patient_id = %s" for table in tables]  # noqa: S608
    asked.append("select count(*) from patient where id = %s")
    return {conn.execute(each.encode(), (patient,)).fetchone()[0] for each in asked}


def test_the_database_itself_opens_the_one_patient_and_closes_it_when_the_time_is_up(as_kari, town):
    berta, other = (
        town.patients["berta"],
        "select count(*) from alert_history where alert_id not in (select id from alert)",
    )
    assert counts(as_kari, berta) == {1}
    assert as_kari.execute(other.encode()).fetchone() == (0,)
    as_kari.commit()
    town.sql("update break_glass set until_at = now()")
    assert counts(as_kari, berta) == {0}


CHANGES = {
    "fact": """insert into care_fact (patient_id, type, at, value, said_by, said_at)
               values (%(berta)s, 'oxygen', now(), '{}', %(kari)s, now())""",
    "excuse": """insert into excuse (patient_id, why, from_at, to_at, said_by, said_at)
                 values (%(berta)s, 'away', now(), now() + interval '1 d', %(kari)s, now())""",
    "excuse of the home": """insert into excuse (home_id, why, from_at, to_at, said_by, said_at)
                 values (%(home)s, 'away', now(), now() + interval '1 d', %(kari)s, now())""",
    "limit": "insert into patient_limit (patient_id, kind, set_by, reason) values (%(berta)s, 1, %(kari)s, 'r')",
    "history": """insert into alert_history
                  select id, 99, now(), 'note', %(kari)s from alert where patient_id = %(berta)s""",
    "access": """insert into break_glass (staff_id, patient_id, team_id, reason, at, until_at)
                 values (%(kari)s, %(berta)s, 1, 'because I like it', now(), now() + interval '1 h')""",
    "time": "update break_glass set until_at = until_at + interval '1 hour'",
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_database_itself_lets_nothing_of_it_be_changed(as_kari, town, what):
    given = {"berta": town.patients["berta"], "kari": town.staff["kari"], "home": town.homes["berta"]}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_kari.execute(CHANGES[what].encode(), given)


def test_the_database_itself_changes_neither_the_patient_nor_an_alert_of_it(as_kari, town):
    assert as_kari.execute("update alert set state = 'cleared'").rowcount == 0
    assert as_kari.execute("update patient set name = 'x' where id = %s", (town.patients["berta"],)).rowcount == 0


# What the api's role may read although it is of no team: nothing of it is about a person.
NOBODYS = {
    "device": "addresses of sensors; whose they are is in binding",
    "way_offer": "which ways out this server has, and the public key of push",
    "installation": "its epoch",
    "role_life": "signs of life of the server's own processes",
    "observation_kept": "until when hours are counted",
    "municipality": "names of municipalities",
    "municipality_team": "which teams work for them",
    "staff": "names and initials of colleagues, by column",
}


def test_a_table_that_the_api_may_read_is_guarded_by_rows_or_known_to_be_about_nobody(town):
    open_ = town.sql("""select c.relname from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'm') and not c.relrowsecurity
          and has_any_column_privilege('hjemvakt_api', c.oid, 'select')""")
    assert {name for (name,) in open_} == set(NOBODYS)
    columns = town.sql("""select attname from pg_attribute where attrelid = 'staff'::regclass and attnum > 0
                          and has_column_privilege('hjemvakt_api', 'staff', attname, 'select')""")
    assert {name for (name,) in columns} == {"id", "name", "initials", "active", "machine"}


def test_every_row_that_names_a_patient_a_home_or_a_team_is_of_the_callers_own(database, town):
    """All relations that the api's role may read, as a nurse of the east, with rows of both teams in the town."""
    for name in ("anna", "berta"):
        town.measure(name, Kind.SPO2, 81, NOW - timedelta(minutes=5))
        town.press(name)
    of = {"patient_id": {town.patients["anna"], town.patients["arne"]}, "team_id": {town.teams["east"]},
          "home_id": {town.homes["anna"], town.homes["arne"]}}  # fmt: skip
    relations = town.sql("""
        select c.oid::regclass::text, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p', 'v', 'm')
          and a.attname in ('patient_id', 'team_id', 'home_id') and c.relname <> 'municipality_team'
          and has_column_privilege('hjemvakt_api', c.oid, a.attname, 'select')""")
    rows = 0
    with psycopg.connect(database.api) as conn:
        conn.execute("select set_config('hjemvakt.staff', %s, true)", (str(town.staff["kari"]),))
        for relation, column in relations:
            ids = f"select distinct {column} from {relation} where {column} is not null"  # noqa: S608
            found = {id_ for (id_,) in conn.execute(ids.encode())}
            assert found <= of[column], (relation, column)
            rows += len(found)
    assert len(relations) >= 40 and rows >= 15
