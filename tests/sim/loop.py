"""An event loop whose clock jumps to the next thing that is due: an hour takes as long as what happens in it."""

import asyncio
import math
import selectors
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final, TypeVar

T = TypeVar("T")


MOMENT_S: Final = 1e-9
STANDSTILL: Final = 100_000  # turns of the loop in one instant


class NothingLeftError(Exception):
    """Everybody waits for somebody else, for ever."""


class NoEndError(Exception):
    """The world goes on for longer than it may, or turns round and round in one instant."""


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self, end_s: float) -> None:
        self._now_s = 0.0
        self._end_s = end_s
        self._at_once: float = 0
        self.turns = 0
        super().__init__(_Jump(self))

    def time(self) -> float:
        return self._now_s

    def jump(self, seconds: float) -> None:
        """Every turn takes a moment, as it does outside: else whoever is a rounding error early waits for ever."""
        self._now_s += seconds + MOMENT_S
        self._at_once = 0 if seconds > 1e-6 else self._at_once + 1
        self.turns += 1
        if self._now_s > self._end_s or self._at_once > STANDSTILL:
            sentence = f"{self._now_s:.3f} s, {self._at_once} turns in this instant"
            self._end_s, self._at_once = math.inf, -math.inf  # so that it can be tidied up
            raise NoEndError(sentence)


class _Jump(selectors.BaseSelector):
    """Nothing ever comes from outside; to wait is to move the clock."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = selectors.SelectorKey(fileobj, 0, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise NothingLeftError("every task waits, and no timer is set")
        self._loop.jump(max(0.0, timeout))
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


def run(work: Callable[[VirtualLoop], Coroutine[Any, Any, T]], *, end_s: float) -> T:
    """Raises NoEndError when it is not done after `end_s` of its own time."""
    loop = VirtualLoop(end_s)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work(loop))
