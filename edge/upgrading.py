"""The wished version of this program: written down for whoever may install it, who is not us. See edge/upgrade.py."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from devices.wire.messages import OutboxId, ProgramVersion, Upgrade, UpgradeState
from edge.files import write_whole

WISH: Final = "upgrade.json"
ANSWERS: Final = Path("/var/lib/hjemvakt-upgrade")  # StateDirectory= of hjemvakt-gateway-upgrade.service, root's
ANSWER: Final = "answer.json"
LOOK_S: Final = 10.0
LARGEST: Final = 4096


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """`answered_ns`: when the answer was written that lay there before, to an earlier wish; None: none did.
    `order`: the id of the command that asked; None: it has none."""

    version: ProgramVersion
    order: OutboxId | None = None
    answered_ns: int | None = None


class Upgrading:
    """`changed` is called when there is something new to say."""

    def __init__(self, data_dir: Path, changed: Callable[[], None], answers: Path = ANSWERS) -> None:
        self._wish, self._answer = data_dir / WISH, answers / ANSWER
        self._answers, self._changed = answers, changed
        self.state: Upgrade | None = None

    def is_possible(self) -> bool:
        """Somebody here installs what we wish for."""
        return self._answers.is_dir()

    async def wish(self, version: str, order: str | None) -> None:
        """An order that is given once more is wished for anew only as long as nobody has begun with it."""
        await asyncio.to_thread(self._write, version, order)
        self.state = await asyncio.to_thread(self.read)

    async def run(self) -> None:
        while True:
            found = await asyncio.to_thread(self.read)
            if found != self.state:
                self.state = found
                self._changed()
            await asyncio.sleep(LOOK_S)

    def read(self) -> Upgrade | None:
        """What became of the last wish; None: there was none."""
        wished = self._wished()
        return None if wished is None else self._became_of(wished)

    def _wished(self) -> Wish | None:
        try:
            return msgspec.json.decode(self._wish.read_bytes(), type=Wish)
        except (OSError, msgspec.MsgspecError):
            return None

    def _became_of(self, wished: Wish) -> Upgrade:
        answer = None if self._answered_ns() == wished.answered_ns else self._answered()
        if answer is None or answer.version != wished.version:
            return Upgrade(version=wished.version, state=UpgradeState.WAITS)
        return answer

    def _write(self, version: str, order: str | None) -> None:
        last = self._wished()
        is_same = last is not None and order is not None and (last.order, last.version) == (order, version)
        if last is not None and is_same and self._became_of(last).state is not UpgradeState.WAITS:
            return
        wish = Wish(version=version, order=order, answered_ns=self._answered_ns())
        write_whole(self._wish, msgspec.json.encode(wish))

    def _answered_ns(self) -> int | None:
        try:
            return self._answer.stat().st_mtime_ns
        except OSError:
            return None

    def _answered(self) -> Upgrade | None:
        try:
            return msgspec.json.decode(self._answer.read_bytes()[:LARGEST], type=Upgrade)
        except (OSError, msgspec.MsgspecError):
            return None
