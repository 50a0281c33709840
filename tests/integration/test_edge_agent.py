"""The real agent, as a process, between a virtual home and a real broker."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from devices.profiles import thermometer
from devices.vocabulary import EventType, Gap, GapReason, Kind, Observation
from devices.wire.messages import Lane, LinkState
from server.roles.broker import EmbeddedBroker
from tests.integration.agent_rig import (
    CLIP,
    MEASURED_AT,
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
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration


async def test_every_device_of_a_home_is_heard(tmp_path: Path, broker: EmbeddedBroker, server: ContractServer) -> None:
    home = Home()
    for record in range(1, 4):
        home.measure_glucose(record, 5.0 + record)
    async with living(home) as virtual:
        config = write_config(tmp_path, broker.url, virtual)
        async with agent(config):
            home.ear.measure(thermometer.encode_measurement(celsius=38.4))
            await server.until(lambda: len(values(server, Kind.HEART_RATE)) > 5 and len(values(server, Kind.SPO2)) > 5)
            await server.until(lambda: values(server, Kind.GLUCOSE) == [6.0, 7.0, 8.0])
            await server.until(lambda: values(server, Kind.BODY_TEMPERATURE) == [38.4])
            await server.until(lambda: 77 in values(server, Kind.BATTERY))
            await server.until(lambda: EventType.DOOR_CLOSED in events(server))
            await home.door.publish(home.says_door(opened=True, packet_id=2))
            await server.until(lambda: EventType.DOOR_OPENED in events(server))
            await home.press(1)
            await server.until(lambda: (Lane.ALARM, 1) in server.stored)
            await home.press(2)
            await server.until(lambda: (Lane.ALARM, 2) in server.stored)
            records = [r for r in server.stored.values() if isinstance(r, Observation) and r.kind is Kind.GLUCOSE]
            assert records[0].taken_at == MEASURED_AT + timedelta(minutes=1)
            assert [r.record for r in records] == [1, 2, 3]
            code, out, _ = await command("status", "--config", str(config))
            assert code == 0, out
            assert f"Gateway {GATEWAY}: running" in out
        assert server.statuses[-1].state is LinkState.OFFLINE
        assert events(server).count(EventType.SOS) == 2  # each press once, however often it was aired
        assert events(server).count(EventType.DOOR_OPENED) == 1
        code, out, _ = await command("status", "--config", str(config))
        assert code == 1
        assert "! Gateway hv-line: NOT running" in out
        assert "0 alarms and 0 other rows wait" in out


async def test_after_kill_9_records_come_once_and_the_silence_is_a_gap(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    home = Home()
    home.measure_glucose(1, 6.1)
    async with living(home) as virtual:
        config = write_config(tmp_path, broker.url, virtual)
        async with agent(config) as first:
            await server.until(
                lambda: len(values(server, Kind.HEART_RATE)) > 5 and values(server, Kind.GLUCOSE) == [6.1]
            )
            first.kill()
            await first.wait()
        home.measure_glucose(2, 6.2)
        await asyncio.sleep(3)  # the shortest silence that is a gap is 2.5 s
        async with agent(config):
            await server.until(lambda: values(server, Kind.GLUCOSE) == [6.1, 6.2])
            await server.until(
                lambda: {g.device for g in server.stored.values() if isinstance(g, Gap)} >= {STRAP, CLIP}
            )
        gaps = [row for row in server.stored.values() if isinstance(row, Gap)]
        assert {gap.why for gap in gaps} == {GapReason.AGENT_RESTARTED}
        assert server.doubled == 0


async def test_a_home_that_is_not_there_yet_is_a_trouble_and_not_an_end(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer, free_port: int
) -> None:
    virtual = f"tcp:127.0.0.1:{free_port}"
    async with agent(write_config(tmp_path, broker.url, virtual)):
        await server.until(lambda: any("no Bluetooth" in t for s in server.statuses for t in s.troubles))
        (trouble,) = server.statuses[-1].troubles
        assert "Connect call failed" in trouble and trouble.endswith("is the adapter there and bluetoothd running?")
        assert "<" not in trouble  # no code for programs in a sentence for people
        home = Home()
        async with living(home, virtual):
            await server.until(lambda: len(values(server, Kind.HEART_RATE)) > 0)
            await server.until(lambda: not server.statuses[-1].troubles)


async def test_two_agents_cannot_share_an_outbox(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    config = write_config(tmp_path, broker.url, "tcp:127.0.0.1:1")
    async with agent(config):
        await server.until(lambda: bool(server.statuses))
        code, _, err = await command("run", "--config", str(config))
        assert code == 2
        assert "is in use by another gateway" in err
        assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("run", "--config", "/nowhere/gateway.toml"), "cannot be read"),
        (("decode", "2A37", "zz"), "are not bytes"),
        (("decode", "1234", "00"), "no profile reads 1234"),
        (("status", "--config", "/nowhere/gateway.toml"), "cannot be read"),
    ],
)
async def test_a_users_error_is_one_sentence_and_exit_code_2(arguments: tuple[str, ...], says: str) -> None:
    code, out, err = await command(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert says in err


@pytest.mark.parametrize("seconds", ["-1", "nan", "inf", "long"])
async def test_a_scan_lasts_a_time_that_ends(seconds: str) -> None:
    code, out, err = await command("scan", "--seconds", seconds)
    assert (code, out) == (2, "")
    assert "--seconds" in err and "Traceback" not in err


async def test_a_broker_that_is_not_there_is_told_to_the_technician_with_its_address(
    tmp_path: Path, free_port: int
) -> None:
    config = write_config(tmp_path, f"mqtt://127.0.0.1:{free_port}", "tcp:127.0.0.1:1")
    sentence = f"no connection to the broker 127.0.0.1:{free_port} (Connection refused): is it running"
    async with agent(config):
        await asyncio.to_thread(await_true, lambda: sentence in (tmp_path / "agent.log").read_text())
    _, out, _ = await command("status", "--config", str(config))
    assert sentence in out


async def test_decode_explains_bytes() -> None:
    # Heart Rate Service 1.0, table 3.1: flags 0x06 = contact supported and there, 8 bit value 0x48 = 72
    assert await command("decode", "2A37", "06:48") == (
        0,
        "flags: contact, contact supported\nheart rate: 72 /min\n"
        "heart_rate: on the body\nheart_rate: heart_rate 72 /min, continuous\n",
        "",
    )


async def test_scan_lists_what_is_heard_with_its_profile(tmp_path: Path) -> None:
    home = Home()
    async with living(home) as virtual:
        config = write_config(tmp_path, "mqtt://127.0.0.1:1", virtual)
        code, out, _ = await command("scan", "--config", str(config), "--seconds", "2")
        assert code == 0
        (strap,) = (line for line in out.splitlines() if line.startswith(STRAP))
        assert "STRAP" in strap
        assert "profile: heart_rate" in strap
