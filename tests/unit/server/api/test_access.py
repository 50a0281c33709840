from server.access import MAY, Deed, Role, teams_where

ROLES = {1: Role.NURSE, 2: Role.TECHNICIAN, 3: Role.COORDINATOR, 4: Role.AUDITOR}


def test_a_role_counts_only_in_the_team_where_one_has_it():
    assert teams_where(ROLES, Deed.SEE_PATIENTS) == {1, 3}
    assert teams_where(ROLES, Deed.HANDLE_ALERTS) == {1, 3}
    assert teams_where(ROLES, Deed.SEE_TROUBLES) == {2, 3}
    assert teams_where(ROLES, Deed.COUNT_TROUBLES) == {1, 2, 3}


def test_who_mends_equipment_handles_no_alerts_and_who_audits_does_nothing():
    assert Deed.HANDLE_ALERTS not in MAY[Role.TECHNICIAN] | MAY[Role.ADMINISTRATOR]
    assert MAY[Role.AUDITOR] == frozenset()


def test_every_role_of_the_database_is_known():
    from importlib.resources import files

    base = (files("server.store") / "migrations" / "0001_base.sql").read_text()
    assert all(f"'{role}'" in base for role in Role)
    assert set(MAY) == set(Role)
