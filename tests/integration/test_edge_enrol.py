"""From a box to a gateway at work and back, over the server's real routes; `openssl` looks at what comes out."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from devices.wire.enrolment import Birth, encode
from edge.core.trust import Waiting, WaitingPace
from edge.enrol import enrol
from edge.errors import EnrolmentRefused
from edge.identity import Identity, IdentityFiles
from server.pki import fingerprint
from tests.integration.care_rig import done, get, send
from tests.integration.edge_trust_rig import DAY, NOW, Authority, https_door, kill, mode
from tests.integration.enrol_rig import CODE, let_in, openssl

pytestmark = pytest.mark.integration

FAST = WaitingPace(first_s=0.05, cap_s=0.2, longest_s=0.2)


@pytest.fixture
def tor(api: Any, signer: None) -> httpx.Client:
    """The technician of the eastern team."""
    client: httpx.Client = api.signed_in("tor")
    return client


def authority_of(town: Any) -> str:
    return str(town.one("select certificate from authority"))


def box(api: Any, town: Any, *, server: str = "", code: str = CODE, authority: str = "") -> Birth:
    return Birth(server=server or api.url, authority=authority or fingerprint(authority_of(town)), code=code)


class Gateway:
    """What `hjemvakt-gateway enrol` does, inside the test."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(exist_ok=True)
        self.directory, self.files = directory, IdentityFiles(directory)
        self.told: list[str] = []
        self._telling = asyncio.Event()

    def tell(self, sentence: str) -> None:
        self.told.append(sentence)
        self._telling.set()

    async def enrols(self, birth: Birth, *, is_clock_right: bool = True) -> Identity:
        return await enrol(
            birth,
            self.files,
            model="Test",
            version="0",
            is_clock_right=lambda: is_clock_right,
            tell=self.tell,
            waiting=Waiting(FAST),
        )

    async def until_told(self, words: str) -> None:
        async with asyncio.timeout(30):
            while not any(words in sentence for sentence in self.told):
                self._telling.clear()
                await self._telling.wait()


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path / "data")


async def accepted(gateway: Gateway, birth: Birth, tor: httpx.Client, town: Any, **how: Any) -> Identity:
    async with asyncio.TaskGroup() as group:
        enrolling = group.create_task(gateway.enrols(birth, **how))
        await gateway.until_told("until a technician accepts the code")
        await asyncio.to_thread(let_in, tor, town)
    return enrolling.result()


async def test_a_box_becomes_a_gateway_whose_key_never_left_it(api, town, tor, gateway, tmp_path):
    identity = await accepted(gateway, box(api, town), tor, town)
    assert (identity.gateway, identity.bucket, identity.mqtt) == ("gw-new", 0, api.gateway_mqtt)
    (tmp_path / "ca.pem").write_text(authority_of(town))
    (tmp_path / "own.pem").write_text(identity.certificate)
    openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", tmp_path / "ca.pem", tmp_path / "own.pem")
    of_key = openssl("pkey", "-pubout", said=identity.key.encode())
    assert openssl("x509", "-in", tmp_path / "own.pem", "-noout", "-pubkey") == of_key
    assert town.one("select count(*) from enrolment where csr like '%%PRIVATE%%'") == 0
    assert [path.name for path in gateway.directory.iterdir()] == ["identity.json"]
    assert mode(gateway.directory / "identity.json") == 0o600


async def test_a_gateway_that_was_off_while_it_waited_is_the_same_one_afterwards(api, town, tor, gateway):
    waiting = asyncio.create_task(gateway.enrols(box(api, town)))
    await gateway.until_told("until a technician accepts the code")
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    claim = gateway.files.claim()
    again = Gateway(gateway.directory)
    identity = await accepted(again, box(api, town), tor, town)
    assert claim is not None and identity.key == claim.key
    assert town.one("select count(*) from enrolment") == 1


def test_a_gateway_killed_while_it_waits_is_the_same_one_afterwards(api, town, tor, gateway, tmp_path):
    config, birth = tmp_path / "gateway.toml", tmp_path / "birth.json"
    config.write_text('data_dir = "data"\n')
    birth.write_bytes(encode(box(api, town)))
    command = [sys.executable, "-m", "edge", "enrol", "--config", str(config), "--birth", str(birth)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        assert "until a technician accepts" in first.stdout.readline()
        kill(first)
    assert mode(gateway.directory / "claim.json") == 0o600
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as second:
        assert second.stdout is not None
        assert "until a technician accepts" in second.stdout.readline()
        let_in(tor, town)
        said, _ = second.communicate(timeout=60)
    assert (second.returncode, said) == (0, "accepted as gw-new\n")
    assert gateway.files.current() is not None


async def test_an_authority_with_another_fingerprint_gets_nothing_and_a_sentence(api, town, tor, gateway):
    with pytest.raises(EnrolmentRefused, match=r"another fingerprint than .*somebody stands between.*Nothing was sent"):
        await gateway.enrols(box(api, town, authority="0" * 64))
    assert town.one("select count(*) from enrolment") == 0


async def test_who_is_refused_hears_why(api, town, tor, gateway):
    enrolling = asyncio.create_task(gateway.enrols(box(api, town)))
    await gateway.until_told("until a technician accepts the code")

    def refuse() -> None:
        (waits,) = get(tor, "/enrolments")["enrolments"]
        done(send(tor, f"/enrolments/{waits['id']}/refuse", why="Ikke vår boks"))

    await asyncio.to_thread(refuse)
    with pytest.raises(EnrolmentRefused, match="the server does not take this gateway: Ikke vår boks"):
        await enrolling


async def test_a_server_that_is_away_is_waited_for(api, town, tor, gateway):
    birth = box(api, town)
    await asyncio.to_thread(api.stop)
    enrolling = asyncio.create_task(gateway.enrols(birth))
    await gateway.until_told("does not answer (")
    await asyncio.to_thread(api.start)
    await gateway.until_told("until a technician accepts the code")
    await asyncio.to_thread(let_in, api.signed_in("tor"), town)
    assert (await enrolling).gateway == "gw-new"


async def test_https_is_believed_when_it_is_who_the_machine_trusts(api, town, tor, gateway, tmp_path, monkeypatch):
    public = Authority.made(tmp_path / "public")
    monkeypatch.setenv("SSL_CERT_FILE", str(public.home / "ca.pem"))
    async with https_door(public.server(), api.port) as port:
        identity = await accepted(gateway, box(api, town, server=f"https://127.0.0.1:{port}"), tor, town)
    assert identity.gateway == "gw-new"


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"names": "DNS:other.example.org"}, "its certificate is for another name: is the address right?"),
        ({"ends": NOW - DAY / 2}, "its certificate has ended by our clock: is the time of this machine right?"),
        ({"begins": NOW + DAY / 2}, "its certificate is not valid yet by our clock"),
    ],
)
async def test_https_that_is_not_right_is_a_sentence(api, town, tor, gateway, tmp_path, monkeypatch, how, sentence):
    public = Authority.made(tmp_path / "public")
    monkeypatch.setenv("SSL_CERT_FILE", str(public.home / "ca.pem"))
    async with https_door(public.server(**how), api.port) as port:
        enrolling = asyncio.create_task(gateway.enrols(box(api, town, server=f"https://127.0.0.1:{port}")))
        await gateway.until_told(sentence)
        enrolling.cancel()
        await asyncio.gather(enrolling, return_exceptions=True)
    assert town.one("select count(*) from enrolment") == 0


async def test_https_of_a_stranger_gets_no_code(api, town, tor, gateway, tmp_path, monkeypatch):
    stranger = Authority.made(tmp_path / "stranger")
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    async with https_door(stranger.server(), api.port) as port:
        enrolling = asyncio.create_task(gateway.enrols(box(api, town, server=f"https://127.0.0.1:{port}")))
        await gateway.until_told("nobody whom we trust vouches for it")
        enrolling.cancel()
        await asyncio.gather(enrolling, return_exceptions=True)
    assert town.one("select count(*) from enrolment") == 0


async def test_a_gateway_whose_clock_nobody_has_set_can_enrol(api, town, tor, gateway, tmp_path, monkeypatch):
    """By its clock the server's certificate has not begun, or has ended long ago."""
    public = Authority.made(tmp_path / "public")
    monkeypatch.setenv("SSL_CERT_FILE", str(public.home / "ca.pem"))
    async with https_door(public.server(begins=NOW + DAY / 2), api.port) as port:
        birth = box(api, town, server=f"https://127.0.0.1:{port}")
        assert (await accepted(gateway, birth, tor, town, is_clock_right=False)).gateway == "gw-new"


async def test_a_server_without_https_is_only_believed_on_this_machine(api, town, tor, gateway):
    with pytest.raises(EnrolmentRefused, match="is not https"):
        await gateway.enrols(box(api, town, server="http://192.0.2.1:8000"))
