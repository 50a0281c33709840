"""Care, settings and clinic as every role; the whole api is walked in test_walk_routes.py."""

from uuid import uuid4

import httpx
import pytest

from tests.integration.care_rig import refused
from tests.integration.walk_entries import CARE, DECIDES_FOR_TEAM, REV, ROLES, Operation
from tests.integration.walk_entries import operations as all_operations

pytestmark = pytest.mark.integration
TAGS = ("/patients/", "/teams/{team}/pathways/")
DOCTOR = frozenset({"doctor"})


@pytest.fixture
def operations(api) -> list[Operation]:
    """All that are about one patient or one pathway."""
    found = all_operations(api.client().get("/api/v1/openapi.json").json())
    return [each for each in found if any(part in each.path for part in TAGS) and not each.ask.own]


@pytest.fixture
def everybody(api, town) -> dict[str, httpx.Client]:
    """By role in the eastern team."""
    for role in ROLES:
        town.add_staff(f"an-{role}", east=role)
    return {role: api.signed_in(f"an-{role}") for role in ROLES}


def test_being_somebody_in_one_team_is_nothing_in_another(api, town, operations):
    """Siv is a coordinator in the east and a nurse in the west."""
    siv = api.signed_in("siv")
    for each in operations:
        answer = siv.request(**each.request(patient=town.patients["berta"], team=town.teams["west"]))
        if each.ask.may == DECIDES_FOR_TEAM:
            assert "coordinator" in refused(answer, 403), each.name
        elif each.ask.may == CARE:
            assert answer.status_code not in (401, 403), (each.name, answer.text)


def test_being_a_technician_in_a_team_opens_none_of_its_patients(api, town, operations):
    """Row-level security shows a technician the team's rows; what is asked of a patient is refused all the same."""
    town.sql("insert into staff_team values (%s, %s, 'technician')", town.staff["kari"], town.teams["west"])
    kari = api.signed_in("kari")
    for each in operations:
        answer = kari.request(**each.request(patient=town.patients["berta"], team=town.teams["west"]))
        if "nurse" in each.ask.may:
            assert refused(answer, 404), each.name
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
