from server.access import MAY, Deed, Role, teams_where
from server.clinical import deeds
from server.clinical.pathways import Pathway

ROLES = {1: Role.NURSE, 2: Role.TECHNICIAN, 3: Role.COORDINATOR, 4: Role.AUDITOR}


def test_a_role_counts_only_in_the_team_where_one_has_it():
    assert teams_where(ROLES, Deed.SEE_PATIENTS) == {1, 3}
    assert teams_where(ROLES, Deed.HANDLE_ALERTS) == {1, 3}
    assert teams_where(ROLES, Deed.SEE_TROUBLES) == {2, 3}
    assert teams_where(ROLES, Deed.COUNT_TROUBLES) == {1, 2, 3}


def test_who_mends_equipment_handles_no_alerts_and_who_audits_only_reads_who_looked():
    assert Deed.HANDLE_ALERTS not in MAY[Role.TECHNICIAN] | MAY[Role.ADMINISTRATOR]
    assert MAY[Role.AUDITOR] == {Deed.READ_ACCESS_LOG, Deed.SEE_MEMBERS}


def who_may(deed):
    return {role.value for role in Role if deed in MAY[role]}


def test_who_changes_what_is_decided_about_a_patient():
    care = {"nurse", "coordinator", "doctor"}
    assert who_may(Deed.SEE_PATIENTS) == who_may(Deed.SAY_FACTS) == who_may(Deed.SET_CARE) == care
    assert who_may(Deed.SET_PATHWAYS) == {"coordinator", "doctor"}
    assert who_may(Deed.PRESCRIBE) == {"doctor"}


def test_nobody_changes_a_patient_whom_they_may_not_see():
    for role in Role:
        if Deed.SEE_PATIENTS not in MAY[role]:
            assert not MAY[role] & {Deed.SAY_FACTS, Deed.SET_CARE, Deed.SET_PATHWAYS, Deed.PRESCRIBE}, role


def test_what_a_doctor_alone_may_say_and_what_alerts_in_palliative_care():
    assert deeds.to_say("saturation_range") is deeds.to_say("news2_scale") is Deed.PRESCRIBE
    others = ("baseline", "oxygen", "oxygen_seen", "consciousness", "symptoms")
    assert {deeds.to_say(each) for each in others} == {Deed.SAY_FACTS}
    assert deeds.to_make_alert(Pathway.PALLIATIVE) is Deed.PRESCRIBE
    assert {deeds.to_make_alert(each) for each in Pathway if each is not Pathway.PALLIATIVE} == {Deed.SET_CARE}


def test_every_role_of_the_database_is_known():
    from importlib.resources import files

    base = (files("server.store") / "migrations" / "0001_base.sql").read_text()
    assert all(f"'{role}'" in base for role in Role)
    assert set(MAY) == set(Role)
