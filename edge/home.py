"""What the people at home see and hear: the cores decide, the local action does."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

from devices.limits import Level
from devices.vocabulary import CALLS_FOR_HELP, Event, Item
from devices.wire.messages import Command, Lane
from edge.config import HomeConfig
from edge.core.alone import DOWN_S, Alone, Ring
from edge.core.health import Troubles
from edge.core.line import Line
from edge.core.signs import Sign, Signs, State
from edge.local_action import LocalAction, Task
from edge.ports import Clock

LOOK_S: Final = 1.0

log = logging.getLogger(__name__)


class LocalHome:
    """`write` takes what the server shall know of the alarms given here; `quiet_s`: see core.line."""

    def __init__(
        self,
        config: HomeConfig,
        zone: ZoneInfo,
        clock: Clock,
        troubles: Troubles,
        write: Callable[[Iterable[Item]], None],
        quiet_s: float,
    ) -> None:
        self._config, self._zone, self._clock, self._write = config, zone, clock, write
        self._action = LocalAction(config, troubles)
        self._alone, self._signs = Alone(), Signs()
        self._line = Line(quiet_s=quiet_s, changed_s=clock.monotonic_s())
        self._names: Mapping[str, str] = {}
        self._was_open = False
        self._look = asyncio.Event()

    def names(self, names: Mapping[str, str]) -> None:
        """What stands on the devices, by address."""
        self._names = names

    def heard(self, item: Item, level: Level) -> None:
        self._alone.heard(item, level, self._clock.now(), self._clock.monotonic_s())
        if isinstance(item, Event) or level is not Level.INSIDE:
            self._look.set()

    def kept(self, rows: Sequence[tuple[Lane, int, Item]]) -> None:
        self._alone.kept(rows)
        self._say(self._signs.kept(rows, self._clock.now(), self._clock.monotonic_s()))

    def recall(self, rows: Sequence[tuple[Lane, int, Event]], since: datetime) -> None:
        """Alarms that a run before this one left waiting. Those after `since` go on as if nothing had been."""
        for _, _, event in rows:
            if event.occurred_at >= since:
                self._alone.heard(event, Level.INSIDE, self._clock.now(), self._clock.monotonic_s())
        self._alone.kept([row for row in rows if row[2].occurred_at >= since])
        self._signs.kept(rows, self._clock.now(), self._clock.monotonic_s())

    def arrived(self, lane: Lane, mark: int) -> None:
        self._alone.arrived(lane, mark)
        self._say(self._signs.arrived(lane, mark))
        self._look.set()

    def renumbered(self) -> None:
        self._alone.renumbered()
        self._signs.renumbered()

    def jumped(self, by: timedelta) -> None:
        self._alone.jumped(by)

    def line(self, is_up: bool) -> None:
        self._line.connected(is_up, self._clock.monotonic_s())
        self._look.set()

    def answered(self) -> None:
        """The server sent a receipt."""
        self._line.answered(self._clock.monotonic_s())

    def acknowledged(self, command: Command) -> None:
        self._alone.acknowledged(command.device, command.type or command.kind)
        is_call = command.type in CALLS_FOR_HELP
        self._say([Sign(state=State.ACKNOWLEDGED, since=self._clock.now(), device=command.device, is_call=is_call)])
        self._look.set()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._action.run())
            group.create_task(self._watch())

    async def _watch(self) -> None:
        while True:
            self._look.clear()
            self._decide(self._clock.now(), self._clock.monotonic_s())
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._look.wait()
            except TimeoutError:
                continue

    def _decide(self, now: datetime, now_s: float) -> None:
        down_s = self._line.down_s(now_s)
        for ring in self._alone.due(down_s > DOWN_S, now_s):
            sign = Sign(state=State.ALARM_NOT_SENT, since=ring.since, device=ring.cause.device)
            self._say([sign], partial(self._rang, ring))
        is_open = self._alone.is_open()
        if self._was_open and not is_open:
            self._say([Sign(state=State.ALARM_OVER, since=now)])
        self._was_open = is_open
        self._say(self._signs.line(down_s, now, now_s))

    def _rang(self, ring: Ring) -> None:
        event = self._alone.rang(ring, self._clock.now())
        if event is not None:
            log.warning("gave the alarm at home for %s, because the server does not hear us", self._name(event.device))
            self._write([event])

    def _say(self, signs: Iterable[Sign], worked: Callable[[], None] = lambda: None) -> None:
        if not self._config.action:
            return
        is_night = self._config.night.holds(self._clock.now().astimezone(self._zone).time())
        for sign in signs:
            name = self._name(sign.device)
            log.info("the home is told: %s %s", sign.state, name)
            self._action.do(Task(sign=sign, name=name, sounds=sign.sounds(is_night), worked=worked))

    def _name(self, device: str | None) -> str:
        return "" if device is None else self._names.get(device, "") or device
