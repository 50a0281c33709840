"""Every route of care, settings and clinic, as every role: nobody sees or changes a patient who is not theirs."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from tests.integration.care_rig import refused

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)
TAGS = {"care", "settings", "clinic"}
ROLES = ("nurse", "coordinator", "doctor", "technician", "administrator", "auditor")
CARE = frozenset({"nurse", "coordinator", "doctor"})
DECIDES_FOR_TEAM = frozenset({"coordinator", "doctor"})
DOCTOR = frozenset({"doctor"})
REV, REASON = "0" * 16, "r"

# What to send to each operation, and who may. An old `rev` and an unknown id are told only to who may.
PLAN = {"weekdays": [1], "times": ["08:00"], "before_min": 60, "after_min": 60}
DECISION = {"rev": REV, "reason": REASON}
ASK = {
    "say_fact": ({"fact": {"type": "consciousness", "acvpu": "alert"}}, CARE),
    "end_fact": ({"type": "oxygen", **DECISION}, CARE),
    "withdraw_fact": (DECISION, CARE),
    "accept_baseline": ({"last_day": "2026-01-20", **DECISION}, CARE),
    "say_excuse": ({"why": "away", "to_at": (NOW + timedelta(days=1)).isoformat()}, CARE),
    "end_excuse": ({"reason": REASON}, CARE),
    "set_limit": (DECISION, CARE),
    "take_back_limit": (DECISION, CARE),
    "set_rule": ({"enabled": False, **DECISION}, CARE),
    "take_back_rule": (DECISION, CARE),
    "set_plan": ({**PLAN, **DECISION}, CARE),
    "take_back_plan": (DECISION, CARE),
    "set_pathway_limit": (DECISION, DECIDES_FOR_TEAM),
    "take_back_pathway_limit": (DECISION, DECIDES_FOR_TEAM),
    "set_pathway_rule": ({"enabled": False, **DECISION}, DECIDES_FOR_TEAM),
    "take_back_pathway_rule": (DECISION, DECIDES_FOR_TEAM),
    "set_pathway_plan": ({**PLAN, **DECISION}, DECIDES_FOR_TEAM),
    "take_back_pathway_plan": (DECISION, DECIDES_FOR_TEAM),
    "try_out": ({"limits": [{"kind": "spo2"}]}, CARE),
}
QUERY = {
    "get_glucose": {"from": (NOW - timedelta(days=1)).isoformat(), "to": NOW.isoformat()},
    "get_glucose_days": {"from": "2026-01-01", "to": "2026-01-02"},
}


@pytest.fixture
def operations(api) -> list[tuple[str, str, str]]:
    """(name, method, path) of all that are here to be asked."""
    paths = api.client().get("/api/v1/openapi.json").json()["paths"]
    found = [
        (operation["operationId"], method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if TAGS & set(operation["tags"])
    ]
    assert {name for name, method, _ in found if method == "POST"} == set(ASK), "an operation that nobody asks"
    assert len(found) >= 35
    return found


def ask(client: httpx.Client, name: str, method: str, path: str, *, patient: int, team: int) -> httpx.Response:
    filled = {
        "patient": patient,
        "team": team,
        "kind": "spo2",
        "rule": "trend",
        "pathway": "kols",
        "fact": 1,
        "excuse": 1,
    }
    body = {"json": ASK[name][0], "headers": {"Idempotency-Key": uuid4().hex}} if method == "POST" else {}
    return client.request(method, path.format_map(filled), params=QUERY.get(name, {}), **body)


@pytest.fixture
def everybody(api, town) -> dict[str, httpx.Client]:
    """By role in the eastern team."""
    for role in ROLES:
        town.add_staff(f"an-{role}", east=role)
    return {role: api.signed_in(f"an-{role}") for role in ROLES}


def answers(everybody, operations, *, patient: int, team: int) -> Iterator[tuple[str, str, httpx.Response]]:
    for role, client in everybody.items():
        for name, method, path in operations:
            yield role, name, ask(client, name, method, path, patient=patient, team=team)


def test_who_looks_after_patients_sees_their_own_and_nobody_else_does(everybody, operations, town):
    own = {"patient": town.patients["anna"], "team": town.teams["east"]}
    for role, name, answer in answers(everybody, operations, **own):
        may = role in (ASK[name][1] if name in ASK else CARE)
        if may:
            assert answer.status_code not in (401, 403, 405, 500, 503), (role, name, answer.text)
            assert name in ASK or answer.status_code == 200, (role, name, answer.text)
        else:
            assert "Your role" in refused(answer, 403), (role, name)
    changed = town.sql("select distinct said_by from care_fact union select distinct said_by from excuse")
    assert {staff for (staff,) in changed} == {town.staff[f"an-{role}"] for role in CARE}


def test_nobody_sees_or_changes_a_patient_or_a_pathway_of_another_team(everybody, operations, town):
    theirs = {"patient": town.patients["berta"], "team": town.teams["west"]}
    for role, name, answer in answers(everybody, operations, **theirs):
        assert refused(answer, 404 if role in CARE else 403), (role, name)
        assert "berta" not in answer.text
    for table in (
        "care_fact",
        "patient_limit",
        "pathway_limit",
        "rule_setting",
        "measuring_plan",
        "excuse",
        "access_log",
    ):
        assert town.one(f"select count(*) from {table}") == 0, table  # noqa: S608


def test_a_patient_who_is_not_there_and_one_who_is_not_yours_look_the_same(everybody, operations, town):
    nurse = {"nurse": everybody["nurse"]}
    theirs = answers(nurse, operations, patient=town.patients["berta"], team=town.teams["west"])
    nobody = answers(nurse, operations, patient=999_999, team=999_999)
    for (_, name, one), (_, _, other) in zip(theirs, nobody, strict=True):
        assert one.json() == other.json(), name


def test_a_stranger_hears_nothing_but_that_he_must_sign_in(api, operations, town):
    stranger = {"stranger": api.client()}
    for _, name, answer in answers(stranger, operations, patient=town.patients["anna"], team=town.teams["east"]):
        assert "sign in" in refused(answer, 401), name


def test_being_somebody_in_one_team_is_nothing_in_another(api, town, operations):
    """Siv is a coordinator in the east and a nurse in the west."""
    siv = {"siv": api.signed_in("siv")}
    own = answers(siv, operations, patient=town.patients["berta"], team=town.teams["west"])
    for _, name, answer in own:
        if name in ASK and ASK[name][1] == DECIDES_FOR_TEAM:
            assert "coordinator" in refused(answer, 403), name
        else:
            assert answer.status_code not in (401, 403), (name, answer.text)


def test_being_a_technician_in_a_team_opens_none_of_its_patients(api, town, operations):
    """Row-level security shows a technician the team's rows; what is asked of a patient is refused all the same."""
    town.sql("insert into staff_team values (%s, %s, 'technician')", town.staff["kari"], town.teams["west"])
    kari = {"kari": api.signed_in("kari")}
    for _, name, answer in answers(kari, operations, patient=town.patients["berta"], team=town.teams["west"]):
        assert refused(answer, 404), name
    assert town.sql("select * from access_log") == []


def test_only_a_doctor_prescribes(everybody, town):
    path = f"/api/v1/patients/{town.patients['anna']}/facts"
    prescriptions = (
        {"type": "saturation_range", "low_percent": 88, "high_percent": 92},
        {"type": "news2_scale", "scale": "scale_2"},
    )
    for role, client in everybody.items():
        for fact in prescriptions:
            rev = client.get(path).json()["rev"] if role in CARE else REV
            wish = {"fact": fact, "reason": "hypercapnic", "rev": rev}
            answer = client.post(path, json=wish, headers={"Idempotency-Key": uuid4().hex})
            assert answer.status_code == (201 if role in DOCTOR else 403), (role, answer.text)
    assert town.sql("select distinct said_by from care_fact") == [(town.staff["an-doctor"],)]


def test_the_database_itself_keeps_the_names_true(database, town):
    """Whatever the api's program does: in another's name nothing is said, set, withdrawn or ended."""
    import psycopg

    kari, ola, anna = town.staff["kari"], town.staff["ola"], town.patients["anna"]
    said = """insert into care_fact (patient_id, type, at, value, said_by, said_at)
              values (%s, 'oxygen', now(), '{}', %s, now())"""
    excused = """insert into excuse (patient_id, why, from_at, to_at, said_by, said_at)
                 values (%s, 'away', now(), now() + interval '1 day', %s, now())"""
    set_ = """insert into rule_setting (rule, patient_id, enabled, set_by, set_at, reason)
              values ('trend', %s, true, %s, now(), 'r')"""
    statements = [
        (said, (anna, ola)),
        (excused, (anna, ola)),
        (set_, (anna, ola)),
        ("update care_fact set withdrawn_at = now(), withdrawn_by = %s", (ola,)),
        ("update excuse set ended_at = now(), ended_by = %s", (ola,)),
        ("update care_fact set value = '{}'", ()),
        ("delete from care_fact", ()),
        ("update patient_limit set reason = 'r'", ()),
    ]
    with psycopg.connect(database.api) as conn:
        conn.execute("select set_config('hjemvakt.staff', %s, true)", (str(kari),))
        conn.execute(said.encode(), (anna, kari))
        conn.execute(excused.encode(), (anna, kari))
        for statement, parameters in statements:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
                conn.execute(statement.encode(), parameters)
        with pytest.raises(psycopg.errors.InsufficientPrivilege), conn.transaction():
            conn.execute(said.encode(), (town.patients["berta"], kari))
