"""Bytes of a sensor in words: what the profiles make of them."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

from devices.errors import DecodeError
from devices.profiles import PROFILES
from devices.profiles.base import (
    Contact,
    DeviceClock,
    Happening,
    Identity,
    Presence,
    Profile,
    Reading,
    Said,
    SessionStarted,
    Switch,
    uuid16,
)
from devices.profiles.explained import EXPLAINED, NOBODY
from devices.vocabulary import KINDS, Mode, Quality, Sign
from edge.errors import AskedWrong


def explain(characteristic: str, data: str) -> list[str]:
    """The fields as they were sent, then what each profile that knows the characteristic makes of them."""
    uuid = _uuid(characteristic)
    raw = _bytes(data)
    readers = [profile for profile in PROFILES.values() if uuid in _understood(profile)]
    if not readers and uuid not in EXPLAINED:
        known = sorted({each[4:8].upper() for each in {*EXPLAINED, *chain(*map(_understood, PROFILES.values()))}})
        raise AskedWrong(f"no profile reads {characteristic}; known are {', '.join(known)}")
    answers: dict[tuple[str, ...], list[str]] = {}
    for profile in readers:
        answers.setdefault(tuple(_says(profile, uuid, raw)), []).append(profile.name)
    meanings = [f"{', '.join(profiles)}: {line}" for said, profiles in answers.items() for line in said]
    return [*_fields(uuid, raw, is_read=bool(readers)), *meanings]


def _fields(uuid: str, raw: bytes, *, is_read: bool) -> Sequence[str]:
    """Of bytes that are refused, the profiles say why."""
    try:
        return EXPLAINED[uuid](raw) if uuid in EXPLAINED else ()
    except DecodeError as error:
        return () if is_read else (f"refused: {error}",)


def _understood(profile: Profile) -> tuple[str, ...]:
    """What the profile itself knows, beside what every device has (battery, name, clock)."""
    if profile.decode_advert is not None:
        return (profile.service,)
    own = (uuid for uuid in profile.read if uuid not in EXPLAINED)
    return (*profile.read_first, *profile.subscribe, *own)


def _uuid(text: str) -> str:
    if re.fullmatch(r"(0x)?[0-9a-fA-F]{4}", text):
        return uuid16(int(text, 16))
    if re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text):
        return text.lower()
    raise AskedWrong(f"{text!r} is not a characteristic: write its number like 2A37, or a full UUID")


def _bytes(text: str) -> bytes:
    try:
        return bytes.fromhex(re.sub(r"[:\-\s]|0x", "", text))
    except ValueError:
        raise AskedWrong(f"{text!r} are not bytes: write pairs of hex digits like 00:48") from None


def _says(profile: Profile, uuid: str, raw: bytes) -> Iterator[str]:
    try:
        if profile.decode_advert is not None:
            said = profile.decode_advert(raw, NOBODY).said
        else:
            decode = profile.decoder()
            assert decode is not None
            said = decode(uuid, raw)
    except DecodeError as error:
        yield f"refused: {error}"
        return
    for word in said:
        yield words(word)
    if not said:
        yield "nothing that this profile uses"


def words(said: Said) -> str:
    match said:
        case Contact(on_body=on_body):
            return "on the body" if on_body else "not on the body"
        case Switch(opened=opened):
            return "open" if opened else "closed"
        case Happening(type=event):
            return event.value
        case Presence(occupied=occupied):
            return "occupied" if occupied else "vacant"
        case SessionStarted(at=at):
            return f"session started {at:%Y-%m-%d %H:%M:%S}"
        case DeviceClock(shows=shows):
            return "clock not set" if shows is None else f"clock shows {shows:%Y-%m-%d %H:%M:%S}"
        case Identity(what=what, text=text):
            return f"{what} {text}"
        case Reading():
            return _reading(said)


def _reading(reading: Reading) -> str:
    facts = KINDS[reading.kind]
    sign = {Sign.BELOW: "below ", Sign.EXACT: "", Sign.ABOVE: "above "}[reading.sign]
    value = "no reading" if reading.value is None else f"{sign}{reading.value:g} {facts.ucum}"
    parts = [f"{reading.kind} {value}"]
    if reading.quality is not Quality.GOOD:
        parts.append(reading.quality.name.lower().replace("_", " "))
    if reading.mode is Mode.CONTINUOUS:
        parts.append("continuous")
    if reading.slot:
        parts.append(f"user slot {reading.slot}")
    if reading.record is not None:
        parts.append(f"record {reading.record}")
    if reading.device_time is not None:
        parts.append(f"device time {reading.device_time:%Y-%m-%d %H:%M:%S}")
    if reading.into_session is not None:
        parts.append(f"{reading.into_session} into the session")
    return ", ".join(parts)
