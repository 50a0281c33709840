"""A gateway out of its box: an agent with nothing but its birth file, and all that it needs of a server."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from devices.wire.enrolment import Birth, encode
from server.pki import fingerprint
from server.roles.broker import EmbeddedBroker
from server.roles.monitor import Monitor
from server.store.sealing import Seals
from tests.integration.agent_rig import agent
from tests.integration.conftest import Api
from tests.integration.enrol_rig import CODE, signing
from tests.integration.monitor_rig import await_true, running

SEALS = Seals(bytes(32))  # as the api's


@pytest.fixture
def api(database: Any, town: Any, broker: EmbeddedBroker) -> Iterator[Api]:
    server = Api(database_url=database.owner, gateway_mqtt=broker.url)
    server.start()
    yield server
    server.clients.close()
    server.stop()


@pytest.fixture
def server(town: Any, api: Api, broker: EmbeddedBroker) -> Iterator[None]:
    with signing(town.owner), running(Monitor(dsn=town.owner, mqtt_url=broker.url, seals=SEALS)):
        await_true(lambda: town.one("select count(*) from authority") == 1)
        yield


@pytest.fixture
def nils(town: Any) -> int:
    """Lives where nothing stands yet."""
    home = town.one(
        "insert into home (name, address, team_id, bucket) values ('nils', 'Storgata 9', %s, 3) returning id",
        town.teams["east"],
    )
    town.homes["nils"] = home
    town.patients["nils"] = town.one(
        """insert into patient (reference, name, born_on, pathway, team_id, home_id, virtual)
           values ('P-9', 'nils', '1938-02-03', 'kols', %s, %s, true) returning id""",
        town.teams["east"],
        home,
    )
    return int(home)


def born(directory: Path, town: Any, api: Api, virtual: str, *, heartbeat_s: int = 1, more: str = "") -> Path:
    """Its configuration. `more`: lines at the end, of the radio or of tables."""
    birth = Birth(server=api.url, authority=fingerprint(town.one("select certificate from authority")), code=CODE)
    (directory / "birth.json").write_bytes(encode(birth))
    (directory / "data").mkdir(exist_ok=True)
    config = directory / "gateway.toml"
    config.write_text(
        f'birth = "birth.json"\ninsecure = true\ndata_dir = "data"\nheartbeat_s = {heartbeat_s}\n'
        f'[radio]\nvirtual = "{virtual}"\n{more}'
    )
    return config


@asynccontextmanager
async def box(directory: Path, town: Any, api: Api, virtual: str) -> AsyncIterator[None]:
    """What comes out of it: a program, and a birth file."""
    async with agent(born(directory, town, api, virtual, heartbeat_s=2)):
        yield
