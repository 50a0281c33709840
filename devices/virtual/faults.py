"""What real sensors do wrong, on purpose and by seed: bytes that break the specification, and clocks that are wrong."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from devices.ieee11073 import FLOAT_NAN, SFLOAT_NAN, SFLOAT_NRES

LONGEST_SURPLUS: Final = 4
LONGEST_NOISE: Final = 20  # an ATT notification at the default MTU


class Fault(StrEnum):
    TRUNCATED = "truncated"
    SURPLUS = "surplus"
    FLIPPED = "flipped"  # one bit
    NOISE = "noise"  # nothing of the message is left
    TWICE = "twice"
    LOST = "lost"


def _truncated(chance: random.Random, payload: bytes) -> list[bytes]:
    return [payload[: chance.randrange(len(payload))] if payload else b""]


def _surplus(chance: random.Random, payload: bytes) -> list[bytes]:
    return [payload + chance.randbytes(chance.randint(1, LONGEST_SURPLUS))]


def _flipped(chance: random.Random, payload: bytes) -> list[bytes]:
    if not payload:
        return [payload]
    bent = bytearray(payload)
    bent[chance.randrange(len(bent))] ^= 1 << chance.randrange(8)
    return [bytes(bent)]


def _noise(chance: random.Random, payload: bytes) -> list[bytes]:
    return [chance.randbytes(chance.randint(0, LONGEST_NOISE))]


def _twice(chance: random.Random, payload: bytes) -> list[bytes]:
    return [payload, payload]


def _lost(chance: random.Random, payload: bytes) -> list[bytes]:
    return []


_DOINGS: Final[dict[Fault, Callable[[random.Random, bytes], list[bytes]]]] = {
    Fault.TRUNCATED: _truncated,
    Fault.SURPLUS: _surplus,
    Fault.FLIPPED: _flipped,
    Fault.NOISE: _noise,
    Fault.TWICE: _twice,
    Fault.LOST: _lost,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """What goes on air in place of one message, and why; `fault` None: the message itself."""

    fault: Fault | None
    payloads: tuple[bytes, ...]


class Faulty:
    """Damages a part `rate` (0 to 1) of all messages, in the ways of `faults`. One seed does the same every time."""

    def __init__(self, seed: int, *, rate: float, faults: tuple[Fault, ...] = tuple(Fault)) -> None:
        if not 0 <= rate <= 1 or not faults:
            raise ValueError(f"a rate of {rate} over {len(faults)} faults")
        self._chance = random.Random(seed)
        self._rate = rate
        self._faults = faults

    def send(self, payload: bytes) -> Sent:
        if self._chance.random() >= self._rate:
            return Sent(fault=None, payloads=(payload,))
        fault = self._chance.choice(self._faults)
        return Sent(fault=fault, payloads=tuple(_DOINGS[fault](self._chance, payload)))


class ClockFault(StrEnum):
    NEVER_SET = "never_set"  # counts from 1970 since the battery went in
    OTHER_ZONE = "other_zone"
    SUMMER_MISSED = "summer_missed"
    YEAR_AHEAD = "year_ahead"


def wrong_time(fault: ClockFault, local: datetime, *, since_battery: timedelta = timedelta()) -> datetime:
    """What the device's clock shows when the right local time is `local`."""
    match fault:
        case ClockFault.NEVER_SET:
            return datetime(1970, 1, 1) + since_battery  # noqa: DTZ001 - a device knows no zone
        case ClockFault.OTHER_ZONE:
            return local - timedelta(hours=9)
        case ClockFault.SUMMER_MISSED:
            return local - timedelta(hours=1)
        case ClockFault.YEAR_AHEAD:
            return local + timedelta(days=365)


def without_sfloat(payload: bytes, at: int, *, word: int = SFLOAT_NAN) -> bytes:
    """The message with the SFLOAT at byte `at` replaced by "no reading" (or SFLOAT_NRES)."""
    assert word in (SFLOAT_NAN, SFLOAT_NRES), hex(word)
    return payload[:at] + word.to_bytes(2, "little") + payload[at + 2 :]


def without_float(payload: bytes, at: int) -> bytes:
    """The message with the 32-bit FLOAT at byte `at` replaced by "no reading"."""
    return payload[:at] + FLOAT_NAN.to_bytes(4, "little") + payload[at + 4 :]
