"""Every route of people, as every role: nobody sees or changes a person, a home or equipment that is not theirs."""

from uuid import uuid4

import httpx
import psycopg
import pytest

from tests.integration.care_rig import get, refused

pytestmark = pytest.mark.integration
ROLES = ("nurse", "coordinator", "doctor", "technician", "administrator", "auditor")
CARE = frozenset({"nurse", "coordinator", "doctor"})
COORDINATOR = frozenset({"coordinator"})
EQUIPMENT = frozenset({"coordinator", "technician", "administrator"})
DECISION = {"rev": "0" * 16, "reason": "r"}

# What to send, and who may. An old `rev` is told only to who may.
ASK = {
    "find_patient": ({"reference": "P-3"}, CARE),
    "set_person": ({"name": "x", **DECISION}, CARE),
    "set_national_number": ({"number": "10915596784", **DECISION}, COORDINATOR),
    "end_patient": ({"why": "dead", **DECISION}, COORDINATOR),
    "hand_over_patient": ({"team": 1, **DECISION}, COORDINATOR),
    "merge_patient": ({"duplicate": 2, **DECISION}, COORDINATOR),
    "set_address": ({"address": "x", **DECISION}, CARE),
    "set_access": ({"code": "4711", **DECISION}, CARE),
    "set_record": ({"record": {"type": "contacts", "contacts": []}, **DECISION}, CARE),
    "set_fetched": ({}, EQUIPMENT),
}
LOOKS = {
    "get_municipalities": CARE,
    "get_person": CARE,
    "get_national_number": CARE,
    "get_address": CARE,
    "get_access": CARE,
    "get_access_code": CARE,
    "get_records": CARE,
    "get_dispatch": CARE,
    "get_recalls": EQUIPMENT,
}
ABOUT_NOBODY = {"get_municipalities", "get_recalls", "find_patient", "set_fetched"}
ELSEWHERE = {"register_patient"}  # about nobody yet: test_api_registering
TABLES = ("patient_change", "national_number", "patient_record", "home_address", "home_access")


@pytest.fixture
def operations(api):
    paths = api.client().get("/api/v1/openapi.json").json()["paths"]
    found = [
        (operation["operationId"], method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if "people" in operation["tags"]
    ]
    assert {name for name, *_ in found} == set(ASK) | set(LOOKS) | ELSEWHERE, "an operation that nobody asks"
    return [each for each in found if each[0] not in ELSEWHERE]


@pytest.fixture
def everybody(api, town):
    for role in ROLES:
        town.add_staff(f"an-{role}", east=role)
    return {role: api.signed_in(f"an-{role}") for role in ROLES}


def ask(client: httpx.Client, name: str, method: str, path: str, **about: int) -> httpx.Response:
    filled = path.format_map({"record": "contacts", "recall": 999, **about})
    body = {"json": ASK[name][0], "headers": {"Idempotency-Key": uuid4().hex}} if method == "POST" else {}
    return client.request(method, filled, **body)


def may(role, name):
    return role in (ASK[name][1] if name in ASK else LOOKS[name])


def test_who_may_does_and_who_may_not_hears_so(everybody, operations, town):
    own = {"patient": town.patients["anna"], "alert": town.press("anna")}
    for role, client in everybody.items():
        for operation in operations:
            name, answer = operation[0], ask(client, *operation, **own)
            if may(role, name):
                expected = 200 if name in LOOKS or name == "find_patient" else 404 if name == "set_fetched" else 409
                assert answer.status_code == expected, (role, name, answer.text)
            elif name == "get_dispatch":
                refused(answer, 404 if answer.status_code == 404 else 403)
            else:
                assert "Your role" in refused(answer, 403), (role, name)
    for table in TABLES:
        assert town.one(f"select count(*) from {table}") == 0, table  # noqa: S608


def test_nobody_sees_or_changes_a_person_of_another_team(everybody, operations, town):
    town.sql("insert into recall (team_id, gateway_id, why, since) values (%s, 3, 'dead', now())", town.teams["west"])
    theirs = {"patient": town.patients["berta"], "alert": town.press("berta"), "recall": 1}
    for role, client in everybody.items():
        for operation in operations:
            name, answer = operation[0], ask(client, *operation, **theirs)
            assert "berta" not in answer.text
            if name not in ABOUT_NOBODY:
                assert answer.status_code in (403, 404), (role, name, answer.text)
            elif name == "find_patient" and role in CARE:
                assert answer.json() == {"patient": None}
            elif name == "get_recalls" and role in EQUIPMENT:
                assert answer.json() == {"recalls": []}
            elif name == "set_fetched":
                assert answer.status_code in (403, 404), (role, answer.text)
    assert town.one("select fetched_at from recall") is None
    assert town.one("select count(*) from access_log where patient_id = %s", town.patients["berta"]) == 0


def test_a_stranger_hears_nothing_but_that_he_must_sign_in(api, operations, town):
    for operation in operations:
        answer = ask(api.client(), *operation, patient=town.patients["anna"], alert=1)
        assert "sign in" in refused(answer, 401), operation


def test_every_look_at_a_person_is_remembered(everybody, operations, town):
    own = {"patient": town.patients["anna"], "alert": town.press("anna")}
    nurse = everybody["nurse"]
    for operation in operations:
        before = town.one("select count(*) from access_log")
        answer = ask(nurse, *operation, **own)
        if answer.status_code == 200 and operation[0] in set(LOOKS) - ABOUT_NOBODY:
            assert town.one("select count(*) from access_log") > before, operation


def test_the_database_itself_keeps_people_apart(database, town):
    """Whatever the api's program does."""
    anna, berta, kari, ola = town.patients["anna"], town.patients["berta"], town.staff["kari"], town.staff["ola"]
    record = """insert into patient_record (patient_id, type, content, set_by, set_at, reason)
                values (%s, 'contacts', '{}', %s, now(), 'r')"""
    address = """insert into home_address (home_id, address, from_at, set_by, set_at, reason)
                 values (%s, 'x', now(), %s, now(), 'r')"""
    sealed = "insert into national_number values (%s, '\\x01', '\\x02', %s, now())"
    denied = [
        (record, (berta, kari)),
        (record, (anna, ola)),  # in another's name
        (address, (town.homes["berta"], kari)),
        (address, (town.homes["anna"], ola)),
        (sealed, (berta, kari)),
        (sealed, (anna, ola)),
        ("update patient set team_id = %s", (town.teams["west"],)),
        ("update patient set active = false", ()),
        ("update patient_record set reason = 'x'", ()),
        ("delete from patient_change", ()),
        ("select patient_end(%s, 'dead', now(), %s, now(), 'r')", (berta, kari)),
        ("select patient_end(%s, 'dead', now(), %s, now(), 'r')", (anna, ola)),
        ("select patient_hand_over(%s, 1, %s, now(), 'r')", (berta, kari)),
        ("select patient_merge(%s, %s, %s, now(), 'r')", (anna, berta, kari)),
        ("select patient_merge(%s, %s, %s, now(), 'r')", (berta, anna, kari)),
    ]
    with psycopg.connect(database.api) as conn:
        conn.execute("select set_config('hjemvakt.staff', %s, true)", (str(kari),))
        conn.execute(record.encode(), (anna, kari))
        conn.execute(sealed.encode(), (anna, kari))
        for statement, parameters in denied:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(statement.encode(), parameters)
        changed = conn.execute("update patient set phone = '1' where id = %s", (berta,)).rowcount
        assert changed == 0


def test_being_a_technician_opens_no_home(api, town):
    tor = api.signed_in("tor")
    for what in ("person", "address", "access", "access/code", "national-number", "records/contacts"):
        answer = tor.get(f"/api/v1/patients/{town.patients['anna']}/{what}")
        assert "Your role" in refused(answer, 403)
    assert get(tor, "/recalls") == {"recalls": []}
