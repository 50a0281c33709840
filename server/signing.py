"""Signs what technicians have let in, what gateways renew and what our own parts ask for: a thread of the clock role,
the only one with the key.

With `authority_command` another program has the key: called with `authority` it prints its certificate, with
`sign NAME` or `serve NAME HOST...` it reads a request and prints a certificate of that name for a TLS client or server,
with `revoke` it reads serials and prints the list of what is revoked; all in PEM. A new authority of its own beside the
old one it prints before it, and both lists; which of the two shall sign, HJEMVAKT_SIGN_BY tells it by its fingerprint.

Where a new authority stands beside the old one, gateways are signed by the new one, our own parts by the old one,
which everybody trusts; when nobody needs the old one any more it ends.
"""

import logging
import os
import shlex
import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, Protocol

import psycopg

from server import pki
from server.doors import BROKER
from server.errors import SealError, TrustError
from server.store import authority, enrolments, parts, signals
from server.store.sealing import Seals
from server.store.standby import Standby

POLL_S: Final = 1.0
QUIET_S: Final = 0.01  # most of what is heard here was said here
PROGRAM_LIMIT_S: Final = 30.0
BROKEN_S: Final = 30.0
ANSWER_MAX: Final = 1 << 20
LIST_AGAIN: Final = timedelta(days=1)
TURN_AGAIN: Final = timedelta(seconds=10)
ASK_AGAIN: Final = timedelta(minutes=1)
SIGN_BY: Final = "HJEMVAKT_SIGN_BY"

log = logging.getLogger(__name__)


class Signs(Protocol):
    """Every method may raise TrustError: why not."""

    def sign_gateway(self, csr: str, name: str, by: str) -> pki.Issued: ...
    def sign_part(self, csr: str, name: str, hosts: Sequence[str]) -> pki.Issued: ...
    def revoke(self, serials: Sequence[str]) -> str: ...
    def is_current(self, now: datetime) -> bool: ...


class Signer(Standby):
    name = "signer"
    lock = 0x686A656D7369676E  # "hjemsign"

    def __init__(
        self, *, dsn: str, now: Callable[[], datetime], seals: Seals | None, command: str | None = None
    ) -> None:
        """`seals` None: with a `command` none are needed."""
        super().__init__(dsn=dsn, now=now)
        self._seals = seals
        self._command = command
        self._no_list_until: datetime | None = None
        self._turned_at: datetime | None = None

    def work(self, conn: psycopg.Connection) -> None:
        signals.listen(conn, [signals.Channel.TRUST])
        try:
            signs = self._signs(conn)
        except (SealError, TrustError) as error:
            log.error("no gateway can be let in: %s", error)
            self._stopping.wait(BROKEN_S)
            return
        known = authority.find(conn)
        while not self._stopping.is_set() and authority.find(conn) == known and signs.is_current(self._now()):
            assert known is not None, "one always stands"
            self._sign_parts(conn, signs)
            self._sign_gateways(conn, signs, self._by(conn, known))
            enrolments.end_followed(conn, self._now())
            self._revoke(conn, signs, known)
            self._turn(conn, known)
            signals.settle(conn, POLL_S, QUIET_S)

    def _by(self, conn: psycopg.Connection, known: authority.Kept) -> authority.Standing:
        """Who signs gateways: the newest, as soon as a broker trusts it."""
        is_trusted = authority.is_trusted_by_brokers(conn, known.newest, BROKER, self._now())
        return known.newest if is_trusted else known.oldest

    def _turn(self, conn: psycopg.Connection, known: authority.Kept) -> None:
        """Gateways of an old authority come to the new one, and it ends when nobody needs it."""
        now = self._now()
        is_soon = self._turned_at is not None and now < self._turned_at + TURN_AGAIN
        if len(known.standing) == 1 or is_soon or self._by(conn, known) != known.newest:
            return
        self._turned_at = now
        authority.tell_to_renew(conn, known.newest, now)
        if not authority.needing(conn, known.oldest, now) and authority.end(conn, known.oldest, now):
            log.warning("the old authority has ended: nobody needed it any more")

    def _signs(self, conn: psycopg.Connection) -> Signs:
        if self._command is not None:
            program = Program(self._command, self._now())
            program.stand(authority.of_another_program(conn, program.certificates, self._now()))
            return program
        if self._seals is None:
            raise TrustError("There is no key for what is sealed: set HJEMVAKT_PEOPLE_KEY to its file.")
        return Ours(authority.all_of_ours(conn, self._seals, self._now()), self._now)

    def _sign_gateways(self, conn: psycopg.Connection, signs: Signs, by: authority.Standing) -> None:
        for row in enrolments.unsigned(conn, self._now()):
            if self._stopping.is_set():
                return
            try:
                enrolments.issued(conn, row, signs.sign_gateway(row.csr, row.gateway, by.certificate), by.id)
            except TrustError as error:
                log.error("gateway %s has no certificate: %s", row.gateway, error)
                enrolments.put_off(conn, row, str(error), self._now())

    def _sign_parts(self, conn: psycopg.Connection, signs: Signs) -> None:
        parts.forget(conn, self._now())
        for asking in parts.unsigned(conn, self._now()):
            if self._stopping.is_set():
                return
            try:
                parts.signed(conn, asking, signs.sign_part(asking.csr, asking.name, asking.hosts).pem)
            except TrustError as error:
                log.error("%s has no certificate: %s", asking.name, error)
                parts.put_off(conn, asking, str(error), self._now())

    def _revoke(self, conn: psycopg.Connection, signs: Signs, known: authority.Kept) -> None:
        """A new list when there is news, and each day, so that it never ends."""
        now = self._now()
        if self._no_list_until is not None and now < self._no_list_until:
            return
        serials = sorted(each.serial for each in enrolments.revoked(conn, now))
        kept, of = parts.revocation_list(conn), parts.digest(serials)
        since = max(each.made_at for each in known.standing)
        if kept is not None and kept.of == of and since <= kept.made_at and now < kept.made_at + LIST_AGAIN:
            return
        try:
            parts.keep_list(conn, signs.revoke(serials), of, now)
            self._no_list_until = None
        except TrustError as error:
            log.error("brokers that read a list of what is revoked get none: %s", error)
            self._no_list_until = now + timedelta(seconds=BROKEN_S)


class Ours:
    """The newest first."""

    def __init__(self, own: Sequence[pki.Authority], now: Callable[[], datetime]) -> None:
        self._own, self._now = own, now

    def sign_gateway(self, csr: str, name: str, by: str) -> pki.Issued:
        (signer,) = (each for each in self._own if each.certificate == by)
        return pki.issue(signer, csr, name, self._now())

    def sign_part(self, csr: str, name: str, hosts: Sequence[str]) -> pki.Issued:
        return pki.issue(self._own[-1], csr, name, self._now(), hosts)

    def revoke(self, serials: Sequence[str]) -> str:
        """One list of each."""
        return "".join(pki.revocation_list(each, serials, self._now()) for each in self._own)

    def is_current(self, now: datetime) -> bool:
        return True


class Program:
    """TrustError at once: it cannot be asked for its certificate."""

    def __init__(self, command: str, now: datetime) -> None:
        self._command = command
        self._asked_at = now
        self._oldest = ""
        self.certificates = self._ask("authority")

    def stand(self, kept: authority.Kept) -> None:
        """What is trusted here, whatever else it prints."""
        self._oldest = kept.oldest.certificate

    def sign_gateway(self, csr: str, name: str, by: str) -> pki.Issued:
        return self._sign(csr, name, by)

    def sign_part(self, csr: str, name: str, hosts: Sequence[str]) -> pki.Issued:
        return self._sign(csr, name, self._oldest, hosts)

    def revoke(self, serials: Sequence[str]) -> str:
        return self._ask("revoke", said="".join(f"{serial}\n" for serial in serials))

    def is_current(self, now: datetime) -> bool:
        """False: it has another certificate than it had. One that does not answer has the same."""
        if now < self._asked_at + ASK_AGAIN:
            return True
        self._asked_at = now
        try:
            return self._ask("authority") == self.certificates
        except TrustError as error:
            log.warning("%s", error)
            return True

    def _sign(self, csr: str, name: str, by: str, hosts: Sequence[str] = ()) -> pki.Issued:
        """By this one of its authorities: a gateway that knows only the old one would not believe another."""
        words = ("serve", name, *hosts) if hosts else ("sign", name)
        issued = pki.read(self._ask(*words, said=csr, by=by))
        pki.check(issued, csr, name, by, hosts)
        return issued

    def _ask(self, *words: str, said: str = "", by: str = "") -> str:
        told = {SIGN_BY: pki.fingerprint(by)} if by else {}
        try:
            done = subprocess.run(
                [*shlex.split(self._command), *words],
                input=said,
                capture_output=True,
                text=True,
                timeout=PROGRAM_LIMIT_S,
                env={**os.environ, **told},
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise TrustError(f"The authority's program cannot be asked: {error}.") from error
        if done.returncode != 0 or len(done.stdout) > ANSWER_MAX:
            why = " ".join(done.stderr.split())[:200] or f"it ended with {done.returncode}"
            raise TrustError(f"The authority's program did not answer: {why}.")
        return done.stdout
