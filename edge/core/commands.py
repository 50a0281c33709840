"""Which commands of the server are carried out: those that are known, once each, and not after their time."""

from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from devices.wire.messages import Command

ACKNOWLEDGED: Final = "acknowledged"
PROVE: Final = "prove"
KNOWN: Final = frozenset({ACKNOWLEDGED, PROVE})
REMEMBERED: Final = 16  # Status.done has room for so many


class Answer(Enum):
    DO = auto()
    DONE = auto()  # before; the server has not heard of it yet
    LATE = auto()
    UNKNOWN = auto()


@dataclass(slots=True)
class Commands:
    unknown: int = 0
    _done: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))

    def judge(self, command: Command, now_ms: int, is_clock_set: bool) -> Answer:
        """A gateway that does not know the time believes that the command is in time."""
        if command.id is not None and command.id in self._done:
            return Answer.DONE
        if command.command not in KNOWN:
            self.unknown += 1
            return Answer.UNKNOWN
        if is_clock_set and command.until is not None and now_ms > command.until:
            return Answer.LATE
        return Answer.DO

    def done(self, command: Command) -> None:
        if command.id is not None:
            self._done.append(command.id)

    def ids(self) -> list[str]:
        return list(self._done)
