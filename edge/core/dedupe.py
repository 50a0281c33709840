"""The same thing said twice is one thing.

An advertisement repeats for seconds, and one reading may come as an advertisement, as a notification and from the
device's memory. Two readings of one kind and slot are one reading
- when both have a record number: if number and device time are the same (without a device time: number and value);
- else, when both have a device time: if time and value are the same;
- else, for spot readings: if the value is the same, they came different ways, and within two minutes. Each way says a
  reading once: the same value notified twice was measured twice.
The first that came stays.

A known record number with another time, or without one with another value, says that the memory was emptied (a battery
change): what was remembered without a time is forgotten, and the numbers are new.

The counter of an encrypting advertiser only grows. The same again is a repeat; a smaller one is a replay and refused,
unless the counter begins anew (below 100) after a silence of ten seconds, as after a battery change. If the old
counting goes on after that, the new beginning was itself a replay, and the next is believed only after an hour's
silence. Calls for help are heard all the same: see `Calls`."""

from collections import OrderedDict, deque
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain
from typing import Final

import msgspec

from devices.profiles.base import Advert, Reading, Said
from devices.vocabulary import Kind, Mode, Sign

REPEATED_FOR_S: Final = 60.0  # a packet id heard again after a longer silence is a new packet (they are one byte long)
UNNUMBERED_FOR_S: Final = 2.0  # an advertiser without packet ids: the same content within this time is a repeat
PACKETS: Final = 16
RESTARTS_BELOW: Final = 100  # as bthome-ble has it
RESTART_SILENCE_S: Final = 10.0  # nobody changes a battery faster
DISTRUSTED_FOR_S: Final = 3600.0
READINGS: Final = 512
PASSING: Final = 16  # readings without a number or a device time, which are recognised for two minutes
KEPT: Final = 48  # readings that are remembered over a restart of the agent
TOGETHER: Final = timedelta(minutes=2)


class Heard(StrEnum):
    NEW = "new"
    REPEAT = "repeat"
    REPLAY = "replay"


class Adverts:
    """One advertiser. `counter`: the highest before this start."""

    def __init__(self, counter: int | None = None) -> None:
        self._heard: OrderedDict[object, float] = OrderedDict()
        self.counter = counter
        self._counted_s: float | None = None
        self._before_restart: int | None = None
        self._silence_s = RESTART_SILENCE_S

    def judge(self, advert: Advert, now_s: float) -> Heard:
        if advert.counter is not None and (verdict := self._count(advert.counter, now_s)) is not Heard.NEW:
            return verdict
        key: tuple[Said, ...] | int = advert.said if advert.packet_id is None else advert.packet_id
        limit_s = UNNUMBERED_FOR_S if advert.packet_id is None else REPEATED_FOR_S
        before_s = self._heard.pop(key, None)
        self._heard[key] = now_s
        if len(self._heard) > PACKETS:
            self._heard.popitem(last=False)
        return Heard.NEW if before_s is None or now_s - before_s > limit_s else Heard.REPEAT

    def _count(self, counter: int, now_s: float) -> Heard:
        if self.counter is not None and counter <= self.counter:
            if counter == self.counter:
                self._counted_s = now_s
                return Heard.REPEAT
            if not self._restarts(counter, now_s):
                return Heard.REPLAY
            self._before_restart = max(self.counter, self._before_restart or 0)
            self._heard.clear()  # packet ids begin anew too
        elif self._before_restart is not None and counter > self._before_restart:
            self._before_restart, self._silence_s = None, DISTRUSTED_FOR_S
        self.counter, self._counted_s = counter, now_s
        return Heard.NEW

    def _restarts(self, counter: int, now_s: float) -> bool:
        silent_s = None if self._counted_s is None else now_s - self._counted_s
        return counter < RESTARTS_BELOW and (silent_s is None or silent_s >= self._silence_s)


class Calls:
    """Calls for help of an encrypting advertiser. The right key opened them, so a counter that went back, or stands
    still while something else is said, is a new battery or a poor sender before it is an attacker; and one who plays an
    old call again raises a false alarm, while a call that is not believed leaves a person on the floor."""

    def __init__(self) -> None:
        self._heard = Adverts()
        self._newest: tuple[int | None, tuple[Said, ...]] | None = None

    def counts(self, advert: Advert, verdict: Heard, now_s: float) -> bool:
        is_new = self._heard.judge(replace(advert, counter=None), now_s) is Heard.NEW
        if verdict is Heard.NEW:
            self._newest = (advert.counter, advert.said)
            return True
        if verdict is Heard.REPEAT and (self._newest is None or self._newest == (advert.counter, advert.said)):
            return False
        return is_new


class Way(StrEnum):
    """How a reading came."""

    ADVERT = "advert"
    LIVE = "live"
    STORED = "stored"


@dataclass(slots=True)
class _Had:
    slot: int
    kind: Kind
    record: int | None
    moment: datetime | None
    value: float | None
    sign: Sign
    at: datetime
    ways: set[Way] = field(default_factory=set)


class Readings:
    """One device's readings that may come again: spot readings, and those with a record number or a device time.

    `remembered`: what `kept` said before this start."""

    def __init__(self, remembered: str = "") -> None:
        self._had: deque[_Had] = deque(maxlen=READINGS)
        self._passing: deque[_Had] = deque(maxlen=PASSING)
        self._numbered: dict[tuple[int, Kind, int], _Had] = {}
        for had in _read(remembered):
            self._add(had)

    def is_new(self, reading: Reading, moment: datetime | None, way: Way, at: datetime) -> bool:
        """`moment`: what the device says when it was, by its own clock. `at`: when it was taken, as far as we know."""
        if reading.mode is Mode.CONTINUOUS and reading.record is None and moment is None:
            return True
        had = self._known(reading, moment, way, at)
        if had is None:
            self._add(_had(reading, moment, way, at))
            return True
        had.ways.add(way)
        if had.record is None and reading.record is not None:
            had.record = reading.record
            self._stays(had)
        return False

    def kept(self) -> str:
        """For `remembered` of the next start."""
        recent = [had for had in self._had if had.record is not None or had.moment is not None][-KEPT:]
        return _ENCODER.encode(recent).decode()

    def _stays(self, had: _Had) -> None:
        """It has a number now."""
        if had.moment is None:
            self._passing = deque((each for each in self._passing if each is not had), PASSING)
            self._add(had)
        elif had.record is not None:
            self._numbered[had.slot, had.kind, had.record] = had

    def _known(self, reading: Reading, moment: datetime | None, way: Way, at: datetime) -> _Had | None:
        if reading.record is not None:
            numbered = self._numbered.get((reading.slot, reading.kind, reading.record))
            if numbered is not None:
                if _is_same_record(numbered, reading, moment):
                    return numbered
                self._forget_numbers()
        both = chain(reversed(self._passing), reversed(self._had))
        return next((had for had in both if _is_same(had, reading, moment, way, at)), None)

    def _add(self, had: _Had) -> None:
        if had.record is None and had.moment is None:
            self._passing.append(had)
            return
        if len(self._had) == READINGS:
            oldest = self._had[0]
            key = (oldest.slot, oldest.kind, oldest.record or 0)
            if self._numbered.get(key) is oldest:
                del self._numbered[key]
        self._had.append(had)
        if had.record is not None:
            self._numbered[had.slot, had.kind, had.record] = had

    def _forget_numbers(self) -> None:
        """The memory was emptied: a number names a reading only together with its device time."""
        self._had = deque((had for had in self._had if had.record is None or had.moment is not None), READINGS)
        self._numbered = {(had.slot, had.kind, had.record): had for had in self._had if had.record is not None}


def _had(reading: Reading, moment: datetime | None, way: Way, at: datetime) -> _Had:
    return _Had(
        slot=reading.slot,
        kind=reading.kind,
        record=reading.record,
        moment=moment,
        value=reading.value,
        sign=reading.sign,
        at=at,
        ways={way},
    )


def _is_same_record(had: _Had, reading: Reading, moment: datetime | None) -> bool:
    if had.moment is None or moment is None:
        return (had.value, had.sign) == (reading.value, reading.sign)
    return had.moment == moment


def _is_same(had: _Had, reading: Reading, moment: datetime | None, way: Way, at: datetime) -> bool:
    if (had.kind, had.slot, had.value, had.sign) != (reading.kind, reading.slot, reading.value, reading.sign):
        return False
    if had.record is not None and reading.record is not None:
        # An older one of this number, from before the memory was emptied.
        return had.record == reading.record and had.moment == moment
    if had.moment is not None and moment is not None:
        return had.moment == moment
    return reading.mode is Mode.SPOT and way not in had.ways and abs(had.at - at) <= TOGETHER


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(list[_Had])


def _read(remembered: str) -> list[_Had]:
    """Nothing remembered, or by a version that wrote otherwise: then the server recognises what comes twice."""
    try:
        return _DECODER.decode(remembered)
    except msgspec.MsgspecError:
        return []
