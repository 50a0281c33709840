"""The certificate of a running gateway: shown at each connection, renewed in time, and given up when we are revoked."""

import asyncio
import logging
import random
import ssl
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from devices.wire.columns import from_millis
from devices.wire.enrolment import EnrolAnswer, State
from edge.core.health import Troubles
from edge.core.trust import LATE, Choice, Patience, Renewal
from edge.enrol import renew
from edge.errors import ConfigError, EnrolmentRefused, IdentityError, ServerAway
from edge.identity import (
    Identity,
    IdentityFiles,
    Next,
    Revoked,
    identity_of,
    new_key,
    request,
    showing,
)
from edge.ports import Clock

LOOK_S: Final = 10.0
SUBJECT: Final = "certificate"

log = logging.getLogger(__name__)


class Credentials:
    """`try_new` makes a new connection. `revoked` is called once, after it was noted on the disk."""

    def __init__(
        self,
        identity: Identity,
        files: IdentityFiles,
        clock: Clock,
        troubles: Troubles,
        *,
        try_new: Callable[[], None],
        revoked: Callable[[], None],
        patience: Patience | None = None,
    ) -> None:
        self._identity, self._files = identity, files
        self._next = files.next()
        self._clock, self._troubles = clock, troubles
        self._try_new, self._revoked = try_new, revoked
        self._dice = random.Random()
        self._choice = Choice(patience)
        newest = identity if self._next is None or self._next.issued is None else self._next.issued
        self._renewal = Renewal(newest.life(), clock.monotonic_s(), self._dice.random(), patience)
        self._has_connected = False  # with the next one, which is not noted on the disk yet
        self._look = asyncio.Event()
        self.shown = ""  # the serial of what the newest connection was opened with

    @property
    def ends(self) -> datetime:
        return self._identity.life().ends

    @property
    def identity(self) -> Identity:
        return self._identity

    @property
    def authority(self) -> str:
        """Whom we trust: the newest word of it."""
        new = None if self._next is None else self._next.issued
        return self._identity.authority if new is None else new.authority

    @property
    def signs(self) -> bool:
        """The server proves its commands."""
        new = None if self._next is None else self._next.issued
        return self._identity.signs or (new is not None and new.signs)

    def renew_now(self) -> None:
        """Whether or not it is time."""
        self._renewal.wanted(self._clock.monotonic_s())
        self._look.set()

    @property
    def begins(self) -> datetime:
        """It is later than this."""
        return self._identity.life().begins

    def show(self) -> ssl.SSLContext:
        """For a new connection."""
        new = None if self._next is None else self._next.issued
        chosen = self._choice.choose(new is not None, self._clock.monotonic_s())
        identity = new if chosen and new is not None else self._identity
        self.shown = identity.serial()
        return showing(identity, checks_time=self._knows_time())

    def connected(self) -> None:
        self._renewal.connected()
        self._troubles.end(SUBJECT)
        self._has_connected = self._choice.shows_next
        self._look.set()

    def refused(self, why: str) -> None:
        """The broker does not take what `show` gave."""
        sentence = f"{why} (it is good until {self.ends:%Y-%m-%d %H:%M} UTC): asking the server for a new one"
        if self._troubles.begin(SUBJECT, sentence):
            log.error("%s", sentence)
        self._renewal.doubted()
        self._look.set()

    def came_to_nothing(self) -> None:
        """The connection never was a line."""
        self._choice.came_to_nothing(self._clock.monotonic_s())

    async def run(self) -> None:
        while True:
            self._look.clear()
            if self._has_connected:
                await self._use_next()
            if self._renewal.is_due(self._clock.now(), self._clock.monotonic_s()) and await self._ask():
                return
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._look.wait()
            except TimeoutError:
                continue

    async def _use_next(self) -> None:
        new = None if self._next is None else self._next.issued
        if new is not None:
            self._identity = new  # whatever the disk can do: the server takes no other from now on
            try:
                await asyncio.to_thread(self._files.use_next, new)
            except OSError as error:
                log.warning("cannot write down which certificate is in use: %s", error.strerror)
                return
            self._next = None
            log.info("the new certificate is in use, good until %s", f"{self.ends:%Y-%m-%d %H:%M} UTC")
        self._has_connected = False

    async def _ask(self) -> bool:
        """True: we are revoked."""
        try:
            wanted = await asyncio.to_thread(self._wanted)
            answer = await renew(self._identity, wanted, self._clock.now(), checks_time=self._knows_time())
            if answer.at is not None:
                self._clock.hear(from_millis(answer.at))
            return await self._take(wanted, answer)
        except (ServerAway, EnrolmentRefused, IdentityError, ConfigError, OSError) as error:
            self._came_to_nothing(str(error))
            return False

    def _wanted(self) -> Next:
        """A new key, on the disk before anybody hears of it. One that was asked for and not answered is asked again."""
        if self._next is None or self._next.issued is not None:
            key = new_key()
            wanted = Next(key=key, csr=request(key))
            self._files.keep_next(wanted)
            self._next = wanted
        return self._next

    async def _take(self, wanted: Next, answer: EnrolAnswer) -> bool:
        why = answer.why or ""
        match answer.state:
            case State.REVOKED:
                await asyncio.to_thread(self._note_revoked, why)
                self._revoked()
                return True
            case State.ISSUED:
                await self._keep(wanted, answer)
            case _:
                self._came_to_nothing(f"the server says {answer.state}: {why}")
        return False

    async def _keep(self, wanted: Next, answer: EnrolAnswer) -> None:
        new = identity_of(answer, wanted.key, self._identity.server, self._identity.authority)
        if new.gateway != self._identity.gateway:
            raise IdentityError(f"the new certificate is for {new.gateway}")
        issued = msgspec.structs.replace(wanted, issued=new)
        await asyncio.to_thread(self._files.keep_next, issued)
        self._next = issued
        self._troubles.end(SUBJECT)
        self._choice.renewed()
        self._renewal.issued(new.life(), self._clock.monotonic_s(), self._dice.random())
        log.info("the server gave a new certificate, good until %s", f"{new.life().ends:%Y-%m-%d %H:%M} UTC")
        self._try_new()

    def _note_revoked(self, why: str) -> None:
        self._files.note_revoked(Revoked(gateway=self._identity.gateway, at=self._clock.now(), why=why))

    def _came_to_nothing(self, why: str) -> None:
        """Told when somebody has to do something: before that there is a month to try."""
        self._renewal.failed(self._clock.monotonic_s(), self._dice.random())
        if self._clock.now() < self.ends and SUBJECT not in self._troubles:
            log.warning("no new certificate yet: %s", why)
            return
        remedy = "" if self._clock.now() < self.ends + LATE else "; enrol this gateway again"
        sentence = f"our certificate ends {self.ends:%Y-%m-%d %H:%M} UTC, and there is no new one: {why}{remedy}"
        if self._troubles.begin(SUBJECT, sentence):
            log.error("%s", sentence)

    def _knows_time(self) -> bool:
        """Whether the machine's clock, by which TLS judges, is right."""
        return self._clock.is_set() and not self._clock.is_wrong()
