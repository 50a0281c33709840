"""The real agent is asked to try the way of its alarms: once for each question, in the lane of alarms."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.vocabulary import Event, EventType
from devices.wire.columns import to_millis
from devices.wire.messages import Command, Lane
from devices.wire.topics import Channel
from server.roles.broker import EmbeddedBroker
from tests.integration.agent_rig import agent, write_config
from tests.integration.edge_contract_server import GATEWAY, ContractServer

pytestmark = pytest.mark.integration


def prove(number: int) -> Command:
    now = datetime.now(UTC)
    until = to_millis(now + timedelta(minutes=10))
    return Command(gateway=GATEWAY, command="prove", id=f"{number:016x}", at=to_millis(now), until=until)


async def test_an_agent_that_is_asked_sends_one_proof_the_way_that_alarms_go_and_says_that_it_did(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    def is_done(command: Command) -> bool:
        return command.id in server.statuses[-1].done

    async with agent(write_config(tmp_path, broker.url, "tcp:127.0.0.1:1")):  # no sensor is needed for it
        await server.until(lambda: bool(server.statuses))
        before = datetime.now(UTC)
        server.say(Channel.COMMAND, prove(1))
        await server.until(lambda: (Lane.ALARM, 1) in server.stored and is_done(prove(1)))
        proof = server.stored[Lane.ALARM, 1]
        assert isinstance(proof, Event)
        assert proof.type is EventType.PROOF
        assert before - timedelta(seconds=5) <= proof.occurred_at <= datetime.now(UTC) + timedelta(seconds=5)
        server.say(Channel.COMMAND, prove(1))  # said again until the server has heard that it was done
        server.say(Channel.COMMAND, prove(2))
        await server.until(lambda: is_done(prove(2)))
        await server.until(lambda: (Lane.ALARM, 2) in server.stored)
        proofs = [item for item in server.accepted if isinstance(item, Event) and item.type is EventType.PROOF]
        assert len(proofs) == 2
