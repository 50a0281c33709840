"""The daily trials of the way of alarms, as who looks after the equipment reads them: seconds to a screen by home."""

import pytest

pytestmark = pytest.mark.integration
PATH = "/api/v1/technical/proofs"
TRIAL = """insert into alarm_proof (gateway_id, home_id, day, command, asked_at, made_at, stored_at, seen_at)
           select g.id, g.home_id, %(day)s, 'c', %(at)s, %(at)s,
                  %(at)s::timestamptz + make_interval(secs => %(server)s),
                  %(at)s::timestamptz + make_interval(secs => %(screen)s)
           from gateway g where g.name = %(name)s"""


def tried(town, name, day, server=None, screen=None):
    row = {"name": f"gw-{name}", "day": day, "at": f"{day} 12:00Z", "server": server, "screen": screen}
    with town.connection() as conn:
        conn.execute(TRIAL, row)


def asked(client, first, last):
    return client.get(PATH, params={"from": first, "to": last})


def test_each_home_has_its_seconds_of_each_day_and_a_half_that_was_not_proven_is_none(api, town):
    tried(town, "anna", "2026-03-01", 1.5, 2.25)
    tried(town, "anna", "2026-03-02", 1.0)  # nobody listened
    tried(town, "arne", "2026-03-02")  # it never came
    tried(town, "anna", "2026-03-03", 1.0, 1.5)
    tried(town, "berta", "2026-03-02", 1.0, 1.5)  # of another team
    shown = asked(api.signed_in("tor"), "2026-03-01", "2026-03-02").json()["proofs"]
    assert [(each["day"], each["gateway"], each["server_s"], each["screen_s"]) for each in shown] == [
        ("2026-03-02", "gw-anna", 1.0, None),
        ("2026-03-02", "gw-arne", None, None),
        ("2026-03-01", "gw-anna", 1.5, 2.25),
    ]
    assert shown[0]["home"] == town.homes["anna"]


def test_it_is_for_whoever_looks_after_the_equipment_and_of_a_month_at_most(api, town):
    assert asked(api.signed_in("kari"), "2026-03-01", "2026-03-02").status_code == 403
    tor = api.signed_in("tor")
    assert asked(tor, "2026-03-01", "2026-03-31").status_code == 200
    for first, last in (("2026-03-01", "2026-04-01"), ("2026-03-02", "2026-03-01")):
        refused = asked(tor, first, last)
        assert (refused.status_code, refused.json()["detail"][-1]) == (422, ".")
