"""Scales: messages that belong together, the encoder's bytes by hand, and another library's reading of every flag."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from bluetooth_sig.gatt.characteristics.body_composition_measurement import BodyCompositionMeasurementCharacteristic
from bluetooth_sig.gatt.characteristics.weight_measurement import WeightMeasurementCharacteristic
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DecodeError
from devices.profiles import PROFILES, scale, scale_composition, scale_weight
from devices.profiles.base import Decode, Reading, Said
from devices.profiles.scale import CompositionFeature, WeightFeature
from devices.vocabulary import Kind

EVENING = datetime(2021, 7, 23, 21, 33, 31)  # noqa: DTZ001 - a device's local time
MORNING = datetime(2025, 3, 9, 7, 5, 30)  # noqa: DTZ001 - a device's local time
# Captured: github.com/oliexdev/openScale issues 219 (user 2, 61.37 kg) and 635 (fat 19.7 %, water 41.54 kg; no user).
WEIGHT = bytes.fromhex("0e f2 2f e5 07 07 17 15 21 1f 02 d4 00 a4 06")
COMPOSITION = bytes.fromhex("98 03 c5 00 a0 1b 7c 01 3c 2f 74 20 52 12")


@pytest.fixture
def decode() -> Decode:
    decoder = PROFILES["scale"].decoder()
    assert decoder is not None
    return decoder


def values(said: tuple[Said, ...]) -> dict[Kind, float | None]:
    return {each.kind: each.value for each in said if isinstance(each, Reading)}


def whose(said: tuple[Said, ...]) -> set[tuple[int, datetime | None]]:
    return {(each.slot, each.device_time) for each in said if isinstance(each, Reading)}


def test_a_composition_without_a_user_is_of_who_was_weighed_just_before(decode: Decode) -> None:
    decode(scale.WEIGHT, WEIGHT)
    assert whose(decode(scale.COMPOSITION, COMPOSITION)) == {(3, EVENING)}


def test_a_weight_has_one_composition_and_the_next_one_is_nobodys(decode: Decode) -> None:
    decode(scale.WEIGHT, WEIGHT)
    decode(scale.COMPOSITION, COMPOSITION)
    assert whose(decode(scale.COMPOSITION, COMPOSITION)) == {(0, None)}


def test_a_composition_with_a_user_of_its_own_is_not_given_to_who_was_weighed_before(decode: Decode) -> None:
    decode(scale.WEIGHT, WEIGHT)
    assert whose(decode(scale.COMPOSITION, bytes.fromhex("04 00 c5 00 05"))) == {(6, None)}


def test_a_composition_alone_is_nobodys() -> None:
    assert whose(scale_composition.decode(COMPOSITION)) == {(0, None)}


def test_two_scales_do_not_mix_their_users() -> None:
    kitchen, bath = PROFILES["scale"].decoder(), PROFILES["scale"].decoder()
    assert kitchen is not None and bath is not None
    kitchen(scale.WEIGHT, WEIGHT)
    assert whose(bath(scale.COMPOSITION, COMPOSITION)) == {(0, None)}


def test_a_weight_that_the_composition_repeats_is_said_once(decode: Decode) -> None:
    """By hand: 83.42 kg of user 1 at 07:05:30 in both, and fat 25.0 % in the second."""
    decode(scale.WEIGHT, bytes.fromhex("06 2c 41 e9 07 03 09 07 05 1e 01"))
    said = decode(scale.COMPOSITION, bytes.fromhex("06 04 fa 00 e9 07 03 09 07 05 1e 01 2c 41"))
    assert values(said) == {Kind.BODY_FAT: 25.0}


# By hand from BCS 3.2: bit 12 in both packets; user, time and muscle (33.0 kg) in the first, water (45.0 kg) after it.
FIRST = bytes.fromhex("26 10 fa 00 e9 07 03 09 07 05 1e 01 c8 19")
SECOND = bytes.fromhex("00 11 fa 00 28 23")


def test_a_composition_in_two_packets_is_one_users_and_of_one_time(decode: Decode) -> None:
    first, second = decode(scale.COMPOSITION, FIRST), decode(scale.COMPOSITION, SECOND)
    assert values(first) == {Kind.BODY_FAT: 25.0, Kind.MUSCLE_MASS: 33.0}
    assert values(second) == {Kind.BODY_WATER: 45.0}
    assert whose(first) == whose(second) == {(2, MORNING)}


def test_a_second_packet_that_got_lost_does_not_eat_the_next_first_one(decode: Decode) -> None:
    decode(scale.COMPOSITION, FIRST)
    again = decode(scale.COMPOSITION, FIRST)
    assert values(again) == {Kind.BODY_FAT: 25.0, Kind.MUSCLE_MASS: 33.0}


def test_somebody_elses_packet_is_not_taken_for_the_second_one(decode: Decode) -> None:
    """By hand: user 4 and water, where user 1's second packet should have been."""
    decode(scale.COMPOSITION, FIRST)
    said = decode(scale.COMPOSITION, bytes.fromhex("04 11 fa 00 04 28 23"))
    assert values(said) == {Kind.BODY_FAT: 25.0, Kind.BODY_WATER: 45.0}
    assert whose(said) == {(5, None)}


def test_a_first_packet_that_comes_twice_without_a_user_is_first_both_times(decode: Decode) -> None:
    first = bytes.fromhex("20 10 fa 00 c8 19")
    assert values(decode(scale.COMPOSITION, first)) == values(decode(scale.COMPOSITION, first))


def test_a_new_weight_ends_what_was_left_open_before(decode: Decode) -> None:
    decode(scale.COMPOSITION, FIRST)
    decode(scale.WEIGHT, WEIGHT)
    said = decode(scale.COMPOSITION, SECOND)
    assert whose(said) == {(3, EVENING)}
    assert values(said) == {Kind.BODY_FAT: 25.0, Kind.BODY_WATER: 45.0}


def test_two_packets_after_a_weight_are_both_of_who_was_weighed(decode: Decode) -> None:
    decode(scale.WEIGHT, WEIGHT)
    first = decode(scale.COMPOSITION, bytes.fromhex("20 10 fa 00 c8 19"))
    second = decode(scale.COMPOSITION, SECOND)
    assert whose(first) == whose(second) == {(3, EVENING)}


@pytest.mark.parametrize(
    ("encoded", "by_hand"),
    [
        (scale_weight.encode(kg=83.42), "00 2c 41"),
        (
            scale_weight.encode(kg=61.37, at=EVENING, of_user=2, bmi=21.2, height_cm=170),
            "0e f2 2f e5 07 07 17 15 21 1f 02 d4 00 a4 06",
        ),
        (scale_weight.encode(kg=None, of_user=0), "04 ff ff 00"),
        # 81.87342 kg = 180.5 lb; 180.086 cm = 70.9 in.
        (scale_weight.encode(kg=81.87342, bmi=25.2, height_cm=180.086, in_pounds=True), "09 82 46 fc 00 c5 02"),
        (
            scale_composition.encode(fat_percent=25, at=MORNING, of_user=1, muscle_kg=33, is_one_of_several=True),
            "26 10 fa 00 e9 07 03 09 07 05 1e 01 c8 19",
        ),
        (scale_composition.encode(fat_percent=25, water_kg=45, weight_kg=83.42), "00 05 fa 00 28 23 2c 41"),
        (scale_composition.encode(fat_percent=None), "00 00 ff ff"),
    ],
)
def test_a_virtual_scale_sends_the_bytes_of_a_real_one(encoded: bytes, by_hand: str) -> None:
    assert encoded == bytes.fromhex(by_hand)


def test_the_resolution_in_the_feature_is_how_finely_it_weighs() -> None:
    """By hand from WSS 3.1 and BCS 3.1: 3 is 0.1 kg, 7 is 0.005 kg, 2 is 0.005 m; 8 to 15 are reserved."""
    weight = scale.parse_weight_feature(bytes.fromhex("1f 01 00 00"))
    assert weight.can == WeightFeature.TIME | WeightFeature.SEVERAL_USERS | WeightFeature.BMI
    assert (weight.finest_kg, weight.finest_cm) == (Decimal("0.1"), Decimal("0.5"))
    composition = scale.parse_composition_feature((7 << 11 | 0x280).to_bytes(4, "little"))
    assert composition.can == CompositionFeature.BODY_WATER | CompositionFeature.WEIGHT
    assert (composition.finest_kg, composition.finest_cm) == (Decimal("0.005"), None)
    assert scale.parse_weight_feature((8 << 3).to_bytes(4, "little")).finest_kg is None


def explained(lines: list[str]) -> str:
    return "\n".join(lines)


def test_bytes_are_explained_to_a_technician_in_words() -> None:
    said = explained(scale_weight.explain(WEIGHT))
    assert "weight: 61.370 kg" in said and "user id: 2 (slot 3)" in said and "BMI: 21.2 kg/m2" in said
    assert "weight: unsuccessful" in explained(scale_weight.explain(bytes.fromhex("00 ff ff")))
    assert scale_composition.explain(COMPOSITION) == [
        "flags: basal metabolism, muscle percentage, soft lean mass, body water, impedance",
        "body fat: 19.70 %",
        "body water: 41.54 kg",
    ]
    assert scale_composition.explain(bytes.fromhex("04 00 ff ff 05"))[1:] == ["user: slot 6", "body fat: unsuccessful"]
    feature = scale.parse_weight_feature(bytes.fromhex("1f 01 00 00"))
    assert scale.explain_feature(feature) == [
        "feature: time, several users, bmi",
        "weighs by 0.1 kg, measures by 0.5 cm",
    ]


# What another library makes of the same bytes: bluetooth-sig, by R. Barnard, from the GATT Specification Supplement.
DATE = bytes.fromhex("e9 07 03 09 07 05 1e")


def fields(flags: int, sizes: dict[int, int], chance: Iterator[int]) -> bytes:
    content = b""
    for flag, size in sizes.items():
        if flags & flag:
            content += DATE if size == 7 else (next(chance) % (1 << 8 * size - 4) + 1).to_bytes(size, "little")
    return content


def theirs(characteristic: Any, data: bytes) -> Any:
    return characteristic.parse_value(bytearray(data), validate=False)


@given(
    flags=st.integers(0, 15),
    steps=st.integers(4000, 30000),
    rest=st.lists(st.integers(1, 4000), min_size=5, max_size=5),
)
def test_every_flag_of_a_weight_is_read_as_another_library_reads_it(flags: int, steps: int, rest: list[int]) -> None:
    data = bytes((flags,)) + steps.to_bytes(2, "little") + fields(flags, {2: 7, 4: 1, 8: 4}, iter(rest))
    other = theirs(WeightMeasurementCharacteristic(), data)
    try:
        ours = scale_weight.parse(data)
    except DecodeError:
        pytest.fail(data.hex())
    factor = 0.45359237 if flags & 1 else 1
    assert float(ours.values[Kind.WEIGHT] or 0) == pytest.approx(other.weight * factor)
    assert ours.whose.at == other.timestamp
    assert ours.whose.slot == (None if other.user_id is None else other.user_id + 1)
    if other.height:
        assert float(ours.values[Kind.HEIGHT] or 0) == pytest.approx(other.height * (2.54 if flags & 1 else 100))
    if other.bmi:
        assert float(ours.values[Kind.BMI] or 0) == pytest.approx(other.bmi)


SIZES = {0x2: 7, 0x4: 1} | {1 << bit: 2 for bit in range(3, 12)}


@given(flags=st.integers(0, 0xFFF), rest=st.lists(st.integers(1, 0xFFF), min_size=12, max_size=12))
def test_every_flag_of_a_composition_is_read_as_another_library_reads_it(flags: int, rest: list[int]) -> None:
    data = flags.to_bytes(2, "little") + b"\xfa\x00" + fields(flags, SIZES, iter(rest))
    other = theirs(BodyCompositionMeasurementCharacteristic(), data)
    ours = scale_composition.parse(data).message
    factor = 0.45359237 if flags & 1 else 1
    for kind, mass in (
        (Kind.MUSCLE_MASS, other.muscle_mass),
        (Kind.BODY_WATER, other.body_water_mass),
        (Kind.WEIGHT, other.weight),
    ):
        found = ours.values.get(kind)
        assert (found is None) == (mass is None)
        if found is not None:
            assert float(found) == pytest.approx(mass * factor)
    assert float(ours.values[Kind.BODY_FAT] or 0) == pytest.approx(other.body_fat_percentage)
    assert ours.whose.at == other.timestamp


@given(data=st.binary(max_size=24), more=st.binary(max_size=24))
def test_no_bytes_in_any_order_raise_anything_but_a_decode_error(data: bytes, more: bytes) -> None:
    decoder = PROFILES["scale"].decoder()
    assert decoder is not None
    for uuid, message in ((scale.WEIGHT, data), (scale.COMPOSITION, more), (scale.COMPOSITION, data)):
        try:
            decoder(uuid, message)
        except DecodeError as error:
            assert str(error)
