"""What every decoder does: find the characteristic's own decoder, and refuse what no living person has."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from devices.errors import DecodeError
from devices.profiles.base import Reading, Said
from devices.vocabulary import KINDS, Kind, Mode, Quality, Sign

UNKNOWN_USER: Final = 0xFF  # GATT Specification Supplement, User ID and User Index

_NO_READING: Final = Quality.NO_READING
_EXACT: Final = Sign.EXACT


def by_characteristic(
    decoders: Mapping[str, Callable[[bytes], tuple[Said, ...]]],
) -> Callable[[str, bytes], tuple[Said, ...]]:
    def decode(uuid: str, data: bytes) -> tuple[Said, ...]:
        if (decoder := decoders.get(uuid) or decoders.get(uuid.lower())) is None:
            raise DecodeError(f"characteristic {uuid} is not in this profile")
        return decoder(data)

    return decode


def possible(kind: Kind, value: Decimal) -> float:
    facts = KINDS[kind]
    number = float(value)
    if not facts.lowest <= number <= facts.highest:
        raise DecodeError(
            f"{kind} {number:g} {facts.ucum} is outside what is possible, {facts.lowest}..{facts.highest}"
        )
    return number


def reading(
    kind: Kind,
    value: Decimal | None,
    *,
    quality: Quality = Quality.GOOD,
    sign: Sign = Sign.EXACT,
    mode: Mode = Mode.SPOT,
    device_time: datetime | None = None,
    record: int | None = None,
    slot: int = 0,
    into_session: timedelta | None = None,
) -> Reading:
    """An infinite value says "beyond my range" without saying which: with no sign that is no reading."""
    number = None
    if value is not None and quality is not _NO_READING and value.is_finite():
        number = possible(kind, value)
    return Reading(
        kind=kind,
        value=number,
        quality=_NO_READING if number is None else quality,
        sign=_EXACT if number is None else sign,
        mode=mode,
        device_time=device_time,
        record=record,
        slot=slot,
        into_session=into_session,
    )


def slot_of(user: int) -> int:
    """The slot of a shared meter's User ID; 0: it does not know who was measured."""
    return 0 if user == UNKNOWN_USER else user + 1
