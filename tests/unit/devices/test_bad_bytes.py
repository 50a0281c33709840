"""Whatever a device sends: a DecodeError, or readings that a living person can have."""

import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.errors import DecodeError
from devices.gatt import Reader
from devices.profiles import PROFILES, bthome, current_time, device_information, racp
from devices.profiles.base import Advert, Reading, Said, Sender
from devices.profiles.explained import EXPLAINED
from devices.vocabulary import KINDS, Quality, Sign

ROUNDS = 3_000
LONGEST = 24  # an ATT notification at the default MTU has 20


Decoder = Callable[[bytes], tuple[Said, ...]]


def of_characteristic(decode: Callable[[str, bytes], tuple[Said, ...]], uuid: str) -> Decoder:
    return lambda data: decode(uuid, data)


PLAIN = Sender(address="C0:26:DF:01:23:45")
KEYED = Sender(address="C0:26:DF:01:23:45", key=bytes(range(16)))


def of_advert(decode: Callable[[bytes, Sender], Advert], sender: Sender) -> Decoder:
    return lambda data: decode(data, sender).said


def of_sealed_advert(decode: Callable[[bytes, Sender], Advert]) -> Decoder:
    """Whatever bytes a sender that has the key may seal."""
    return lambda data: decode(bthome.sealed(b"\x40" + data, sender=KEYED, counter=len(data)), KEYED).said


def decoders() -> dict[str, Decoder]:
    every: dict[str, Decoder] = {}
    for profile in PROFILES.values():
        if profile.decode is not None:
            for uuid in (*profile.read_first, *profile.subscribe, *profile.read):
                every[f"{profile.name} {uuid[4:8]}"] = of_characteristic(profile.decode, uuid)
        if profile.decode_advert is not None:
            every[profile.name] = of_advert(profile.decode_advert, PLAIN)
            every[f"{profile.name} with a key"] = of_advert(profile.decode_advert, KEYED)
            every[f"{profile.name} sealed"] = of_sealed_advert(profile.decode_advert)
    for uuid, decode in (device_information.DECODERS | current_time.DECODERS).items():
        every[f"any device {uuid[4:8]}"] = decode
    return every


DECODERS = decoders()


def check(said: tuple[Said, ...]) -> None:
    for reading in said:
        if not isinstance(reading, Reading):
            continue
        assert (reading.value is None) == (reading.quality is Quality.NO_READING)
        if reading.value is None:
            assert reading.sign is Sign.EXACT
        else:
            assert KINDS[reading.kind].lowest <= reading.value <= KINDS[reading.kind].highest


def feed(decode: Decoder, data: bytes) -> bool:
    """True if the bytes were understood."""
    try:
        check(decode(data))
    except DecodeError as error:
        assert str(error)
        return False
    return True


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS.keys())
def test_random_bytes_never_become_an_impossible_reading(decode: Decoder) -> None:
    chance = random.Random(20250309)
    understood = [feed(decode, chance.randbytes(chance.randint(0, LONGEST))) for _ in range(ROUNDS)]
    assert not all(understood)


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS.keys())
@settings(max_examples=60)
@given(data=st.binary(max_size=LONGEST))
def test_no_bytes_raise_anything_but_a_decode_error(decode: Decoder, data: bytes) -> None:
    feed(decode, data)


@given(st.binary(max_size=8))
def test_the_control_point_has_no_other_error_either(data: bytes) -> None:
    for decode in (racp.decode_answer, racp.decode_request):
        try:
            decode(data)
        except DecodeError as error:
            assert str(error)


@pytest.mark.parametrize("explain", EXPLAINED.values(), ids=[uuid[4:8] for uuid in EXPLAINED])
@settings(max_examples=60)
@given(data=st.binary(max_size=LONGEST))
def test_what_is_explained_is_refused_in_the_same_way(explain: Callable[[bytes], Sequence[str]], data: bytes) -> None:
    try:
        assert all(isinstance(line, str) and line for line in explain(data))
    except DecodeError as error:
        assert str(error)


def published() -> dict[str, list[bytes]]:
    """The bytes of the vectors, by the name of their decoder."""
    every: dict[str, list[bytes]] = {}
    for path in sorted((Path(__file__).parents[2] / "vectors").glob("*.toml")):
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        for vector in table["vector"]:
            profile = vector.get("profile") or table.get("profile")
            name = f"{profile} {vector['uuid']:04x}" if "uuid" in vector else str(profile)
            if "bytes" in vector and name in DECODERS:
                every.setdefault(name, []).append(bytes.fromhex(vector["bytes"]))
    return every


def damaged(whole: bytes, chance: random.Random) -> Iterator[bytes]:
    for _ in range(DAMAGES):
        bits = bytearray(whole)
        for _ in range(chance.randint(1, 3) if bits else 0):
            bits[chance.randrange(len(bits))] ^= 1 << chance.randrange(8)
        yield bytes(bits[: chance.randint(0, len(bits))]) if chance.random() < 0.2 else bytes(bits)
    yield whole + chance.randbytes(3)


DAMAGES = 60
PUBLISHED = published()


@pytest.mark.parametrize(("name", "messages"), PUBLISHED.items(), ids=PUBLISHED.keys())
def test_a_real_message_with_bits_turned_never_becomes_an_impossible_reading(name: str, messages: list[bytes]) -> None:
    chance = random.Random(20261122)
    for whole in messages:
        for each in damaged(whole, chance):
            feed(DECODERS[name], each)


REAL = {
    "heart_rate 2a37": "16 4d 16 03",
    "oximeter 2a5f": "0c 62 00 4e 00 20 00 00 00 00",
    "oximeter 2a5e": "17 61 00 60 00 e1 07 01 01 01 22 13 20 00 20 00 00",
    "glucose 2a18": "1b 04 00 e4 07 07 0e 0b 06 05 5a 02 77 b0 f8 00 00",
    "thermometer 2a1c": "06 68 01 00 ff e2 07 03 0a 15 34 00 02",
    "bthome_door": "40 00 4e 01 64 05 00 00 00 2d 01 3f 00 00",
}


@pytest.mark.parametrize(("name", "captured"), REAL.items(), ids=REAL.keys())
def test_one_byte_too_few_or_too_many_is_noticed(name: str, captured: str) -> None:
    """Advertisements end where they like, so a surplus byte there is an object of its own that is cut off."""
    data = bytes.fromhex(captured)
    assert feed(DECODERS[name], data)
    assert not feed(DECODERS[name], data[:-1])
    assert not feed(DECODERS[name], data + b"\x01")


@pytest.mark.parametrize("size", [0, 1, 6])
def test_a_date_is_seven_bytes(size: int) -> None:
    with pytest.raises(DecodeError, match="base time needs"):
        Reader(bytes(size)).date_time("base time")


@pytest.mark.parametrize(
    "data",
    [
        "e9 07 0d 01 00 00 00",
        "e9 07 02 1d 00 00 00",
        "e9 07 01 01 18 00 00",
        "e9 07 01 01 00 3c 00",
        "10 27 01 01 00 00 00",
    ],
)
def test_a_date_that_no_calendar_has_is_refused(data: str) -> None:
    with pytest.raises(DecodeError, match="base time"):
        Reader(bytes.fromhex(data)).date_time("base time")


@pytest.mark.parametrize("data", ["00 00 01 01 00 00 00", "e9 07 00 01 00 00 00", "e9 07 01 00 00 00 00"])
def test_a_date_that_the_device_does_not_know_is_none(data: str) -> None:
    assert Reader(bytes.fromhex(data)).date_time("base time") is None
