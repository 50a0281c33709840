"""Bytes of a sensor in words: what the profiles make of them."""

import re
from collections.abc import Iterator

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
    Sender,
    SessionStarted,
    Switch,
    uuid16,
)
from devices.vocabulary import KINDS, Mode, Quality, Sign
from edge.errors import AskedWrong


def explain(characteristic: str, data: str) -> list[str]:
    """One line for each profile that knows the characteristic and each thing said."""
    uuid = _uuid(characteristic)
    raw = _bytes(data)
    lines: list[str] = []
    answers: dict[tuple[str, ...], list[str]] = {}
    for profile in PROFILES.values():
        if uuid == profile.service if profile.decode_advert else uuid in (*profile.subscribe, *profile.read):
            answers.setdefault(tuple(_says(profile, uuid, raw)), []).append(profile.name)
    for said, profiles in answers.items():
        lines += [f"{', '.join(profiles)}: {line}" for line in said]
    if not lines:
        known = sorted({short for profile in PROFILES.values() for short in _shorts(profile)})
        raise AskedWrong(f"no profile reads {characteristic}; known are {', '.join(known)}")
    return lines


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


def _shorts(profile: Profile) -> Iterator[str]:
    for uuid in (profile.service,) if profile.decode_advert else (*profile.subscribe, *profile.read):
        yield uuid[4:8].upper()


def _says(profile: Profile, uuid: str, raw: bytes) -> Iterator[str]:
    try:
        if profile.decode_advert is not None:
            advert = profile.decode_advert(raw, Sender(address="00:00:00:00:00:00"))
            said = advert.said
            if advert.packet_id is not None:
                yield f"packet {advert.packet_id}"
        else:
            assert profile.decode is not None
            said = profile.decode(uuid, raw)
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
    if reading.record is not None:
        parts.append(f"record {reading.record}")
    if reading.device_time is not None:
        parts.append(f"device time {reading.device_time:%Y-%m-%d %H:%M:%S}")
    return ", ".join(parts)
