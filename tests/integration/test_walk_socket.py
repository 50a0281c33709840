"""Every message that a screen can send, as every role and as nobody: none brings or touches another team's patient."""

from typing import get_args

import pytest

from server.api.live_schemas import ClientMessage
from tests.integration.walk_entries import CARE, ROLES

pytestmark = pytest.mark.integration
WALKED = {"hello", "seen", "proven", "ping"}


def test_there_is_no_message_that_the_walk_does_not_send():
    union = get_args(ClientMessage)[0]
    assert {get_args(each.model_fields["type"].annotation)[0] for each in get_args(union)} == WALKED


@pytest.mark.parametrize("role", ROLES)
async def test_no_message_of_any_role_brings_or_touches_another_teams_patient(api, town, screen_of, role):
    town.add_staff("somebody", east=role)
    theirs, somebody = town.press("berta"), api.signed_in("somebody")
    trial = """insert into alarm_proof (gateway_id, home_id, day, command, asked_at, stored_at)
               select id, home_id, now()::date, 'x', now(), now() from gateway where name = 'gw-berta' returning id"""
    proof = town.one(trial)
    async with api.live(somebody) as socket:
        screen = screen_of(socket)
        if role not in CARE:
            assert await screen.closed() == 4403
            return
        board = somebody.get("/api/v1/board").json()
        await screen.hello(board | {"cursors": board["cursors"] | {str(town.teams["west"]): 0}})
        await screen.hello(board)
        await screen.say(type="seen", alerts=[theirs])
        await screen.say(type="proven", proof=proof)
        await screen.say(type="ping")
        await screen.next("pong")
        town.press("berta")
        ours = town.press("anna")
        assert (await screen.next("alert"))["alert"]["id"] == ours  # an event of the west would be none of its cursors
    assert town.sql("select * from alert_seen where alert_id = %s", theirs) == []
    assert town.one("select seen_at is null from alarm_proof")


async def test_nobody_gets_no_socket(api, town, screen_of):
    async with api.live() as socket:
        assert await screen_of(socket).closed() == 4401
