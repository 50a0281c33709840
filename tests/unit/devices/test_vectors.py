"""Every vector: bytes from a specification's page or a captured device, and the meaning that they have."""

import tomllib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from devices.errors import DecodeError
from devices.limits import shown
from devices.profiles import PROFILES
from devices.profiles.base import (
    Advert,
    Contact,
    DeviceClock,
    Happening,
    Identity,
    Presence,
    Reading,
    Said,
    Sender,
    SessionStarted,
    Switch,
)
from devices.vocabulary import KINDS, EventType, Kind, Mode, Quality, Sign

FOLDER = Path(__file__).parents[2] / "vectors"


def load() -> list[dict[str, Any]]:
    vectors = []
    for path in sorted(FOLDER.glob("*.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        for vector in table["vector"]:
            vectors.append({"profile": table.get("profile"), "file": path.stem} | vector)
    return vectors


VECTORS = load()


def by_uuid(short: int) -> str:
    return f"0000{short:04x}-0000-1000-8000-00805f9b34fb"


def heard(vector: dict[str, Any]) -> tuple[int | None, tuple[Said, ...]]:
    profile, data = PROFILES[vector["profile"]], bytes.fromhex(vector["bytes"])
    if "uuid" in vector:
        assert profile.decode is not None
        return None, profile.decode(by_uuid(vector["uuid"]), data)
    assert profile.decode_advert is not None
    advert: Advert = profile.decode_advert(data, sender(vector))
    assert advert.counter == vector.get("counter")
    return advert.packet_id, advert.said


def sender(vector: dict[str, Any]) -> Sender:
    key = vector.get("key")
    return Sender(address=vector.get("address", "C0:26:DF:01:23:45"), key=key and bytes.fromhex(key))


class Near(float):
    """Equal to what differs by less than half of the last digit that the vectors give."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, float) and abs(float(self) - other) < 5e-6

    __hash__ = float.__hash__


def expected(said: dict[str, Any]) -> Said:
    match said:
        case {"on_body": bool(on_body)}:
            return Contact(on_body=on_body)
        case {"opened": bool(opened)}:
            return Switch(opened=opened)
        case {"event": str(event)}:
            return Happening(type=EventType(event))
        case {"occupied": bool(occupied)}:
            return Presence(occupied=occupied)
        case {"clock": shows}:
            return DeviceClock(shows=None if shows == "not set" else shows)
        case {"what": str(what), "text": str(text)}:
            return Identity(what=what, text=text)
        case {"session": datetime() as at}:
            offset_min = said.get("utc_offset_min")
            return SessionStarted(at=at, utc_offset=None if offset_min is None else timedelta(minutes=offset_min))
        case {"kind": str(kind)}:
            return expected_reading(Kind(kind), said)
        case _:
            raise AssertionError(f"what is {said}?")


def into_session(said: dict[str, Any]) -> timedelta | None:
    if "into_session_min" in said:
        return timedelta(minutes=said["into_session_min"])
    return timedelta(seconds=said["into_session_s"]) if "into_session_s" in said else None


def expected_reading(kind: Kind, said: dict[str, Any]) -> Reading:
    value: float | None = said.get("value")
    device_time: datetime | None = said.get("device_time")
    return Reading(
        kind=kind,
        value=value if value is None else Near(value),
        quality=Quality.NO_READING if value is None else Quality[said.get("quality", "good").upper()],
        sign=Sign[said.get("sign", "exact").upper()],
        mode=Mode[said.get("mode", "spot").upper()],
        device_time=device_time,
        record=said.get("record"),
        slot=said.get("slot", 0),
        into_session=into_session(said),
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector['file']}: {vector['name']}")
def test_bytes_mean_what_their_source_says(vector: dict[str, Any]) -> None:
    assert vector["source"]
    if error := vector.get("error"):
        with pytest.raises(DecodeError, match=error):
            heard(vector)
        return
    packet_id, said = heard(vector)
    assert said == tuple(expected(each) for each in vector["says"])
    assert packet_id == vector.get("packet_id")
    for each, wanted in zip(said, vector["says"], strict=True):
        if "shown" in wanted:
            assert isinstance(each, Reading) and each.value is not None
            assert shown(each.value, KINDS[each.kind].decimals) == wanted["shown"]


def test_every_profile_has_vectors() -> None:
    assert {vector["profile"] for vector in VECTORS} == set(PROFILES)
