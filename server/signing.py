"""Signs what technicians have let in and what gateways renew: a thread of the clock role, the only one with the key.

With `authority_command` another program has the key: called with `authority` it prints its certificate, called with
`sign NAME` it reads a request and prints a certificate of that name for a TLS client, all in PEM.
"""

import logging
import shlex
import subprocess
from collections.abc import Callable
from datetime import datetime
from typing import Final

import psycopg

from server import pki
from server.errors import SealError, TrustError
from server.store import authority, enrolments, signals
from server.store.enrolments import Unsigned
from server.store.sealing import Seals
from server.store.standby import Standby

POLL_S: Final = 1.0
PROGRAM_LIMIT_S: Final = 30.0
BROKEN_S: Final = 30.0
ANSWER_MAX: Final = 65_536

log = logging.getLogger(__name__)


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

    def work(self, conn: psycopg.Connection) -> None:
        signals.listen(conn, [signals.Channel.TRUST])
        try:
            sign = self._with_program(conn) if self._command is not None else self._with_key(conn)
        except (SealError, TrustError) as error:
            log.error("no gateway can be let in: %s", error)
            self._stopping.wait(BROKEN_S)
            return
        while not self._stopping.is_set():
            self._round(conn, sign)
            for _ in signals.wait(conn, POLL_S):
                pass

    def _round(self, conn: psycopg.Connection, sign: Callable[[Unsigned], pki.Issued]) -> None:
        for row in enrolments.unsigned(conn, self._now()):
            if self._stopping.is_set():
                return
            try:
                enrolments.issued(conn, row, sign(row))
            except TrustError as error:
                log.error("gateway %s has no certificate: %s", row.gateway, error)
                enrolments.put_off(conn, row, str(error), self._now())

    def _with_key(self, conn: psycopg.Connection) -> Callable[[Unsigned], pki.Issued]:
        if self._seals is None:
            raise TrustError("There is no key for what is sealed: set HJEMVAKT_PEOPLE_KEY to its file.")
        ours = authority.ours(conn, self._seals, self._now())
        return lambda row: pki.issue(ours, row.csr, row.gateway, self._now())

    def _with_program(self, conn: psycopg.Connection) -> Callable[[Unsigned], pki.Issued]:
        theirs = self._ask("authority")
        authority.of_another_program(conn, theirs, self._now())

        def sign(row: Unsigned) -> pki.Issued:
            issued = pki.read(self._ask("sign", row.gateway, said=row.csr))
            pki.check(issued, row.csr, row.gateway, theirs)
            return issued

        return sign

    def _ask(self, *words: str, said: str = "") -> str:
        assert self._command is not None, "else nobody asks it"
        try:
            done = subprocess.run(
                [*shlex.split(self._command), *words],
                input=said,
                capture_output=True,
                text=True,
                timeout=PROGRAM_LIMIT_S,
                check=False,
            )
        except (OSError, ValueError, subprocess.TimeoutExpired) as error:
            raise TrustError(f"The authority's program cannot be asked: {error}.") from error
        if done.returncode != 0 or len(done.stdout) > ANSWER_MAX:
            why = " ".join(done.stderr.split())[:200] or f"it ended with {done.returncode}"
            raise TrustError(f"The authority's program did not answer: {why}.")
        return done.stdout
