"""One device's words become items: stamped, once each, changes only, and with its silences as gaps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from devices.profiles.base import Advert, Contact, Happening, Reading, Said, Switch
from devices.vocabulary import ClockTrust, Event, EventType, Gap, GapReason, Item, Kind, Mode, Observation
from edge.core.clock import stamp
from edge.core.dedupe import Adverts, Records

SHORTEST_GAP_S: Final = 2.5
SILENT_INTERVALS: Final = 2.5
USUAL_AT_FIRST_S: Final = 1.0
CONTACT_HOLDS_S: Final = 3.0  # a finger that shifts is not a sensor taken off
BATTERY_AGAIN_S: Final = 6 * 3600.0  # an unchanged level
STILL_S: Final = 60.0  # a detector that goes on detecting says so again

# A detector repeats its state; a button says each press once.
DETECTED: Final = frozenset({EventType.SMOKE, EventType.WATER, EventType.CO, EventType.MOTION})
MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Remembered:
    """What the outbox knows of a device from before this start."""

    last_taken: dict[int, datetime] = field(default_factory=dict)  # by slot
    on_body: bool | None = None
    opened: bool | None = None


@dataclass(slots=True)
class _Stream:
    """`last_s` is None until it was heard in this run; from then on our own clock may be set without making a gap."""

    last_at: datetime
    last_s: float | None = None
    usual_s: float = USUAL_AT_FIRST_S


class Hearing:
    def __init__(self, device: str, zone: ZoneInfo, remembered: Remembered | None = None) -> None:
        before = remembered or Remembered()
        self._device = device
        self._zone = zone
        self._adverts, self._records = Adverts(), Records()
        self._streams = {slot: _Stream(last_at=at) for slot, at in before.last_taken.items()}
        self._on_body, self._opened = before.on_body, before.opened
        self._contact: tuple[bool, datetime, float] | None = None  # said, since when: not believed yet
        self._battery: tuple[float | None, float] | None = None
        self._detected_s: dict[EventType, float] = {}
        self._last_arrival: dict[tuple[int, Kind], datetime] = {}
        self.battery_percent: int | None = None

    def due_s(self) -> float | None:
        """When `settle` may have something to say."""
        return None if self._contact is None else self._contact[2] + CONTACT_HOLDS_S

    def advert(self, advert: Advert, now: datetime, now_s: float) -> list[Item]:
        if not self._adverts.is_new(advert, now_s):
            return []
        return self.heard(advert.said, now, now_s)

    def heard(self, said: Iterable[Said], now: datetime, now_s: float) -> list[Item]:
        said = tuple(said)
        items: list[Item] = [*self._silence(said, now, now_s)]
        for word in said:
            match word:
                case Reading():
                    items += self._reading(word, now, now_s)
                case Contact(on_body=on_body):
                    self._touch(on_body, now, now_s)
                case Switch(opened=opened):
                    items += self._switch(opened, now)
                case Happening(type=event):
                    items += self._happening(event, now, now_s)
        return items + self.settle(now_s)

    def settle(self, now_s: float) -> list[Item]:
        """Contact that was lost or found long enough ago."""
        if self._contact is None or now_s < self._contact[2] + CONTACT_HOLDS_S:
            return []
        self._on_body, since, _ = self._contact
        self._contact = None
        event = EventType.SENSOR_ON if self._on_body else EventType.SENSOR_OFF
        return [Event(device=self._device, type=event, occurred_at=since)]

    def _silence(self, said: tuple[Said, ...], now: datetime, now_s: float) -> Iterator[Gap]:
        slots = {word.slot for word in said if isinstance(word, Reading) and word.mode is Mode.CONTINUOUS}
        if any(isinstance(word, Contact) for word in said):
            slots |= {0}  # off the body the sensor speaks, though it says no value
        for slot in slots:
            stream = self._streams.setdefault(slot, _Stream(last_at=now))
            yield from self._gap(stream, slot, now, now_s)
            stream.last_at, stream.last_s = now, now_s

    def _gap(self, stream: _Stream, slot: int, now: datetime, now_s: float) -> Iterator[Gap]:
        if stream.last_s is None:
            if stream.last_at < now:  # however short: what was said to a dead agent, nobody can know
                yield Gap(
                    device=self._device, slot=slot, from_at=stream.last_at, to_at=now, why=GapReason.AGENT_RESTARTED
                )
            return
        silent_s = now_s - stream.last_s
        if silent_s > max(SILENT_INTERVALS * stream.usual_s, SHORTEST_GAP_S):
            began = now - timedelta(seconds=silent_s)
            yield Gap(device=self._device, slot=slot, from_at=began, to_at=now, why=GapReason.NOT_CONNECTED)
        elif silent_s > 0:
            stream.usual_s += (silent_s - stream.usual_s) / 8

    def _reading(self, reading: Reading, now: datetime, now_s: float) -> list[Item]:
        if not self._records.is_new(reading) or not self._is_news(reading, now_s):
            return []
        stored = reading.record is not None
        when = stamp(device_time=reading.device_time, is_stored=stored, zone=self._zone, now=now)
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
        at = now if before is None or before - now > timedelta(seconds=10) else max(now, before + MILLISECOND)
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

    def _switch(self, opened: bool, now: datetime) -> list[Item]:
        if opened is self._opened:
            return []
        self._opened = opened
        event = EventType.DOOR_OPENED if opened else EventType.DOOR_CLOSED
        return [Event(device=self._device, type=event, occurred_at=now)]

    def _happening(self, event: EventType, now: datetime, now_s: float) -> list[Item]:
        if event in DETECTED:
            before_s = self._detected_s.get(event)
            if before_s is not None and now_s - before_s < STILL_S:
                return []
            self._detected_s[event] = now_s
        return [Event(device=self._device, type=event, occurred_at=now)]
