"""An authority, servers and certificates of the command `openssl`, and a broker and an HTTPS door that use them."""

import asyncio
import contextlib
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from edge.identity import Identity, new_key, request
from server.roles.broker import shipped_broker
from tests.integration.enrol_rig import openssl
from tests.integration.monitor_rig import await_true
from tests.ports import listens

GATEWAY, BUCKET = "hv-line", 7
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
# openssl-ca(1): the only command of OpenSSL 3.0 that makes a certificate of any begin and end
CA_CONFIG = """[ca]
default_ca = own
[own]
database = {home}/index.txt
new_certs_dir = {home}
certificate = {home}/ca.pem
private_key = {home}/ca.key
default_md = sha256
policy = any
rand_serial = yes
unique_subject = no
[any]
commonName = supplied
[server]
subjectAltName = {names}
extendedKeyUsage = serverAuth
[client]
extendedKeyUsage = clientAuth
"""


@dataclass(frozen=True, kw_only=True)
class Authority:
    home: Path

    @classmethod
    def made(cls, home: Path) -> "Authority":
        home.mkdir()
        key, certificate = home / "ca.key", home / "ca.pem"
        openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key)
        openssl("req", "-x509", "-new", "-key", key, "-subj", "/CN=test authority", "-days", "30", "-out", certificate)
        (home / "index.txt").touch()
        return cls(home=home)

    @property
    def pem(self) -> str:
        return (self.home / "ca.pem").read_text()

    @property
    def fingerprint(self) -> str:
        return sha256(openssl("x509", "-in", self.home / "ca.pem", "-outform", "DER")).hexdigest()

    def signs(
        self, csr: str, name: str, *, use: str = "client", names: str = "IP:127.0.0.1", begins: datetime, ends: datetime
    ) -> str:
        config, asked, out = self.home / "ca.cnf", self.home / "asked.csr", self.home / "out.pem"
        config.write_text(CA_CONFIG.format(home=self.home, names=names))
        asked.write_text(csr)
        life = ("-startdate", f"{begins:%Y%m%d%H%M%SZ}", "-enddate", f"{ends:%Y%m%d%H%M%SZ}")
        how = ("-batch", "-notext", "-extensions", use, "-subj", f"/CN={name}")
        openssl("ca", "-config", config, *how, *life, "-in", asked, "-out", out)
        return out.read_text()

    def server(self, *, names: str = "IP:127.0.0.1", begins: datetime = NOW - DAY, ends: datetime = NOW + DAY) -> Path:
        """Key and certificate in one file."""
        key = new_key()
        certificate = self.signs(request(key), "server", use="server", names=names, begins=begins, ends=ends)
        path = self.home / f"server-{sha256(certificate.encode()).hexdigest()[:8]}.pem"
        path.write_text(certificate + key)
        return path

    def identity(
        self,
        *,
        server: str = "http://127.0.0.1:1",
        mqtt: str = "mqtts://127.0.0.1:1",
        name: str = GATEWAY,
        begins: datetime = NOW - DAY,
        ends: datetime = NOW + 89 * DAY,
        trusts: "Authority | None" = None,
    ) -> Identity:
        key = new_key()
        return Identity(
            server=server,
            authority=(trusts or self).pem,
            gateway=name,
            bucket=BUCKET,
            mqtt=mqtt,
            key=key,
            certificate=self.signs(request(key), name, begins=begins, ends=ends),
        )


@contextmanager
def tls_broker(home: Path, port: int, server: Path, clients: Path) -> Iterator[int]:
    """nats-server with MQTT over TLS, for whoever shows a certificate of `clients`."""
    home.mkdir(exist_ok=True)
    tls = {"cert_file": str(server), "key_file": str(server), "ca_file": str(clients), "verify": True, "timeout": 10}
    settings = {
        "server_name": "test",
        "host": "127.0.0.1",
        "port": _free(),
        "log_file": str(home / "nats.log"),
        "jetstream": {"store_dir": str(home)},
        "mqtt": {"host": "127.0.0.1", "port": port, "tls": tls},
    }
    (home / "nats.conf").write_text(json.dumps(settings))
    broker = subprocess.Popen([shipped_broker(), "--config", home / "nats.conf"])
    try:
        await_true(lambda: listens(port) or broker.poll() is not None)
        assert broker.poll() is None, (home / "nats.log").read_text()
        yield broker.pid
    finally:
        broker.terminate()
        broker.wait(30)


@asynccontextmanager
async def https_door(certificate: Path, behind: int) -> AsyncIterator[int]:
    """TLS ends here, as at any proxy; what is behind speaks plain HTTP on loopback. The door's port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        with contextlib.suppress(asyncio.CancelledError):  # by us, at the end
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", behind)
            await asyncio.gather(_copy(reader, inner_writer), _copy(inner_reader, writer), return_exceptions=True)

    door = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield int(door.sockets[0].getsockname()[1])
    finally:
        door.close()
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while content := await reader.read(65_536):
            writer.write(content)
            await writer.drain()
    finally:
        writer.close()


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def _free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def kill(process: "subprocess.Popen[str]") -> None:
    process.kill()
    process.wait(30)
