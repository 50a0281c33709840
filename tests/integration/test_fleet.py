"""Gateways as a fleet, whole: the real agent with its certificate, the broker, the monitor, the signing and the api."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from devices.wire import codec
from devices.wire.columns import to_millis
from devices.wire.messages import Command
from devices.wire.topics import Channel, Topic
from server.roles.broker import EmbeddedBroker
from tests.integration.agent_rig import CLIP, STRAP, Home, agent, living
from tests.integration.box_rig import api, born, server
from tests.integration.conftest import Api
from tests.integration.enrol_rig import CODE
from tests.integration.monitor_rig import await_true
from tests.integration.technician_rig import Technician

pytestmark = pytest.mark.integration

__all__ = ["api", "server"]

NAME = "gw-9"
SECRETS = {"name": "Olaug Nordvik", "number": "15076500565", "key": "231d39c1d7cc1ab1aee224cd096db932", "value": "93.7"}


@pytest.fixture
def tor(api: Api) -> Technician:
    return Technician(client=api.signed_in("tor"))


@asynccontextmanager
async def enrolled(config: Path, tor: Technician, home: int) -> AsyncIterator[Any]:
    async with agent(config) as process:
        await asyncio.to_thread(tor.lets_in, CODE, home=home, name=NAME)
        yield process


def order(tor: Technician, what: str) -> str:
    return str(tor.does(f"/fleet/gateways/{NAME}/orders", what=what)["orders"][0]["id"])


def answered(tor: Technician, id_: str) -> Any:
    def look(shown: Any) -> Any:
        return next((each for each in shown["orders"] if each["id"] == id_ and each["state"] != "waits"), None)

    return tor.sees(f"/fleet/gateways/{NAME}/orders", look)


class Intruder:
    """Has found a way into the broker, and hears and says what gateways are told."""

    def __init__(self, port: int, bucket: int) -> None:
        self.topic = str(Topic(bucket=bucket, gateway=NAME, channel=Channel.COMMAND))
        self.heard: list[bytes] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "intruder")
        self._client.on_message = lambda _client, _data, message: self.heard.append(bytes(message.payload))
        self._client.on_connect = lambda *_: self._client.subscribe(self.topic, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def says(self, payload: bytes) -> None:
        self._client.publish(self.topic, payload, 1).wait_for_publish(20)

    def stop(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def reads(log: Path, words: str, times: int = 1) -> None:
    await_true(lambda: log.read_text().count(words) >= times, 60)


async def test_a_gateway_does_what_its_technician_orders_and_nothing_that_somebody_else_says(
    town: Any, api: Api, server: None, tor: Technician, broker: EmbeddedBroker, tmp_path: Path
) -> None:
    home, log = Home(), tmp_path / "agent.log"

    def play(process: Any) -> None:
        bucket = town.one("select bucket from gateway where name = %s", NAME)
        intruder = Intruder(broker.port, bucket)
        try:
            assert answered(tor, order(tor, "scan"))["state"] == "done"
            reads(log, "the scan begins anew")
            said = next(payload for payload in intruder.heard if b'"scan"' in payload)
            intruder.says(said)  # again, as it was; the gateway says that it has done it
            now, id_ = datetime.now(UTC), "f" * 16
            forged = Command(gateway=NAME, command="restart", id=id_, at=to_millis(now), until=to_millis(now) + 60_000)
            intruder.says(codec.encode(forged))
            reads(log, "command restart of the server is left alone: unproven")
            proof = codec.decode_command(said).proof
            assert proof is not None
            changed = (
                codec.encode(forged)[:-1]
                + b',"proof":'
                + json.dumps(
                    {
                        "content": codec.encode(forged).decode(),
                        "certificate": proof.certificate,
                        "signature": proof.signature,
                    }
                ).encode()
                + b"}"
            )
            intruder.says(changed)
            reads(log, "it was changed on the way, or never proven")
            silenced = Command(gateway=NAME, command="acknowledged", id="e" * 16, until=to_millis(now) + 60_000)
            intruder.says(codec.encode(silenced))
            reads(log, "command acknowledged of the server is left alone: unproven")
            assert log.read_text().count("the scan begins anew") == 1
            assert process.returncode is None
        finally:
            intruder.stop()

    config_ready = asyncio.Event()
    async with living(home) as virtual:
        config = born(tmp_path, town, api, virtual)
        config_ready.set()
        async with enrolled(config, tor, town.homes["anna"]) as process:
            await asyncio.to_thread(play, process)
    shown = tor.get(f"/fleet/gateways/{NAME}/orders")["orders"]
    assert [(each["what"], each["state"], each["staff"]["name"]) for each in shown] == [("scan", "done", "Tor")]


async def test_an_agent_that_is_told_to_restart_ends_once_and_says_so_when_it_is_back(
    town: Any, api: Api, server: None, tor: Technician, tmp_path: Path
) -> None:
    config = born(tmp_path, town, api, "tcp:127.0.0.1:1")
    async with enrolled(config, tor, town.homes["anna"]) as process:
        id_ = await asyncio.to_thread(order, tor, "restart")
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    async with agent(config) as process:  # as systemd does
        assert (await asyncio.to_thread(answered, tor, id_))["state"] == "done"
        second = await asyncio.to_thread(order, tor, "scan")
        await asyncio.to_thread(answered, tor, second)
        assert process.returncode is None, "it is not told a second time"


async def test_what_a_gateway_hands_in_is_of_nobody(
    town: Any, api: Api, server: None, tor: Technician, tmp_path: Path
) -> None:
    """Its files, its memory and its sensors are full of what may not be told."""
    home = Home()
    home.per_min = 173
    nobodys = town.one(
        "insert into home (name, address, team_id, bucket) values ('empty', 'Storgata 9', %s, 3) returning id",
        town.teams["east"],
    )  # where the gateway's own file says what stands there
    name, number, key = SECRETS["name"], SECRETS["number"], SECRETS["key"]
    named = (
        f'[[devices]]\naddress = "{STRAP}"\nprofile = "heart_rate"\nname = "{name}"\ncadence_s = 0\n'
        f'[[devices]]\naddress = "{CLIP}"\nprofile = "oximeter"\nname = "{number}"\nkey = "{key}"\n'
    )

    def play() -> Any:
        bound = "select count(*) from device_observation where kind = 1"
        await_true(lambda: town.one(bound) > 0, 60)
        said = answered(tor, order(tor, "diagnose"))
        assert said["state"] == "done", said
        return tor.get(f"/fleet/gateways/{NAME}/diagnoses/{said['id']}")["diagnosis"], said

    async with living(home) as virtual:
        config = born(tmp_path, town, api, virtual, more=named)
        async with enrolled(config, tor, nobodys):
            diagnosis, said = await asyncio.to_thread(play)
    text = json.dumps(diagnosis, ensure_ascii=False)
    for what, secret in {**SECRETS, "pem": "PRIVATE KEY", "code": CODE}.items():
        assert secret not in text, what
    assert town.one("select count(*) from device_observation where value = 173") > 0
    said_of = {key for device in diagnosis["devices"] for key in device}
    assert said_of <= {"device", "profile", "state", "seen_at", "rssi_dbm", "battery_percent", "refused", "bonded"}
    assert "173" not in [word for line in diagnosis["log"] for word in line["said"].split()]
    strap = next(each for each in diagnosis["devices"] if each["device"] == STRAP)
    assert (strap["profile"], strap["state"]) == ("heart_rate", "connected")
    assert diagnosis["disk_mib"] > 0 and diagnosis["memory_kib"] > 0 and diagnosis["program"]
    assert "connected to the broker %s:%d" in [line["said"] for line in diagnosis["log"]]
    assert said["handed_in_at"] is not None
    with pytest.raises(Exception, match="only ever added to"):
        town.sql("update gateway_log set staff_id = null")
    other = Technician(client=api.signed_in("vera"))
    assert other.client.get(f"/api/v1/fleet/gateways/{NAME}/diagnoses/{said['id']}").status_code == 404
    assert other.post(f"/fleet/gateways/{NAME}/orders", what="scan").status_code == 404, "of another team"
