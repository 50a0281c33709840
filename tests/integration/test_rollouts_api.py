"""A new version comes in rings over the api and the clock's look: who is asked, when it stops, who may."""

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from server.rollouts import GIVEN_FOR, SETTLES
from server.store import configs, fleet, pool
from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
NOW = datetime.now(UTC).replace(microsecond=0)
S = timedelta(seconds=1)
OLD, NEW = "0.1.0", "0.2.0"


@pytest.fixture
def tor(api: Any) -> httpx.Client:
    client: httpx.Client = api.signed_in("tor")
    return client


@pytest.fixture
def gateways(town: Any) -> list[str]:
    """Both online, and a third that stands at the depot."""
    for home in ("anna", "arne"):
        said = {"gateway": f"gw-{home}", "outbox": "0" * 16, "started": "1" * 16, "version": OLD, "orders": True}
        town.gateway_says(home, "online", **said)
    town.sql(
        """insert into gateway (name, bucket, enrolled, depot_team_id, state, status)
           values ('gw-depot', 3, true, %s, 'online', %s)""",
        town.teams["east"],
        f'{{"gateway": "gw-depot", "state": "online", "outbox": "{"0" * 16}", "started": "{"1" * 16}", '
        f'"version": "{OLD}", "orders": true}}',
    )
    return ["gw-depot", "gw-anna", "gw-arne"]


def looks(town: Any, after: timedelta) -> None:
    """The clock, at that time."""
    with closing(pool.connect(town.owner, name="test", autocommit=True)) as conn:
        fleet.go_on(conn, NOW + after)


def begun(tor: httpx.Client, town: Any, **other: Any) -> Any:
    wish = {"teams": [town.teams["east"]], "program": NEW, "rings": [1], "first": []} | other
    return done(send(tor, "/fleet/rollouts", **wish))


def states(tor: httpx.Client) -> dict[str, str]:
    return {each["gateway"]: each["state"] for each in get(tor, "/fleet/rollouts")["rollouts"][0]["gateways"]}


def runs(town: Any, name: str, version: str, **more: Any) -> None:
    town.sql(
        "update gateway set status = status || jsonb_build_object('version', %s::text) where name = %s", version, name
    )
    for what, value in more.items():
        town.sql(f"update gateway set {what} = %s where name = %s", value, name)  # noqa: S608


def test_the_depot_is_asked_first_and_the_others_when_it_has_been_well_for_a_while(
    town: Any, tor: httpx.Client, gateways: list[str]
) -> None:
    made = begun(tor, town)
    assert [(each["gateway"], each["ring"]) for each in made["gateways"]] == [
        ("gw-depot", 1),
        ("gw-anna", 2),
        ("gw-arne", 2),
    ]
    looks(town, S)
    assert states(tor) == {"gw-depot": "asked", "gw-anna": "waits", "gw-arne": "waits"}
    said = """select content::jsonb ->> 'command', content::jsonb ->> 'version', s.login
              from gateway_command c join staff s on s.id = c.staff_id"""
    assert town.sql(said) == [("upgrade", NEW, "tor")], "in the name of whoever began it"
    runs(town, "gw-depot", NEW)
    looks(town, 2 * S)
    assert states(tor)["gw-depot"] == "there"
    looks(town, SETTLES)
    assert states(tor)["gw-anna"] == "waits"
    looks(town, SETTLES + 3 * S)
    assert states(tor) == {"gw-depot": "done", "gw-anna": "asked", "gw-arne": "asked"}
    for name in ("gw-anna", "gw-arne"):
        runs(town, name, NEW)
    looks(town, SETTLES + 4 * S)
    looks(town, 2 * SETTLES + 5 * S)
    assert get(tor, "/fleet/rollouts")["rollouts"][0]["state"] == "done"


def test_a_gateway_that_does_not_come_back_stops_it_and_stands_first_on_the_page(
    town: Any, tor: httpx.Client, gateways: list[str]
) -> None:
    begun(tor, town, first=["gw-anna"])
    looks(town, S)
    town.sql("update gateway set state = 'silent' where name = 'gw-anna'")
    looks(town, GIVEN_FOR)
    assert states(tor)["gw-anna"] == "asked"
    looks(town, GIVEN_FOR + 2 * S)
    stopped = get(tor, "/fleet/rollouts")["rollouts"][0]
    assert (stopped["state"], stopped["why"]) == ("stopped", "gw-anna: it has not come back")
    looks(town, GIVEN_FOR + 3 * S)
    assert set(states(tor).values()) == {"failed", "waits"}, "nobody else is asked"
    first = get(tor, "/fleet")["gateways"][0]
    assert (first["gateway"], first["urgency"], first["target"]["state"]) == ("gw-anna", 3, "failed")
    runs(town, "gw-anna", OLD, state="online")
    done(send(tor, f"/fleet/rollouts/{stopped['id']}/decide", what="running", why="The fuse had gone"))
    looks(town, GIVEN_FOR + 4 * S)
    assert states(tor)["gw-anna"] == "asked", "once more"


def test_what_a_gateway_says_about_its_upgrade_stops_it_at_once(
    town: Any, tor: httpx.Client, gateways: list[str]
) -> None:
    begun(tor, town)
    looks(town, S)
    carried_out(town)
    why = f"E: Version '{NEW}' for 'hjemvakt-gateway' was not found"
    cannot(town, "gw-depot", why)
    looks(town, 2 * S)
    assert get(tor, "/fleet/rollouts")["rollouts"][0]["why"] == f"gw-depot: {why}"


def cannot(town: Any, name: str, why: str) -> None:
    town.sql(
        """update gateway set status = status || jsonb_build_object('upgrade',
               jsonb_build_object('version', %s::text, 'state', 'failed', 'why', %s::text)) where name = %s""",
        *(NEW, why, name),
    )


def carried_out(town: Any) -> None:
    """So says the gateway, with how far its upgrade is."""
    town.sql("update gateway_command set done_at = now() where done_at is null")


def test_what_it_could_not_do_last_time_does_not_stop_it_when_it_is_asked_again(
    town: Any, tor: httpx.Client, gateways: list[str]
) -> None:
    """Its last word is still of then until it has heard that it is asked."""
    rollout = begun(tor, town)["id"]
    looks(town, S)
    carried_out(town)
    cannot(town, "gw-depot", "nobody has it")
    looks(town, 2 * S)
    done(send(tor, f"/fleet/rollouts/{rollout}/decide", what="running", why="The archive has it now"))
    for after in (3, 4):
        looks(town, after * S)
        assert states(tor)["gw-depot"] == "asked"
    carried_out(town)
    looks(town, 5 * S)
    assert states(tor)["gw-depot"] == "failed", "and what it says now counts"


def test_how_often_gateways_say_a_word_comes_in_rings_too_by_their_configuration(
    town: Any, tor: httpx.Client, gateways: list[str]
) -> None:
    begun(tor, town, program=None, heartbeat_s=10)
    looks(town, S)
    with closing(pool.connect(town.owner, name="test", autocommit=True)) as conn:
        configs.renew(conn, NOW)
        ids = [row[0] for row in conn.execute("select id from gateway order by name")]
        said = {each.topic.gateway: payload for each, payload in configs.payloads(conn, ids)}
    assert b'"heartbeat_s":10' in said["gw-depot"]
    assert b"heartbeat_s" not in said["gw-anna"]
    town.sql("update gateway set status = status || '{\"every_s\": 10}' where name = 'gw-depot'")
    looks(town, 2 * S)
    assert states(tor)["gw-depot"] == "there"


def test_one_team_has_one_rollout_at_a_time_and_nobody_begins_one_for_anothers_gateways(
    api: Any, town: Any, tor: httpx.Client, gateways: list[str]
) -> None:
    made = begun(tor, town)
    wish = {"teams": [town.teams["east"]], "program": NEW, "rings": [], "first": []}
    assert "under way" in refused(send(tor, "/fleet/rollouts", **wish), 409)
    theirs = wish | {"teams": [town.teams["east"], town.teams["west"]]}
    assert "equipment" in refused(send(tor, "/fleet/rollouts", **theirs), 404)
    assert "not both" in refused(send(tor, "/fleet/rollouts", **(wish | {"heartbeat_s": 10})), 422)
    vera = api.signed_in("vera")
    assert get(vera, "/fleet/rollouts")["rollouts"] == []
    assert send(vera, f"/fleet/rollouts/{made['id']}/decide", what="ended", why="not mine").status_code == 404
    assert send(api.signed_in("kari"), "/fleet/rollouts", **wish).status_code == 403
    done(send(tor, f"/fleet/rollouts/{made['id']}/decide", what="ended", why="wrong version"))
    looks(town, S)
    assert town.one("select count(*) from gateway_command") == 0
    assert "ended" in refused(send(tor, f"/fleet/rollouts/{made['id']}/decide", what="running", why="after all"), 409)
