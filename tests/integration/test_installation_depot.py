"""Gateways that are prepared at the depot, lost, stolen or given back, over the real routes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from server.alerts.model import gateway_subject
from server.store import alerts, arrays, deadlines, expiry
from server.store.deadlines import DeadlineType
from tests.integration.care_rig import done, get, refused, send
from tests.integration.enrol_rig import Box, comes, signing
from tests.integration.installation_rig import DOOR, bind, says
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration


# ---- the depot


def at_depot(town: Any, name: str, bucket: int, team: str = "east") -> None:
    town.sql(
        "insert into gateway (name, bucket, enrolled, depot_team_id) values (%s, %s, true, %s)",
        name,
        bucket,
        town.teams[team],
    )


def test_a_gateway_from_the_depot_keeps_its_topics_and_the_first_of_a_home_brings_them_along(tor, town):
    at_depot(town, "gw-bag", 17)
    town.sql("update gateway set enrolled = false where name = 'gw-anna'")
    given = done(send(tor, "/installation/gateways/gw-bag/home", home=town.homes["anna"]))
    assert given["gateway"] == "gw-bag"
    assert town.one("select bucket from home where name = 'anna'") == 17
    assert done(send(tor, "/installation/gateways/gw-bag/home", home=town.homes["anna"])) == given
    elsewhere = send(tor, "/installation/gateways/gw-bag/home", home=town.homes["arne"])
    assert (elsewhere.status_code, elsewhere.json()["type"]) == (409, "urn:hjemvakt:has-home")


def test_a_home_with_gateways_takes_none_whose_topics_are_of_another_place(tor, town):
    at_depot(town, "gw-bag", 17)
    answer = send(tor, "/installation/gateways/gw-bag/home", home=town.homes["anna"])
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:hjemvakt:bucket")
    assert town.one("select home_id from gateway where name = 'gw-bag'") is None


def test_the_depot_of_another_team_is_not_there(api, tor, town):
    at_depot(town, "gw-bag", 17, team="west")
    assert get(tor, "/installation/depot")["gateways"] == []
    for path, wish in (
        ("home", {"home": town.homes["anna"]}),
        ("label", {"label": "mine"}),
        ("sensors", {"device": DOOR, "profile": "bthome_door"}),
        ("listen", {}),
    ):
        refused(send(tor, f"/installation/gateways/gw-bag/{path}", **wish), 404)
    vera = api.signed_in("vera")
    done(send(vera, "/installation/gateways/gw-bag/sensors", device=DOOR, profile="bthome_door"))
    mine = bind(tor, f"/installation/homes/{town.homes['anna']}")
    assert mine.json()["type"] == "urn:hjemvakt:bound-elsewhere", "it is prepared there"
    done(send(vera, f"/installation/gateways/gw-bag/sensors/{DOOR}/drop"))
    done(bind(tor, f"/installation/homes/{town.homes['anna']}"))


def test_a_gateway_that_is_let_in_for_the_depot_has_no_home(api, tor, town, tmp_path):
    with signing(town.owner):
        await_true(lambda: town.one("select count(*) from authority") == 1)
        box = Box(directory=tmp_path / "box")
        ticket = done(box.asks(api.client()))["ticket"]
        (waits,) = get(tor, "/enrolments")["enrolments"]
        path = f"/enrolments/{waits['id']}/accept"
        refused(send(tor, path), 422)
        refused(send(tor, path, team=town.teams["west"]), 404)
        done(send(tor, path, team=town.teams["east"], name="gw-bag"))
        issued = comes(api.client(), ticket, "issued")
    assert issued["gateway"] == "gw-bag" and 0 <= issued["bucket"] < 64
    assert town.sql("select home_id, enrolled, bucket from gateway where name = 'gw-bag'") == [
        (None, True, issued["bucket"])
    ]
    done(send(tor, "/gateways/gw-bag/revoke", why="stolen"))
    refused(send(api.signed_in("vera"), "/gateways/gw-bag/revoke", why="lost"), 404)


# ---- lost, stolen, given back


def awaited(town: Any) -> None:
    """As a gateway that spoke just now, and says a word each half minute."""
    says(town, "anna")
    with town.connection() as conn:
        held = alerts.hold(conn, [gateway_subject(town.one("select id from gateway where name = 'gw-anna'"))])
        deadlines.expect(conn, DeadlineType.GATEWAY_SILENT, held.values(), within=timedelta(minutes=5))


def alerted(town: Any, after: timedelta) -> list[tuple[Any, ...]]:
    with psycopg.connect(town.owner, autocommit=True) as conn:
        arrays.register(conn)
        expiry.expire_due(conn, datetime.now(UTC) + after, monitor_hears=True)
    return town.sql("select rule, team_id = %s from alert", town.teams["east"])


@pytest.mark.parametrize("why", ["lost", "stolen"])
def test_a_gateway_that_is_lost_is_an_alert_of_its_team_within_seconds(tor, town, why):
    awaited(town)
    assert alerted(town, timedelta(seconds=15)) == [], "it is silent for no longer than it may"
    done(send(tor, "/gateways/gw-anna/revoke", why=why))
    assert alerted(town, timedelta(seconds=15)) == [("technical:gateway_silent", True)]


def test_a_gateway_that_was_given_back_is_awaited_no_more(tor, town):
    awaited(town)
    done(send(tor, "/gateways/gw-anna/revoke", why="returned"))
    assert alerted(town, timedelta(days=1)) == []
    assert town.one("select enrolled from gateway where name = 'gw-anna'") is False
