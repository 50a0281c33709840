"""A home whose gateway is cut off, told off and told on: the real agent, a real broker, a lamp that tells."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from devices.virtual.line import CutLine
from devices.vocabulary import Event, EventType, Kind
from devices.wire.messages import Command, DeviceSetup, GatewayConfig, KindLimit, Lane, SlotSetup
from devices.wire.topics import Channel
from server.roles.broker import EmbeddedBroker
from tests.integration.agent_rig import (
    BUTTON,
    EAR,
    PROFILES,
    STRAP,
    Home,
    agent,
    command,
    events,
    living,
    values,
    write_config,
)
from tests.integration.edge_contract_server import GATEWAY, ContractServer
from tests.integration.lamp import Lamp
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration

ONLY_EAR = {EAR: PROFILES[EAR]}


@pytest.fixture
def server(server: ContractServer) -> Iterator[ContractServer]:
    yield server
    server.take_back(Channel.CONFIG)


@pytest.fixture
def lamp(tmp_path: Path) -> Iterator[Lamp]:
    lamp = Lamp(tmp_path)
    yield lamp
    lamp.close()


def home_table(lamp: Lamp) -> str:
    return f'[home]\naction = ["{lamp.command}"]\n'


async def test_cut_off_the_alarm_is_given_at_home_and_the_server_hears_of_it_afterwards(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, lamp: Lamp
) -> None:
    line = CutLine(broker_port=broker.port)
    mqtt = f"mqtt://127.0.0.1:{await line.start()}"
    home = Home()
    wanted = {BUTTON: PROFILES[BUTTON], STRAP: PROFILES[STRAP]}
    limits = '[[devices.limits]]\nkind = "heart_rate"\nred_high = 130\n'  # NEWS2: at least 131 is red
    async with living(home) as virtual:
        config = write_config(tmp_path, mqtt, virtual, profiles=wanted, more=limits + home_table(lamp))
        async with agent(config):
            assert (await lamp.line()).startswith("check|")
            await server.until(lambda: len(values(server, Kind.HEART_RATE)) > 5)
            await line.set_up(False)
            home.per_min = 150
            await home.press(1)
            heard = {(await lamp.line()).rsplit("|", 1)[0] for _ in range(2)}
            assert heard == {f"alarm_not_sent|alarm_not_sent|1|{PROFILES[each]}" for each in (BUTTON, STRAP)}
            await line.set_up(True)
            await server.until(lambda: events(server).count(EventType.LOCAL_ALARM) == 2)
            await server.until(lambda: (Lane.ALARM, 1) in server.stored)
            said = {(await lamp.line()).split("|")[0] for _ in range(2)}
            assert said == {"alarm_sent", "alarm_over"}
    await line.stop()
    given = [row for row in server.stored.values() if isinstance(row, Event) and row.type is EventType.LOCAL_ALARM]
    assert {event.device for event in given} == {BUTTON, STRAP}
    assert len(given) == 2


async def test_the_home_hears_that_a_person_has_the_alarm_once(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, lamp: Lamp
) -> None:
    home = Home()
    async with living(home) as virtual:
        config = write_config(tmp_path, broker.url, virtual, more=home_table(lamp))
        async with agent(config):
            assert (await lamp.line()).startswith("check|")
            await home.press(1)
            while not (said := await lamp.line()).startswith("alarm_sent|"):
                assert said.startswith("reading_saved|")
            seen = Command(gateway=GATEWAY, command="acknowledged", id=f"{2:016x}", device=BUTTON, type=EventType.SOS)
            for each in (
                Command(gateway=GATEWAY, command="dance", id=f"{1:016x}"),
                Command(gateway="hv-other", command="acknowledged", id=f"{3:016x}"),
                seen,
                seen,
            ):
                server.say(Channel.COMMAND, each)
            assert (await lamp.line()).startswith(f"acknowledged|acknowledged|1|{PROFILES[BUTTON]}|Alarmen er sett.")
            await server.until(lambda: server.statuses[-1].done == [f"{2:016x}"])
            heard = len(server.statuses)
            server.say(Channel.COMMAND, seen)
            await server.until(lambda: len(server.statuses) > heard)
            await home.press(2)
            assert (await lamp.line()).startswith("alarm_sent|")


async def test_the_servers_configuration_is_used_at_once_kept_and_used_without_a_network(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, free_port: int
) -> None:
    home = Home()
    limit = KindLimit(kind=Kind.HEART_RATE, red_high=130)
    devices = [
        DeviceSetup(address=EAR, profile=PROFILES[EAR], name="of the server"),
        DeviceSetup(
            address=STRAP, profile=PROFILES[STRAP], name="belte", cadence_s=0, slots=[SlotSetup(limits=[limit])]
        ),
    ]
    async with living(home) as virtual:
        config = write_config(tmp_path, broker.url, virtual, profiles=ONLY_EAR)
        async with agent(config):
            await server.until(lambda: bool(server.statuses))
            assert server.statuses[-1].config == 0
            server.say(Channel.CONFIG, GatewayConfig(gateway=GATEWAY, version=7, devices=devices))
            await server.until(lambda: server.statuses[-1].config == 7)
            await server.until(lambda: len(values(server, Kind.HEART_RATE)) > 3)

            unknown = [*devices, DeviceSetup(address=BUTTON, profile="teleport")]
            server.say(Channel.CONFIG, GatewayConfig(gateway=GATEWAY, version=8, devices=unknown))
            await server.until(lambda: "no profile 'teleport'" in server.statuses[-1].config_refused)
            assert server.statuses[-1].config == 7

        config = write_config(tmp_path, f"mqtt://127.0.0.1:{free_port}", virtual, profiles=ONLY_EAR)
        connected = f"{STRAP}: connected"
        async with agent(config):
            await asyncio.to_thread(await_true, lambda: (tmp_path / "agent.log").read_text().count(connected) == 2)
            code, out, _ = await command("status", "--config", str(config))
        assert code == 1  # no broker
        assert "Configuration: version 7 of the server" in out
        assert f"{STRAP}, belte, heart_rate" in out
        assert f"{EAR}, thermometer, thermometer" in out  # the name of the gateway's own file
        before = len(values(server, Kind.HEART_RATE))
        server.say(Channel.CONFIG, GatewayConfig(gateway=GATEWAY, version=6, devices=[]))
        async with agent(write_config(tmp_path, broker.url, virtual, profiles=ONLY_EAR)):
            await server.until(lambda: len(values(server, Kind.HEART_RATE)) > before)
            await server.until(lambda: server.statuses[-1].config == 7)
