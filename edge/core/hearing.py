"""One device's words become items: stamped, once each, changes only, and with its silences as gaps."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from devices.profiles.base import (
    Advert,
    Contact,
    DeviceClock,
    Happening,
    Identity,
    Presence,
    Reading,
    Said,
    SessionStarted,
    Switch,
)
from devices.vocabulary import CALLS_FOR_HELP, ClockTrust, Event, EventType, Gap, Item, Kind, Mode, Observation
from edge.core.dedupe import Adverts, Calls, Heard, Readings, Way
from edge.core.device_time import DeviceTime
from edge.core.silence import Silence

CONTACT_HOLDS_S: Final = 3.0  # a finger that shifts is not a sensor taken off
BATTERY_AGAIN_S: Final = 6 * 3600.0  # an unchanged level
STILL_S: Final = 60.0  # a detector that goes on detecting says so again

# A detector repeats its state; a button says each press once.
DETECTED: Final = frozenset(
    {EventType.SMOKE, EventType.WATER, EventType.CO, EventType.GAS, EventType.MOTION, EventType.VIBRATION}
)
MILLISECOND: Final = timedelta(milliseconds=1)
STEPPED_BACK: Final = timedelta(seconds=10)
MODEL: Final = ("manufacturer", "model", "firmware")
MODEL_LENGTH: Final = 80


@dataclass(frozen=True, kw_only=True, slots=True)
class Remembered:
    """What the outbox knows of a device from before this start. `known`: what `Hearing.learned` said."""

    last_taken: dict[int, datetime] = field(default_factory=dict)  # by slot
    on_body: bool | None = None
    opened: bool | None = None
    occupied: bool | None = None
    known: dict[str, str] = field(default_factory=dict)


class Hearing:
    def __init__(self, device: str, zone: ZoneInfo, remembered: Remembered | None = None) -> None:
        before = remembered or Remembered()
        known = before.known
        self._device = device
        counter = known.get("counter", "")
        self._adverts = Adverts(int(counter) if counter.isdecimal() else None)
        self._calls = Calls()
        self._readings = Readings(known.get("records", ""))
        self._time = DeviceTime(zone, known.get("clock", ""), known.get("session", ""))
        self._silence = Silence(device, before.last_taken)
        self._on_body, self._opened, self._occupied = before.on_body, before.opened, before.occupied
        self._contact: tuple[bool, datetime, float] | None = None  # said, since when: not believed yet
        self._battery: tuple[float | None, float] | None = None
        self._detected_s: dict[tuple[EventType, int], float] = {}
        self._last_arrival: dict[tuple[int, Kind], datetime] = {}
        self._identity: dict[str, str] = {}
        self._model = known.get("model", "")
        self._learned: set[str] = set()
        self.battery_percent: int | None = None
        self.replays = 0

    def due_s(self) -> float | None:
        """When `settle` may have something to say."""
        return None if self._contact is None else self._contact[2] + CONTACT_HOLDS_S

    def advert(self, advert: Advert, now: datetime, now_s: float, *, is_set: bool = True) -> list[Item]:
        verdict = self._adverts.judge(advert, now_s)
        if advert.counter is not None and verdict is Heard.NEW:
            self._learned.add("counter")
        if verdict is Heard.REPLAY:
            self.replays += 1
        said = advert.said
        if verdict is not Heard.NEW:
            said = ()
        if advert.counter is not None and (calls := tuple(filter(_calls_for_help, advert.said))):
            counts = self._calls.counts(advert, verdict, now_s)
            said = said or (calls if counts else ())
        return self.heard(said, now, now_s, Way.ADVERT, is_set=is_set) if said else []

    def heard(
        self, said: tuple[Said, ...], now: datetime, now_s: float, way: Way = Way.LIVE, *, is_set: bool = True
    ) -> list[Item]:
        """`is_set`: our own clock is; else a device's may be the better one."""
        items: list[Item] = [*self._gaps(said, now, now_s)]
        for word in said:
            match word:
                case Reading():
                    items += self._reading(word, now, now_s, way, is_set=is_set)
                case Contact(on_body=on_body):
                    self._touch(on_body, now, now_s)
                case Happening(type=event, slot=slot):
                    items += self._happening(event, slot, now, now_s)
                case Switch() | Presence():
                    items += self._state(word, now)
                case DeviceClock() | SessionStarted() | Identity():
                    self._learn(word, now, is_set=is_set)
        return items + self.settle(now_s)

    def settle(self, now_s: float) -> list[Item]:
        """Contact that was lost or found long enough ago."""
        if self._contact is None or now_s < self._contact[2] + CONTACT_HOLDS_S:
            return []
        self._on_body, since, _ = self._contact
        self._contact = None
        return [self._event(EventType.SENSOR_ON if self._on_body else EventType.SENSOR_OFF, since)]

    def jumped(self, by: timedelta) -> None:
        """Our own clock was wrong by so much."""
        if self._contact is not None:
            on_body, since, since_s = self._contact
            self._contact = (on_body, since + by, since_s)

    def model(self) -> str:
        """Maker, model and firmware, as the device says them."""
        return self._model

    def learned(self) -> dict[str, str]:
        """What to remember of this device over a restart, as far as it is new since the last call."""
        made = {
            "counter": lambda: str(self._adverts.counter),
            "records": self._readings.kept,
            "clock": self._time.kept_clock,
            "session": self._time.kept_session,
            "model": self.model,
        }
        learned = {what: made[what]() for what in sorted(self._learned)}
        self._learned.clear()
        return learned

    def remembered(self) -> Remembered:
        """What another Hearing of this device would have to know."""
        self._learned |= {"records", "clock", "session", "model"}
        if self._adverts.counter is not None:
            self._learned.add("counter")
        return Remembered(
            last_taken=self._silence.last_taken(),
            on_body=self._on_body,
            opened=self._opened,
            occupied=self._occupied,
            known=self.learned(),
        )

    def _event(self, type_: EventType, at: datetime, slot: int = 0) -> Event:
        return Event(device=self._device, slot=slot, type=type_, occurred_at=at)

    def _gaps(self, said: tuple[Said, ...], now: datetime, now_s: float) -> Iterator[Gap]:
        slots = set()
        for word in said:
            if isinstance(word, Reading) and word.mode is Mode.CONTINUOUS:
                slots.add(word.slot)
            elif isinstance(word, Contact):
                slots.add(0)  # off the body the sensor speaks, though it says no value
        for slot in slots:
            gap = self._silence.spoke(slot, now, now_s)
            if gap is not None:
                yield gap

    def _reading(self, reading: Reading, now: datetime, now_s: float, way: Way, *, is_set: bool) -> list[Item]:
        when = self._time.stamp(reading, now, is_set=is_set)
        moment = self._time.moment(reading)
        way = Way.STORED if reading.record is not None and way is Way.LIVE else way
        # The battery first: an unchanged level, said again every minute, is not worth remembering.
        if not self._is_news(reading, now_s) or not self._readings.is_new(reading, moment, way, when.at):
            return []
        if reading.record is not None or moment is not None:
            self._learned.add("records")
        at = when.at if when.trust is not ClockTrust.ARRIVAL else self._next_arrival(reading, now)
        return [
            Observation(
                device=self._device,
                slot=reading.slot,
                kind=reading.kind,
                taken_at=at,
                value=reading.value,
                quality=reading.quality,
                sign=reading.sign,
                clock=when.trust,
                mode=reading.mode,
                record=reading.record,
            )
        ]

    def _next_arrival(self, reading: Reading, now: datetime) -> datetime:
        """Two readings that arrive in one moment stay two: the server tells them apart by their time."""
        key = (reading.slot, reading.kind)
        before = self._last_arrival.get(key)
        at = now if before is None or before - now > STEPPED_BACK else max(now, before + MILLISECOND)
        self._last_arrival[key] = at
        return at

    def _is_news(self, reading: Reading, now_s: float) -> bool:
        """A battery level is said again only when it changed, or after hours."""
        if reading.kind is not Kind.BATTERY:
            return True
        if reading.value is not None:
            self.battery_percent = round(reading.value)
        if self._battery is not None:
            level, at_s = self._battery
            if level == reading.value and now_s - at_s < BATTERY_AGAIN_S:
                return False
        self._battery = (reading.value, now_s)
        return True

    def _touch(self, on_body: bool, now: datetime, now_s: float) -> None:
        if on_body is self._on_body:
            self._contact = None
        elif self._contact is None or self._contact[0] is not on_body:
            self._contact = (on_body, now, now_s)

    def _state(self, state: Switch | Presence, now: datetime) -> list[Item]:
        """An advertiser repeats it; an event is a change."""
        if isinstance(state, Switch):
            is_same, self._opened = state.opened is self._opened, state.opened
            event = EventType.DOOR_OPENED if state.opened else EventType.DOOR_CLOSED
        else:
            is_same, self._occupied = state.occupied is self._occupied, state.occupied
            event = EventType.OCCUPIED if state.occupied else EventType.VACANT
        return [] if is_same else [self._event(event, now)]

    def _happening(self, event: EventType, slot: int, now: datetime, now_s: float) -> list[Item]:
        if event in DETECTED:
            before_s = self._detected_s.get((event, slot))
            if before_s is not None and now_s - before_s < STILL_S:
                return []
            self._detected_s[event, slot] = now_s
        return [self._event(event, now, slot)]

    def _learn(self, word: DeviceClock | SessionStarted | Identity, now: datetime, *, is_set: bool) -> None:
        match word:
            case DeviceClock():
                self._time.learn_clock(word, now, is_set=is_set)
                self._learned.add("clock")
            case SessionStarted():
                self._time.learn_session(word)
                self._learned.add("session")
            case Identity(what=what, text=text):
                self._identity[what] = text.strip()
                model = " ".join(self._identity[part] for part in MODEL if self._identity.get(part))[:MODEL_LENGTH]
                if model != self._model:
                    self._model = model
                    self._learned.add("model")


def _calls_for_help(word: Said) -> bool:
    return isinstance(word, Happening) and word.type in CALLS_FOR_HELP
