"""The certificate of one of our own parts. Its key is made here and stays here; the clock role signs."""

import logging
import os
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import msgspec
import psycopg
from psycopg import Connection

from devices.wire.codec import encode
from devices.wire.messages import COMMANDS, Command, to_sign
from devices.wire.messages import Proof as Proven
from server import pki
from server.errors import TrustError
from server.store import authority, parts, pool, signals

ASK_LIMIT_S: Final = 15.0
LOOK_S: Final = 1.0
AGAIN_S: Final = 30.0
COMMANDS_LIMIT_S: Final = 5.0  # a lamp at home waits for what is said next

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """All in PEM; `authority`: who signed it, and whom we trust."""

    certificate: str
    key: str = field(repr=False)
    authority: str

    def is_due(self, now: datetime) -> bool:
        """From two thirds of its life on."""
        issued = pki.read(self.certificate)
        return now >= issued.not_before + (issued.not_after - issued.not_before) * 2 / 3


def _nothing_else() -> None:
    pass


def obtain(
    conn: Connection,
    name: str,
    hosts: Sequence[str],
    now: Callable[[], datetime],
    limit_s: float = ASK_LIMIT_S,
    meanwhile: Callable[[], None] = _nothing_else,
) -> Held:
    """With a new key. `conn` is in autocommit mode. `meanwhile`: what else is to be done while it waits, at each word
    about trust and each second. TrustError: there is none within the limit."""
    key = pki.new_key()
    csr = pki.request(key)
    asking = parts.Asking(name=name, key=pki.key_of(csr), csr=csr, hosts=hosts)
    signals.listen(conn, [signals.Channel.TRUST])
    parts.ask(conn, asking, now())
    end, why = time.monotonic() + limit_s, "does the role clock run?"
    while time.monotonic() < end:
        answer = parts.answer(conn, asking)
        if answer is not None and answer.certificate is not None:
            known = authority.find(conn)
            assert known is not None, "it has signed"
            return Held(certificate=answer.certificate, key=key, authority=known.certificate)
        why = answer.fault if answer is not None and answer.fault else why
        for _ in signals.wait(conn, LOOK_S):
            pass
        meanwhile()
    raise TrustError(f"Nobody has signed a certificate for {name} within {limit_s:.0f} s: {why}")


class Proof:
    """What a part shows to the broker: asked for at the first connection, and again when it is due."""

    def __init__(self, *, dsn: str, name: str, now: Callable[[], datetime]) -> None:
        self._dsn, self._name, self._now = dsn, name, now
        self._held: Held | None = None

    def __call__(self) -> ssl.SSLContext:
        """Where there is no authority of ours, only the broker proves itself. While the database is gone the one that
        is held has to do."""
        try:
            with closing(pool.connect(self._dsn, name=self._name, autocommit=True)) as conn:
                known = authority.find(conn)
                if known is None:
                    return _trusting(None)
                if self._held is None or self._held.authority != known.certificate or self._held.is_due(self._now()):
                    self._held = obtain(conn, self._name, (), self._now)
        except (psycopg.Error, TrustError):
            if self._held is None or self._held.is_due(self._now()):
                raise
        return showing(self._held)


class CommandProof:
    """Puts the proof to commands of gateways. While there is none to be had they go out without, for older gateways
    ask for none and newer ones wait for the next time that it is said."""

    def __init__(self, *, dsn: str, now: Callable[[], datetime]) -> None:
        self._dsn, self._now = dsn, now
        self._held: Held | None = None
        self._look_at = 0.0

    def __call__(self, command: Command) -> Command:
        if time.monotonic() >= self._look_at:
            self._look()
        if self._held is None:
            return command
        content = encode(command).decode()
        signature = pki.sign(self._held.key, to_sign(content))
        proof = Proven(content=content, certificate=self._held.certificate, signature=signature)
        return msgspec.structs.replace(command, proof=proof)

    def _look(self) -> None:
        self._look_at = time.monotonic() + AGAIN_S
        try:
            with closing(pool.connect(self._dsn, name=COMMANDS, autocommit=True)) as conn:
                known = authority.find(conn)
                if known is not None and not self._is_good(known.certificate):
                    self._held = obtain(conn, COMMANDS, (), self._now, COMMANDS_LIMIT_S)
        except (TrustError, psycopg.Error) as error:
            log.error("gateways are told what to do without a new proof: %s", error)

    def _is_good(self, trusted: str) -> bool:
        held = self._held
        return held is not None and held.authority == trusted and not held.is_due(self._now())


def showing(held: Held) -> ssl.SSLContext:
    """To a broker that our authority, or one that this machine trusts, vouches for."""
    context = _trusting(held.authority)
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)  # `load_cert_chain` reads nothing but files
    with os.fdopen(descriptor, "wb") as memory:
        memory.write(f"{held.certificate}\n{held.key}".encode())
        memory.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")
    return context


def _trusting(ours: str | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ours is not None:
        context.load_verify_locations(cadata=ours)
    return context
