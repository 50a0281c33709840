"""A certificate's later life: renewed in time, shown to a real broker, taken away; over the server's real routes."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import psycopg
import pytest

from devices.wire.enrolment import Birth, encode
from edge.core.health import Troubles
from edge.core.trust import Patience
from edge.credentials import Credentials
from edge.identity import Identity, IdentityFiles, Next, new_key, request
from server.pki import fingerprint
from server.store import authority
from server.store.sealing import Seals
from tests.integration.care_rig import done, send
from tests.integration.edge_trust_rig import Authority, kill, mode, tls_broker
from tests.integration.enrol_rig import CODE, Box, comes, let_in, openssl, signing
from tests.integration.guard_rig import enrolled, nats
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration

AT_ONCE = Patience(
    spread_s=0.0, again_first_s=0.05, again_cap_s=0.1, doubt_first_s=0.05, doubt_cap_s=0.1, next_again_s=0.0
)


class LateClock:
    """Two months and a day from now, so that a certificate of today is due."""

    def __init__(self) -> None:
        self.ahead = timedelta(days=61)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    def is_set(self) -> bool:
        return True

    def is_wrong(self) -> bool:
        return False

    def hear(self, server_at: datetime) -> None:
        self.heard = server_at


@pytest.fixture
def tor(api: Any, signer: None) -> httpx.Client:
    client: httpx.Client = api.signed_in("tor")
    return client


def revoke(tor: httpx.Client) -> None:
    done(send(tor, "/gateways/gw-new/revoke", why="stolen"))


@pytest.fixture
def identity(api: Any, town: Any, tor: httpx.Client, tmp_path: Path) -> Identity:
    """Of a gateway that enrolled by `openssl` alone."""
    box, client = Box(directory=tmp_path / "box"), api.client()
    ticket = done(box.asks(client))["ticket"]
    let_in(tor, town)
    issued = comes(client, ticket, "issued")
    given = {name: issued[name] for name in ("authority", "gateway", "bucket", "mqtt", "certificate")}
    return Identity(server=api.url, key=box.key.read_text(), **given)


@pytest.fixture
def files(tmp_path: Path, identity: Identity) -> IdentityFiles:
    (tmp_path / "data").mkdir()
    files = IdentityFiles(tmp_path / "data")
    files.begin(identity)
    return files


class Running:
    def __init__(self, files: IdentityFiles, patience: Patience = AT_ONCE) -> None:
        self.troubles, self.clock = Troubles(), LateClock()
        self.new, self.gone = asyncio.Event(), asyncio.Event()
        current = files.current()
        assert current is not None
        self.credentials = Credentials(
            current,
            files,
            self.clock,
            self.troubles,
            try_new=self.new.set,
            revoked=self.gone.set,
            patience=patience,
        )

    async def __aenter__(self) -> "Running":
        self._task = asyncio.create_task(self.credentials.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, event: asyncio.Event) -> None:
        async with asyncio.timeout(60):
            await event.wait()


async def until(what: Any) -> None:
    await asyncio.to_thread(await_true, what)


async def test_a_new_certificate_is_used_and_the_old_one_kept_until_it_has_connected(town, identity, files):
    async with Running(files) as gateway:
        await gateway.until(gateway.new)
        assert files.current() == identity
        wanted = files.next()
        assert wanted is not None and wanted.issued is not None
        assert wanted.issued.key != identity.key
        assert gateway.clock.heard < datetime.now(UTC) + timedelta(minutes=1)
        gateway.clock.ahead = timedelta()  # else the new one is due, too
        gateway.credentials.show()
        gateway.credentials.connected()
        await until(lambda: files.current() == wanted.issued and files.next() is None)


def assert_issued_for(key: str, files: IdentityFiles, directory: Path) -> None:
    """The next identity is of this key: in its file, and in the certificate as `openssl` reads it."""
    kept = files.next()
    assert kept is not None and kept.issued is not None
    assert kept.key == key == kept.issued.key
    certificate = directory / "own.pem"
    certificate.write_text(kept.issued.certificate)
    public = openssl("pkey", "-pubout", said=key.encode())
    assert openssl("x509", "-in", certificate, "-noout", "-pubkey") == public


async def test_after_a_power_cut_the_key_that_was_asked_for_is_asked_for_again(api, identity, files, tmp_path):
    await asyncio.to_thread(api.stop)
    async with Running(files):
        await until(lambda: files.next() is not None)
    asked = files.next()
    assert asked is not None and asked.issued is None
    assert mode(tmp_path / "data" / "identity-next.json") == 0o600
    await asyncio.to_thread(api.start)
    async with Running(files) as gateway:
        await gateway.until(gateway.new)
    assert_issued_for(asked.key, files, tmp_path)
    assert files.current() == identity


def test_after_a_power_cut_with_both_the_one_in_use_is_not_the_next(identity, files):
    """The new one was written in place of the old, and its own file not yet removed."""
    files.keep_next(Next(key=identity.key, csr=request(identity.key), issued=identity))
    assert files.next() is None
    key = new_key()
    files.keep_next(Next(key=key, csr=request(key), issued=msgspec.structs.replace(identity, key=key)))
    assert files.next() is not None


async def test_a_server_that_is_away_is_no_trouble_until_the_certificate_has_ended(api, identity, files):
    await asyncio.to_thread(api.stop)
    async with Running(files) as gateway:
        await until(lambda: files.next() is not None)
        assert gateway.troubles.sentences() == []
        gateway.clock.ahead = timedelta(days=91)
        await until(lambda: bool(gateway.troubles.sentences()))
        (sentence,) = gateway.troubles.sentences()
        assert "there is no new one: the server" in sentence and "enrol" not in sentence
        gateway.clock.ahead = timedelta(days=121)
        await until(lambda: gateway.troubles.sentences()[0].endswith("; enrol this gateway again"))
    await asyncio.to_thread(api.start)


async def test_who_is_revoked_notes_it_before_anything_else(tor, identity, files):
    await asyncio.to_thread(revoke, tor)
    async with Running(files) as gateway:
        await gateway.until(gateway.gone)
    revoked = files.revoked()
    assert revoked is not None and revoked.gateway == "gw-new"


def servers_of(town: Any, home: Path) -> Authority:
    """The server's own authority, for a certificate of the broker."""
    with psycopg.connect(town.owner) as conn:
        own = authority.ours(conn, Seals(bytes(32)), datetime.now(UTC))
    home.mkdir()
    (home / "ca.pem").write_text(own.certificate)
    (home / "ca.key").write_text(own.key)
    (home / "index.txt").touch()
    return Authority(home=home)


@contextmanager
def at_work(config: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    with (config.parent / "agent.log").open("w") as log, subprocess.Popen(command, stderr=log, text=True) as agent:
        try:
            yield agent
        finally:
            agent.send_signal(signal.SIGTERM)
            try:
                assert agent.wait(30) == 0, (config.parent / "agent.log").read_text()
            except subprocess.TimeoutExpired:
                agent.kill()
                raise


def test_a_gateway_that_is_killed_between_its_new_key_and_the_certificate_goes_on_with_that_key(
    api, town, tmp_path, own_place, free_port
):
    """Its broker trusts another authority now, so it asks for a new certificate at once; nobody signs until later."""
    own, files = Authority.made(tmp_path / "authority"), IdentityFiles(tmp_path / "data")
    config, log = tmp_path / "gateway.toml", tmp_path / "agent.log"
    config.write_text('data_dir = "data"\n')
    (tmp_path / "data").mkdir()
    with signing(town.owner):
        await_true(lambda: town.one("select count(*) from authority") == 1)
        given = enrolled(town, "gw-anna")
    ours = servers_of(town, tmp_path / "ours")
    files.begin(
        Identity(
            server=api.url,
            authority=ours.pem,
            gateway="gw-anna",
            bucket=0,
            mqtt=f"mqtts://127.0.0.1:{free_port}",
            key=given.key,
            certificate=given.pem,
        )
    )
    command = [sys.executable, "-m", "edge", "run", "--config", str(config)]
    waits = "select count(*) from enrolment where renews is not null and state = 'accepted'"
    with tls_broker(own_place / "nats", free_port, ours.server(), own.home / "ca.pem"):
        with log.open("w") as said, subprocess.Popen(command, stderr=said, text=True) as first:
            await_true(lambda: town.one(waits) == 1)
            kill(first)
        asked = files.next()
        assert asked is not None and asked.issued is None
        with signing(town.owner), at_work(config):
            await_true(lambda: (kept := files.next()) is not None and kept.issued is not None)
    assert_issued_for(asked.key, files, tmp_path)
    assert town.one("select count(*) from enrolment where renews is not null") == 1


def test_from_the_first_boot_to_the_day_it_is_stolen(api, town, tor, tmp_path, own_place, free_port):
    """Nothing but what came with the box; then a broker that lets it in, and shows it out."""
    own = servers_of(town, tmp_path / "authority")
    api.stop()
    api.gateway_mqtt = f"mqtts://127.0.0.1:{free_port}"
    api.start()
    config, data, log = tmp_path / "gateway.toml", tmp_path / "data", tmp_path / "agent.log"
    birth = Birth(server=api.url, authority=fingerprint(own.pem), code=CODE)
    (tmp_path / "birth.json").write_bytes(encode(birth))
    device = '[[devices]]\naddress = "C0:26:DF:01:23:46"\nprofile = "bthome_door"\n'
    config.write_text(f'birth = "birth.json"\ndata_dir = "data"\n{device}key = "{"ab" * 16}"\n')
    config.chmod(0o600)
    with nats(town.owner, own_place / "nats", free_port), at_work(config):
        await_true(lambda: "until a technician accepts the code" in log.read_text())
        let_in(tor, town)
        await_true(lambda: "connected to the broker" in log.read_text())
        assert (data / "outbox.db").exists()
        assert {path.name: mode(path) for path in data.glob("identity*")} == {"identity.json": 0o600}
        revoke(tor)
        await_true(lambda: "revoked by the server: everything of gw-new is removed here" in log.read_text())
    assert {path.name for path in data.iterdir()} == {"agent.lock", "revoked.json"}
    assert "ab" * 16 not in config.read_text()
    said = subprocess.run(
        [sys.executable, "-m", "edge", "status", "--config", str(config)], capture_output=True, text=True, check=False
    )
    assert said.returncode == 1
    assert "! Revoked by the server" in said.stdout
