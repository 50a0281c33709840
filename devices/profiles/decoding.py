"""What every decoder does: find the characteristic's own decoder, and refuse what no living person has."""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal

from devices.errors import DecodeError
from devices.profiles.base import Reading, Said
from devices.vocabulary import KINDS, Kind, Mode, Quality, Sign


def by_characteristic(
    decoders: Mapping[str, Callable[[bytes], tuple[Said, ...]]],
) -> Callable[[str, bytes], tuple[Said, ...]]:
    def decode(uuid: str, data: bytes) -> tuple[Said, ...]:
        if (decoder := decoders.get(uuid.lower())) is None:
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
) -> Reading:
    """An infinite value says "beyond my range" without saying which: with no sign that is no reading."""
    if value is None or not value.is_finite() or quality is Quality.NO_READING:
        return Reading(
            kind=kind, value=None, quality=Quality.NO_READING, mode=mode, device_time=device_time, record=record
        )
    return Reading(
        kind=kind,
        value=possible(kind, value),
        quality=quality,
        sign=sign,
        mode=mode,
        device_time=device_time,
        record=record,
    )
