"""The server's commands: whether they are to be believed, that they are carried out once, and what became of them."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from devices.errors import WireError
from devices.wire import codec
from devices.wire.columns import to_millis
from devices.wire.messages import Answer, Command
from edge.core.commands import KEPT_ITSELF, WITH_PROOF, Commands, Kept, Verdict
from edge.core.health import Troubles
from edge.errors import IdentityError
from edge.files import write_whole
from edge.identity import believed
from edge.ports import Clock

NAME: Final = "commands.json"
SUBJECT: Final = "commands"
WAITING_MAX: Final = 32  # more are said again by the server
LONGEST_WHY: Final = 300

log = logging.getLogger(__name__)

Do = Callable[[Command], Awaitable[None]]


class ErrandError(Exception):
    """A command was not carried out; why, in a sentence for whoever gave it."""


class Trusted(Protocol):
    """Whom an enrolled gateway believes."""

    @property
    def authority(self) -> str: ...
    @property
    def signs(self) -> bool: ...


class Errands:
    """`trusted` None: this gateway is not enrolled, and nobody vouches for anybody. `does`: what each command means.
    `say`: so that the server hears what became of it."""

    def __init__(
        self,
        gateway: str,
        directory: Path,
        commands: Commands,
        clock: Clock,
        troubles: Troubles,
        *,
        trusted: Trusted | None,
        does: Mapping[str, Do],
        say: Callable[[], None],
    ) -> None:
        self._gateway, self._file = gateway, directory / NAME
        self._commands, self._clock, self._troubles = commands, clock, troubles
        self._trusted, self._does, self._say = trusted, does, say
        self._came: asyncio.Queue[bytes] = asyncio.Queue(WAITING_MAX)

    def load(self) -> None:
        """Before anything is heard. What cannot be read is as if nothing had been kept."""
        try:
            self._commands.recall(msgspec.json.decode(self._file.read_bytes(), type=Kept))
        except FileNotFoundError:
            pass
        except (OSError, msgspec.MsgspecError) as error:
            log.error("what was kept of the server's commands cannot be read: %s", error)

    def hear(self, payload: bytes) -> None:
        if not self._came.full():
            self._came.put_nowait(payload)

    async def run(self) -> None:
        while True:
            payload = await self._came.get()
            try:
                await self._take(payload)
            finally:
                self._came.task_done()

    async def settled(self) -> None:
        """All that was heard until now is done with."""
        await self._came.join()

    async def _take(self, payload: bytes) -> None:
        try:
            command, is_proven = self._opened(payload)
        except (WireError, IdentityError) as error:
            log.warning("a command that cannot be believed: %s", error)
            return
        if self._trusted is not None and self._trusted.signs:
            self._commands.signs = True
        now_ms = to_millis(self._clock.now())
        verdict = self._commands.judge(command, now_ms, self._clock.is_set(), is_proven=is_proven)
        self._tell_of_proofs(is_proven, verdict)
        match verdict:
            case Verdict.DO:
                await self._carry_out(command, is_proven)
            case Verdict.LATE if is_proven:
                self._answer(command, "it came too late")
            case Verdict.DONE:
                pass
            case _:
                log.warning("command %s of the server is left alone: %s", command.command, verdict.name.lower())
                return
        self._say()  # which names it, so that the server need not say it again

    def _opened(self, payload: bytes) -> tuple[Command, bool]:
        command, is_proven = codec.decode_command(payload), False
        if command.proof is not None and self._trusted is not None:
            believed(command.proof, self._trusted.authority, self._clock.now() if self._clock.is_set() else None)
            command, is_proven = codec.decode_command(command.proof.content.encode()), True
        if command.gateway != self._gateway:
            raise WireError(f"it is for {command.gateway}")
        return command, is_proven

    def _tell_of_proofs(self, is_proven: bool, verdict: Verdict) -> None:
        """An older server proves nothing, and what came with proofs it cannot ask for."""
        if is_proven:
            self._troubles.end(SUBJECT)
        elif self._trusted is not None:
            left = "commands without a proof were left alone: somebody else speaks, or the server is an older one again"
            older = "the server does not prove its commands: it is older than this gateway"
            self._troubles.begin(SUBJECT, left if verdict is Verdict.UNPROVEN else older)

    async def _carry_out(self, command: Command, is_proven: bool) -> None:
        """What only a proof opens is written down first: nobody makes us do it twice, whatever happens meanwhile.
        But not before a wish, which knows its order: if we are killed, the server says it again."""
        self._commands.use(command)
        try:
            if command.command in WITH_PROOF - KEPT_ITSELF:
                self._commands.begin(command)
                await self._keep()
            await self._does[command.command](command)
        except OSError as error:
            self._answer(command, f"the disk cannot be written: {error.strerror}")
        except ErrandError as error:
            self._answer(command, str(error))
        else:
            self._answer(command, "" if is_proven else None)
        self._commands.done(command)
        try:
            await self._keep()
        except OSError as error:
            log.warning("cannot write down which commands were carried out: %s", error.strerror)

    def _answer(self, command: Command, why: str | None) -> None:
        """None: nothing is answered to who proves nothing."""
        if why:
            log.warning("command %s of the server is not carried out: %s", command.command, why)
        if command.id is not None and why is not None:
            self._commands.answer(Answer(id=command.id, refused=bool(why), why=why[:LONGEST_WHY]))

    async def _keep(self) -> None:
        await asyncio.to_thread(write_whole, self._file, msgspec.json.encode(self._commands.kept()))
