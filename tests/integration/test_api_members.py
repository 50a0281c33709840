"""Who works in a team: seen by those who work with people, not by those who look after equipment."""

import pytest

from tests.integration.care_rig import get, refused

pytestmark = pytest.mark.integration


def test_members_are_shown_with_their_roles_to_their_own_team_only(api, town):
    town.add_staff("adam", east="administrator")
    path = f"/teams/{town.teams['east']}/members"
    shown = get(api.signed_in("adam"), path)["members"]
    assert [(each["staff"]["name"], each["role"], each["answers"]) for each in shown] == [
        ("Adam", "administrator", False),
        ("Kari", "nurse", True),
        ("Ola", "nurse", True),
        ("Rune", "auditor", False),
        ("Siv", "coordinator", True),
        ("Tor", "technician", False),
    ]
    assert get(api.signed_in("rune"), path)["members"] == shown
    refused(api.signed_in("berit").get(f"/api/v1{path}"), 404)
    refused(api.signed_in("tor").get(f"/api/v1{path}"), 403)


def test_whoever_has_ended_and_other_programs_are_no_members(api, town):
    town.sql("update staff set active = false where login = 'ola'")
    town.sql("update staff set machine = true where login = 'tor'")
    shown = get(api.signed_in("kari"), f"/teams/{town.teams['east']}/members")["members"]
    assert [each["staff"]["name"] for each in shown] == ["Kari", "Rune", "Siv"]
