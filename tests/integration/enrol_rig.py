"""A gateway that is no program of ours: its keys, requests and signatures are made by the command `openssl`."""

import base64
import contextlib
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import psycopg

from server.signing import Signer
from server.store import signals
from server.store.sealing import Seals
from tests.integration.care_rig import done, get, send
from tests.integration.monitor_rig import LIMIT_S, await_true

CODE, OTHER_CODE = "7K3M-9TQZ-2WXB", "1234-5678-9BCD"


def openssl(*arguments: str | Path, said: bytes = b"") -> bytes:
    """What it prints; what goes wrong is seen."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=said, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@dataclass(frozen=True, kw_only=True)
class Box:
    directory: Path
    code: str = CODE

    @property
    def key(self) -> Path:
        return self.directory / "key.pem"

    def make_key(self, curve: str = "prime256v1") -> None:
        self.directory.mkdir(exist_ok=True)
        openssl("ecparam", "-name", curve, "-genkey", "-noout", "-out", self.key)

    def request(self, subject: str = "/CN=anything") -> str:
        if not self.key.exists():
            self.make_key()
        csr = self.directory / "csr.pem"
        if not csr.exists():
            openssl("req", "-new", "-key", self.key, "-subj", subject, "-out", csr)
        return csr.read_text()

    def public_key(self) -> str:
        """SHA-256 of it."""
        der = openssl("pkey", "-in", self.key, "-pubout", "-outform", "DER")
        return openssl("dgst", "-sha256", "-r", said=der).decode().split()[0]

    def asks(self, client: httpx.Client, **other: Any) -> httpx.Response:
        wish = {"v": 1, "code": self.code, "csr": self.request(), "model": "Pi", "version": "0.1.0"} | other
        return client.post("/api/v1/enrolment", json=wish)

    def renews(self, client: httpx.Client, certificate: str, with_: "Box", *, at: int | None = None) -> httpx.Response:
        """With a new key, in another directory, and a proof by this one."""
        at = int(datetime.now(UTC).timestamp() * 1000) if at is None else at
        csr = with_.request()
        proof = openssl("dgst", "-sha256", "-sign", self.key, said=csr.encode() + b"\n" + str(at).encode())
        signature = base64.b64encode(proof).decode()
        wish = {"v": 1, "certificate": certificate, "csr": csr, "at": at, "signature": signature}
        return client.post("/api/v1/enrolment/renewal", json=wish)


def let_in(tor: httpx.Client, town: Any, *, name: str | None = "gw-new") -> dict[str, Any]:
    """The only one that waits, into Anna's home."""
    (waits,) = get(tor, "/enrolments")["enrolments"]
    said: dict[str, Any] = done(send(tor, f"/enrolments/{waits['id']}/accept", home=town.homes["anna"], name=name))
    return said


def standing(client: httpx.Client, ticket: str) -> dict[str, Any]:
    answer = client.post("/api/v1/enrolment/ticket", json={"v": 1, "ticket": ticket}).raise_for_status()
    said: dict[str, Any] = answer.json()
    return said


def comes(client: httpx.Client, ticket: str, state: str) -> dict[str, Any]:
    await_true(lambda: standing(client, ticket)["state"] == state)
    return standing(client, ticket)


@contextmanager
def signing(owner: str, *, seals: Seals | None = None, command: str | None = None, **other: Any) -> Iterator[Signer]:
    """The thread of the clock role, with an authority, which it makes."""
    now = other.get("now", lambda: datetime.now(UTC))
    signer = Signer(dsn=owner, now=now, seals=seals or Seals(bytes(32)), command=command)
    thread = threading.Thread(target=signer.run)
    thread.start()
    try:
        yield signer
    finally:
        signer.stop()
        wake(owner)
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def wake(owner: str) -> None:
    """Whoever listens for news of trust, and would else notice at the next look that it is to stop."""
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(owner, autocommit=True) as conn:
        signals.send(conn, signals.Channel.TRUST)
