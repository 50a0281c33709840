"""Which commands of the server are carried out: those that are known and proven, once each, and not after their time.

A gateway that does not know the time believes a proven command if it was made for this run of the agent: the server
has heard from it since it started. Numbers that were used are kept over a restart, so that nobody says one again."""

from collections import deque
from enum import Enum, auto
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from devices.wire.messages import Answer, Command, OutboxId

ACKNOWLEDGED: Final = "acknowledged"
PROVE: Final = "prove"
LISTEN: Final = "listen"
SCAN: Final = "scan"
RESTART: Final = "restart"
DIAGNOSE: Final = "diagnose"
RENEW: Final = "renew"
UPGRADE: Final = "upgrade"
WITH_PROOF: Final = frozenset({SCAN, RESTART, DIAGNOSE, RENEW, UPGRADE})
ENDS_BY_IT: Final = frozenset({RESTART})  # the agent, rightly
KEPT_ITSELF: Final = frozenset({UPGRADE})  # on the disk, with its order: begun once more, it is the same wish
CUT_SHORT: Final = "the agent ended before it was through"
KNOWN: Final = frozenset({ACKNOWLEDGED, PROVE, LISTEN}) | WITH_PROOF
REMEMBERED: Final = 16  # Status.done and Status.answers have room for so many
USED_KEPT: Final = 64  # numbers; what is lower than all of these is taken as used


class Verdict(Enum):
    DO = auto()
    DONE = auto()  # before; the server has not heard of it yet
    LATE = auto()
    UNKNOWN = auto()
    UNPROVEN = auto()
    REPLAYED = auto()
    OTHER_RUN = auto()  # of the agent: the server says it again, for this one


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """What outlives the agent. `signs`: the server has proven a command before. `floor`: the highest number that is
    not in `used` any more."""

    signs: bool = False
    floor: Annotated[int, Meta(ge=0)] = 0
    used: list[int] = []
    done: list[OutboxId] = []
    answers: list[Answer] = []


class Commands:
    def __init__(self, run: str = "") -> None:
        self.unknown = self.unproven = 0
        self.signs = False
        self._run = run
        self._floor = 0
        self._used: set[int] = set()
        self._done: deque[str] = deque(maxlen=REMEMBERED)
        self._answers: deque[Answer] = deque(maxlen=REMEMBERED)
        self._under_way: str | None = None

    def recall(self, kept: Kept) -> None:
        self.signs = self.signs or kept.signs
        self._floor, self._used = kept.floor, set(kept.used)
        self._done.extend(kept.done)
        self._answers.extend(kept.answers)

    def kept(self) -> Kept:
        return Kept(
            signs=self.signs,
            floor=self._floor,
            used=sorted(self._used),
            done=list(self._done),
            answers=list(self._answers),
        )

    def judge(self, command: Command, now_ms: int, is_clock_set: bool, *, is_proven: bool = False) -> Verdict:
        """`is_proven`: our authority vouches for whoever says it. One that is not is believed from a server that has
        never proven any, as far as it was known before there were proofs."""
        if command.id is not None and command.id in self._done:
            return Verdict.DONE
        if not is_proven and (self.signs or command.command in WITH_PROOF):
            self.unproven += 1
            return Verdict.UNPROVEN
        self.signs = self.signs or is_proven
        if command.command not in KNOWN:
            self.unknown += 1
            return Verdict.UNKNOWN
        if is_proven:
            return self._judge_proven(command, now_ms, is_clock_set)
        if is_clock_set and command.until is not None and now_ms > command.until:
            return Verdict.LATE
        return Verdict.DO

    def _judge_proven(self, command: Command, now_ms: int, is_clock_set: bool) -> Verdict:
        if command.number is None or command.number in self._used or command.number <= self._floor:
            return Verdict.REPLAYED
        if command.run is not None and command.run != self._run:
            return Verdict.OTHER_RUN
        is_over = command.until is None or now_ms > command.until
        if is_over if is_clock_set else command.run is None:
            return Verdict.LATE
        return Verdict.DO

    def use(self, command: Command) -> None:
        """Its number, from now on."""
        if command.number is not None:
            self._used.add(command.number)
        while len(self._used) > USED_KEPT:
            self._floor = min(self._used)
            self._used.remove(self._floor)

    def begin(self, command: Command) -> None:
        """Kept, so that an agent that is killed meanwhile does not do it again and says so; told to nobody until it is
        through."""
        self.done(command)
        if command.id is not None and command.command not in ENDS_BY_IT:
            self.answer(Answer(id=command.id, refused=True, why=CUT_SHORT))
        self._under_way = command.id

    def done(self, command: Command) -> None:
        self._under_way = None
        if command.id is not None and command.id not in self._done:
            self._done.append(command.id)

    def answer(self, answer: Answer) -> None:
        others = [each for each in self._answers if each.id != answer.id]
        self._answers = deque([*others, answer], maxlen=REMEMBERED)

    def ids(self) -> list[str]:
        return [each for each in self._done if each != self._under_way]

    def answers(self) -> list[Answer]:
        return [each for each in self._answers if each.id != self._under_way]
