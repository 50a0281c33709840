import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from devices.limits import Limit
from devices.vocabulary import Kind
from server.clinical.pathways import SPO2_PERCENT
from server.errors import EnrolmentError
from server.store import expiry, intake, people, pool, settings
from server.store.enrolment import read
from server.store.ingest import Ingest, Watch
from tests.conftest import Database
from tests.integration.ingest_rig import beat

pytestmark = pytest.mark.integration

LIST: dict[str, Any] = {
    "teams": [{"name": "Nord"}, {"name": "Sør"}],
    "staff": [
        {
            "login": "kari",
            "name": "Kari Test",
            "initials": "KT",
            "password": "en lang setning",
            "teams": {"Nord": "nurse"},
        }
    ],
    "homes": [
        {"name": "Hjem 1", "address": "Testveien 1", "team": "Nord", "bucket": 3},
        {
            "name": "Hjem 2",
            "address": "Testveien 2",
            "team": "Sør",
            "bucket": 4,
            "night_from": "23:30",
            "night_to": "05:00",
        },
    ],
    "patients": [
        {
            "reference": "p1",
            "name": "Test En",
            "born_on": "1950-01-31",
            "pathway": "kols",
            "team": "Nord",
            "home": "Hjem 1",
        },
        {
            "reference": "p2",
            "name": "Test To",
            "born_on": "1951-01-31",
            "pathway": "diabetes",
            "team": "Nord",
            "virtual": True,
        },
    ],
    "limits": [{"patient": "p1", "kind": "spo2", "red_low": 84, "yellow_low": 87.5, "reason": "lege"}],
    "gateways": [{"name": "gw-1", "home": "Hjem 1"}],
    "devices": [
        {"address": "C0:00:00:00:00:01", "profile": "oximeter"},
        {"address": "C0:00:00:00:00:02", "profile": "bthome_sos"},
    ],
    "bindings": [
        {"device": "C0:00:00:00:00:01", "patient": "p1", "from": "2026-01-01T00:00:00Z"},
        {"device": "C0:00:00:00:00:02", "home": "Hjem 1", "place": "front door", "from": "2026-01-01T00:00:00Z"},
    ],
}


@pytest.fixture
def conn(database: Database) -> Iterator[psycopg.Connection]:
    with pool.connect(database.owner, name="test", autocommit=True) as it:
        yield it


def load(conn: psycopg.Connection, listed: dict[str, Any], *, dry_run: bool = False) -> dict[str, int]:
    changed = people.load(
        conn,
        read(json.dumps(listed).encode()),
        hash_password=lambda password: f"hash of {password}",
        is_right=lambda hashed, password: hashed == f"hash of {password}",
        dry_run=dry_run,
    )
    return {what: count for what, count in changed.items() if count}


def ask(conn: psycopg.Connection, question: str) -> list[tuple[Any, ...]]:
    return conn.execute(question.encode()).fetchall()


def changed(**parts: Any) -> dict[str, Any]:
    return copy.deepcopy(LIST) | parts


def counts(conn: psycopg.Connection) -> list[int]:
    tables = ("team", "staff", "staff_team", "home", "patient", "patient_limit", "gateway", "device", "binding")
    return [ask(conn, f"select count(*) from {table}")[0][0] for table in tables]  # noqa: S608


def test_a_list_is_loaded_whole(conn: psycopg.Connection) -> None:
    assert load(conn, LIST) == {
        "teams": 2, "staff": 1, "homes": 2, "patients": 2, "limits": 1, "gateways": 1, "devices": 2, "bindings": 2
    }  # fmt: skip
    assert ask(conn, "select login, password_hash from staff") == [("kari", "hash of en lang setning")]
    assert ask(conn, "select night_from::text, night_to::text from home order by id") == [
        ("22:00:00", "06:00:00"),
        ("23:30:00", "05:00:00"),
    ]
    assert ask(conn, "select name, bucket, enrolled from gateway") == [("gw-1", 3, True)]
    assert ask(conn, "select virtual from patient order by reference") == [(False,), (True,)]
    assert ask(conn, "select patient_id is null, place from binding order by device_id") == [
        (False, None),
        (True, "front door"),
    ]


@pytest.mark.parametrize("limit", [None, Limit(red_low=80)])
def test_a_limit_that_staff_set_or_took_back_is_not_undone_by_a_list(
    conn: psycopg.Connection, limit: Limit | None
) -> None:
    load(conn, LIST)
    (kari,) = ask(conn, "select id from staff")[0]
    settings.set_limit(conn, 1, Kind.SPO2, limit, by=kari, now=datetime.now(UTC), reason="better now")
    newer = LIST["limits"][0] | {"red_low": 86}
    for listed in (LIST, changed(limits=[newer])):
        assert load(conn, listed) == {}
    assert settings.limits(conn, [(1, 3)], datetime.now(UTC))[1, 3].limit == (limit or SPO2_PERCENT.limit)


def test_a_limit_of_an_earlier_list_is_replaced_by_that_of_a_newer_one(conn: psycopg.Connection) -> None:
    load(conn, LIST)
    assert load(conn, changed(limits=[LIST["limits"][0] | {"red_low": 86}])) == {"limits": 1}
    assert ask(conn, "select red_low, set_by from patient_limit order by set_at") == [(84, None), (86, None)]


def test_the_same_list_again_changes_nothing(conn: psycopg.Connection) -> None:
    load(conn, LIST)
    before = counts(conn)
    assert load(conn, LIST) == {}
    assert counts(conn) == before


def test_a_dry_run_says_what_would_change_and_changes_nothing(conn: psycopg.Connection) -> None:
    assert load(conn, LIST, dry_run=True)["patients"] == 2
    assert counts(conn) == [0] * 9


def test_what_differs_is_changed(conn: psycopg.Connection) -> None:
    load(conn, LIST)
    listed = copy.deepcopy(LIST)
    listed["patients"][0]["team"] = "Sør"
    listed["staff"][0]["teams"] = {"Sør": "coordinator"}
    listed["limits"][0]["red_low"] = 80
    assert load(conn, listed) == {"staff": 1, "patients": 1, "limits": 1}
    assert ask(conn, "select team_id, role from staff_team") == [(2, "coordinator")]
    assert ask(conn, "select red_low from patient_limit order by set_at") == [(84,), (80,)]


def test_a_device_has_a_cadence_and_a_label_until_a_list_says_otherwise(conn: psycopg.Connection) -> None:
    told = "select cadence_s, label from device where address = 'C0:00:00:00:00:01'"
    load(conn, LIST)
    oximeter, button = LIST["devices"]
    assert load(conn, changed(devices=[oximeter | {"cadence_s": 5, "label": "oksymeter 7"}, button])) == {"devices": 1}
    assert ask(conn, told) == [(5, "oksymeter 7")]
    assert load(conn, LIST) == {"devices": 1}
    assert ask(conn, told) == [(None, None)]


def test_the_operator_of_a_line_stays_until_a_list_says_another(conn: psycopg.Connection) -> None:
    gateway = {"name": "gw-1", "home": "Hjem 1"}
    assert load(conn, changed(gateways=[{**gateway, "operator": "Telenor"}]))["gateways"] == 1
    assert load(conn, changed(gateways=[gateway])) == {}
    assert ask(conn, "select operator from gateway") == [("Telenor",)]
    assert load(conn, changed(gateways=[{**gateway, "operator": "Ice"}])) == {"gateways": 1}
    assert ask(conn, "select operator from gateway") == [("Ice",)]


def test_a_gateway_and_a_device_that_were_heard_before_become_enrolled(conn: psycopg.Connection) -> None:
    conn.execute("insert into gateway (name, bucket) values ('gw-1', 60)")
    conn.execute("insert into device (address) values ('C0:00:00:00:00:01')")
    load(conn, LIST)
    assert ask(conn, "select enrolled, bucket, home_id is not null from gateway") == [(True, 3, True)]
    assert ask(conn, "select count(*) from device where profile is null") == [(0,)]


def test_an_enrolled_gateway_that_is_never_heard_of_is_an_alert_after_an_hour(conn: psycopg.Connection) -> None:
    load(conn, LIST)
    load(conn, LIST)
    ((enrolled, due),) = ask(conn, "select due_at - make_interval(secs => every_s), due_at from deadline")
    assert due - enrolled == timedelta(hours=1)
    assert expiry.expire_due(conn, due - timedelta(seconds=1), monitor_hears=True) == 0
    assert expiry.expire_due(conn, due, monitor_hears=True) == 1
    assert ask(conn, "select a.rule, t.name, a.began_at from alert a join team t on t.id = a.team_id") == [
        ("technical:gateway_silent", "Nord", enrolled)
    ]


def test_the_first_word_of_an_enrolled_gateway_ends_the_hour(conn: psycopg.Connection) -> None:
    load(conn, LIST)
    now = datetime.now(UTC)
    Ingest(conn, Watch()).file([intake.open_one(beat(gateway="gw-1", at=now))], now)
    assert ask(conn, "select due_at from deadline") == [(now + timedelta(seconds=75),)]
    load(conn, LIST)
    assert ask(conn, "select due_at from deadline") == [(now + timedelta(seconds=75),)]


def test_a_later_binding_ends_the_one_before(conn: psycopg.Connection) -> None:
    load(conn, LIST)
    later = {"device": "C0:00:00:00:00:01", "patient": "p2", "from": "2026-02-01T00:00:00+01:00"}
    assert load(conn, {"bindings": [later]}) == {"bindings": 1}
    found = ask(conn, "select patient_id, valid_from::text, valid_to::text from binding where device_id = 1 order by 2")
    assert found == [
        (1, "2026-01-01 00:00:00+00", "2026-01-31 23:00:00+00"),
        (2, "2026-01-31 23:00:00+00", "infinity"),
    ]
    assert load(conn, {"bindings": [later]}) == {}
    assert load(conn, LIST) == {}


def test_a_binding_in_the_middle_of_anothers_time_is_refused_whole(conn: psycopg.Connection) -> None:
    load(conn, LIST)
    earlier = {"device": "C0:00:00:00:00:01", "patient": "p2", "from": "2025-12-01T00:00:00Z"}
    with pytest.raises(EnrolmentError, match="already bound in that period"):
        load(conn, {"teams": [{"name": "Vest"}], "bindings": [earlier]})
    assert ask(conn, "select count(*) from team where name = 'Vest'") == [(0,)]


def test_a_password_is_hashed_anew_only_when_it_is_another_one(conn: psycopg.Connection) -> None:
    load(conn, LIST)
    without = changed(staff=[{key: value for key, value in LIST["staff"][0].items() if key != "password"}])
    assert load(conn, without) == {}
    other = changed(staff=[LIST["staff"][0] | {"password": "noe helt annet"}])
    assert load(conn, other) == {"staff": 1}
    assert ask(conn, "select password_hash from staff") == [("hash of noe helt annet",)]


def test_a_new_password_ends_the_members_logins(conn: psycopg.Connection) -> None:
    load(conn, LIST)
    conn.execute("insert into session values ('\\x01', 1, now(), now() + interval '1 hour')")
    assert people.set_password(conn, "kari", "new")
    assert ask(conn, "select count(*) from session") == [(0,)]
    assert not people.set_password(conn, "nobody", "new")


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ({"patientz": []}, "unknown field `patientz`"),
        ({"homes": [LIST["homes"][0] | {"bucket": 64}]}, "`$.homes[0].bucket`"),
        ({"homes": [LIST["homes"][0] | {"team": "Vest"}]}, "home Hjem 1 names the team Vest"),
        ({"homes": [LIST["homes"][0], LIST["homes"][0]]}, "home Hjem 1 is in the list 2 times"),
        ({"patients": [LIST["patients"][0] | {"home": "Hjem 9"}]}, "patient p1 names the home Hjem 9"),
        ({"patients": [LIST["patients"][0] | {"pathway": "hjerte"}]}, "Invalid enum value 'hjerte'"),
        ({"staff": [LIST["staff"][0] | {"password": "kort"}]}, "length >= 8"),
        ({"limits": [LIST["limits"][0] | {"patient": "p9"}]}, "names the patient p9"),
        ({"limits": [LIST["limits"][0] | {"red_low": 90}]}, "must go up from red low to red high"),
        ({"limits": [{"patient": "p1", "kind": "spo2", "reason": "x"}]}, "have no number"),
        (
            {"limits": [{"patient": "p1", "kind": "spo2", "reason": "x", "red_low": 880}]},
            "red_low of spo2 cannot be 880",
        ),
        ({"limits": [LIST["limits"][0] | {"kind": "mood"}]}, "Invalid enum value 'mood'"),
        ({"gateways": [{"name": "GW 1", "home": "Hjem 1"}]}, "`$.gateways[0].name`"),
        ({"devices": [LIST["devices"][0] | {"profile": "oximter"}]}, "has no profile 'oximter': write one of "),
        ({"devices": [LIST["devices"][0] | {"cadence_s": 4000}]}, "<= 3600"),
        ({"teams": [{"name": "No\0rd"}]}, "`$.teams[0].name`"),
        ({"bindings": [LIST["bindings"][0] | {"home": "Hjem 1"}]}, "to a patient or to a home, and not to both"),
        ({"bindings": [{k: v for k, v in LIST["bindings"][1].items() if k != "place"}]}, "say its place"),
        ({"bindings": [LIST["bindings"][0] | {"from": "2026-01-01T00:00:00"}]}, "needs a time zone"),
        ({"bindings": [LIST["bindings"][0] | {"device": "C0:00:00:00:00:77"}]}, "names the device C0:00:00:00:00:77"),
    ],
)
def test_a_list_with_a_fault_is_one_sentence_and_loads_nothing(
    conn: psycopg.Connection, part: dict[str, Any], says: str
) -> None:
    with pytest.raises(EnrolmentError) as caught:
        load(conn, changed(**part))
    assert says in str(caught.value)
    assert counts(conn) == [0] * 9


def test_what_is_not_json_is_said_to_be_so() -> None:
    for text in (b"", b"{", b"\xff"):
        with pytest.raises(EnrolmentError, match="not JSON"):
            read(text)
