"""What the home sees and hears without a phone, and in which words.

The reading saved: a spot measurement is in the outbox; once for each measurement, however many rows it has. The alarm
sent: the server's receipt covers it. Acknowledged: a person has it. The line down: once, when it has been down for a
minute; and that it is back. At night the lamp alone says what can wait; alarms and answers to them always sound."""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from devices.vocabulary import CALLS_FOR_HELP, Event, Item, Kind, Mode, Observation, Quality
from devices.wire.messages import Lane

ONE_MEASUREMENT_S: Final = 10.0  # rows of one device no further apart than this belong together
LINE_STANDS_S: Final = 60.0  # down, and up again, for so long before it is said
PENDING: Final = 256  # alarms that are under way; when there are more, the oldest are not said


class State(StrEnum):
    """The word that the local action gets."""

    READING_SAVED = "reading_saved"
    ALARM_SENT = "alarm_sent"
    ACKNOWLEDGED = "acknowledged"
    LINE_DOWN = "line_down"
    LINE_BACK = "line_back"
    ALARM_NOT_SENT = "alarm_not_sent"
    ALARM_OVER = "alarm_over"  # it was not sent, and is sent now, acknowledged or past: the buzzer can rest


WORDS: Final[Mapping[State, str]] = MappingProxyType(
    {
        State.READING_SAVED: "Målingen er lagret.",
        State.ALARM_SENT: "Alarmen er sendt.",
        State.ACKNOWLEDGED: "Alarmen er sett. En person følger deg opp.",
        State.LINE_DOWN: "Ingen forbindelse. Målinger lagres her og sendes senere. Ring 113 hvis du trenger hjelp nå.",
        State.LINE_BACK: "Forbindelsen er tilbake.",
        State.ALARM_NOT_SENT: "Alarmen er ikke sendt, for forbindelsen er nede. Ring 113 hvis du trenger hjelp nå.",
        State.ALARM_OVER: "Alarmen her i huset er over.",
    }
)
ALARMS_FIRST: Final = (State.ALARM_NOT_SENT, State.ACKNOWLEDGED, State.ALARM_SENT)
SOUND_AT_NIGHT: Final = frozenset(ALARMS_FIRST)
SILENT: Final = frozenset({State.ALARM_OVER})


@dataclass(frozen=True, kw_only=True, slots=True)
class Sign:
    """`device`: an address; None: it is about the gateway itself. `is_call`: about a call for help, else about a
    reading or a door, of which the home may not have known; a person who sees that at night wakes nobody."""

    state: State
    since: datetime
    device: str | None = None
    is_call: bool = True

    def sounds(self, is_night: bool) -> bool:
        return self.state not in SILENT and (not is_night or (self.is_call and self.state in SOUND_AT_NIGHT))


class Signs:
    def __init__(self) -> None:
        self._measured_s: dict[str, float] = {}
        self._under_way: deque[tuple[int, str, datetime]] = deque(maxlen=PENDING)
        self._is_down_said = False
        self._up_s: float | None = None

    def kept(self, rows: Iterable[tuple[Lane, int, Item]], now: datetime, now_s: float) -> list[Sign]:
        signs = []
        for lane, seq, item in rows:
            if lane is Lane.ALARM and isinstance(item, Event) and item.type in CALLS_FOR_HELP:
                self._under_way.append((seq, item.device, item.occurred_at))
            elif _is_measured(item):
                before_s = self._measured_s.get(item.device)
                self._measured_s[item.device] = now_s
                if before_s is None or now_s - before_s > ONE_MEASUREMENT_S:
                    signs.append(Sign(state=State.READING_SAVED, since=now, device=item.device))
        return signs

    def arrived(self, lane: Lane, mark: int) -> list[Sign]:
        """One for each device, with its first alarm."""
        sent: dict[str, datetime] = {}
        while lane is Lane.ALARM and self._under_way and self._under_way[0][0] <= mark:
            _, device, at = self._under_way.popleft()
            sent.setdefault(device, at)
        return [Sign(state=State.ALARM_SENT, since=at, device=device) for device, at in sent.items()]

    def renumbered(self) -> None:
        self._under_way.clear()

    def line(self, down_s: float, now: datetime, now_s: float) -> list[Sign]:
        if down_s:
            self._up_s = None
            if self._is_down_said or down_s < LINE_STANDS_S:
                return []
            self._is_down_said = True
            return [Sign(state=State.LINE_DOWN, since=now - timedelta(seconds=down_s))]
        if self._up_s is None:
            self._up_s = now_s
        if not self._is_down_said or now_s - self._up_s < LINE_STANDS_S:
            return []
        self._is_down_said = False
        return [Sign(state=State.LINE_BACK, since=now - timedelta(seconds=now_s - self._up_s))]


def _is_measured(item: Item) -> bool:
    """By a person, now and then, and it gave a value. A battery is not a measurement."""
    return (
        isinstance(item, Observation)
        and item.mode is Mode.SPOT
        and item.kind is not Kind.BATTERY
        and item.quality in (Quality.GOOD, Quality.QUESTIONABLE)
    )
