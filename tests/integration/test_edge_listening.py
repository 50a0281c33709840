"""The real agent is asked to listen: it says what is on the air around it, until then and no longer."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.profiles import bthome
from devices.profiles.base import Sender
from devices.vocabulary import EventType
from devices.wire import codec
from devices.wire.columns import to_millis
from devices.wire.messages import Command, DeviceSetup, GatewayConfig, NearbyDevice, SlotSetup
from devices.wire.topics import Channel
from server.roles.broker import EmbeddedBroker
from tests.integration.agent_rig import BUTTON, CLIP, DOOR, EAR, METER, STRAP, Home, agent, events, living, write_config
from tests.integration.edge_contract_server import GATEWAY, ContractServer

pytestmark = pytest.mark.integration
KEY = "231d39c1d7cc1ab1aee224cd096db932"


@pytest.fixture
def server(broker: EmbeddedBroker) -> Iterator[ContractServer]:
    server = ContractServer(broker.port)
    yield server
    server.stop()


def listen(number: int, *, for_s: float = 120) -> Command:
    now = datetime.now(UTC)
    until = to_millis(now + timedelta(seconds=for_s))
    return Command(gateway=GATEWAY, command="listen", id=f"{number:016x}", at=to_millis(now), until=until)


def nearby(server: ContractServer) -> dict[str, NearbyDevice]:
    return {each.device: each for each in server.statuses[-1].nearby} if server.statuses else {}


async def test_what_is_on_the_air_is_said_while_somebody_listens_and_not_before_and_not_after(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    home = Home()
    async with (
        living(home) as virtual,
        agent(write_config(tmp_path, broker.url, virtual, profiles={DOOR: "bthome_door"})),
    ):
        await server.until(lambda: len(server.statuses) > 1)
        assert all(not status.nearby and status.listening_until is None for status in server.statuses)
        server.say(Channel.COMMAND, listen(1))
        await server.until(lambda: {STRAP, CLIP, DOOR} <= nearby(server).keys())
        assert server.statuses[-1].done == [listen(1).id]
        assert nearby(server)[DOOR].profiles == ["bthome_door"]
        assert nearby(server)[DOOR].battery_percent == 90
        assert nearby(server)[STRAP].profiles == ["heart_rate"]
        said = codec.encode(server.statuses[-1])
        assert b"STRAP" not in said, "a name may be a person's"
        server.say(Channel.COMMAND, listen(2, for_s=3))  # a shorter window takes the place of the longer one
        await server.until(lambda: listen(2).id in server.statuses[-1].done)
        await server.until(lambda: server.statuses[-1].listening_until is None)
        assert server.statuses[-1].nearby == []
        assert not {EAR, METER} & {each.device for status in server.statuses for each in status.devices}


async def test_a_sensor_that_encrypts_is_found_and_read_with_the_key_that_the_server_tells(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    home = Home()
    sender = Sender(address=BUTTON, key=bytes.fromhex(KEY))

    def press(counter: int) -> bytes:
        plain = bthome.encode_button(press=bthome.Press.SHORT, packet_id=counter, battery_percent=80)
        return bthome.sealed(plain, sender=sender, counter=counter)

    setup = DeviceSetup(address=BUTTON, profile="bthome_sos", name="pendant 7", slots=[SlotSetup()], key=KEY)
    async with (
        living(home) as virtual,
        agent(write_config(tmp_path, broker.url, virtual, profiles={DOOR: "bthome_door"})),
    ):
        await server.until(lambda: bool(server.statuses))
        server.say(Channel.COMMAND, listen(1))
        await server.until(lambda: listen(1).id in server.statuses[-1].done)
        await home.button.publish(press(1))
        await server.until(lambda: BUTTON in nearby(server))
        assert nearby(server)[BUTTON].encrypted
        assert {"bthome_sos", "bthome_door"} <= set(nearby(server)[BUTTON].profiles)
        server.say(Channel.CONFIG, GatewayConfig(gateway=GATEWAY, version=1, devices=[setup]))
        await server.until(lambda: server.statuses[-1].config == 1)
        await home.button.publish(press(2))
        await server.until(lambda: EventType.SOS in events(server))
        await server.until(lambda: nearby(server)[BUTTON].profiles == ["bthome_sos"])
        server.take_back(Channel.CONFIG)
    kept = tmp_path / "data" / "config.json"
    assert KEY in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0, "others may not read the key"
