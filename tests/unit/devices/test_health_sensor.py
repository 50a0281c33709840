"""Generic Health Sensor: segments, codes and units, and the encoder's bytes by hand."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import DecodeError
from devices.profiles import PROFILES, elapsed_time, health_sensor
from devices.profiles.base import Decode, Reading, Said
from devices.profiles.health_codes import TYPES, Unit, converted
from devices.profiles.health_sensor import Status
from devices.vocabulary import KINDS, Kind

# 2025-03-09 07:05:30 after 2000-01-01.
SINCE = timedelta(seconds=794819130)
# By hand: SpO2 91 %, MDC 150456 = 0x00024bb8, percent 544 = 0x0220.
SPO2 = bytes.fromhex("01 0c 00 01 00 b8 4b 02 00 20 02 5b 00 00 00")


@pytest.fixture
def decode() -> Decode:
    decoder = PROFILES["health_sensor"].decoder()
    assert decoder is not None
    return decoder


def kinds(said: tuple[Said, ...]) -> list[tuple[Kind, float | None]]:
    return [(each.kind, each.value) for each in said if isinstance(each, Reading)]


def parts(*headers: int) -> list[bytes]:
    """SPO2 in as many segments as there are headers."""
    size = -(-len(SPO2) // len(headers))
    return [bytes((header,)) + SPO2[size * place : size * (place + 1)] for place, header in enumerate(headers)]


def test_segments_are_put_together_when_the_last_one_is_there(decode: Decode) -> None:
    """By hand: 0x01 first, counter 0; 0x04 counter 1; 0x0a last, counter 2."""
    first, second, last = parts(0x01, 0x04, 0x0A)
    assert decode(health_sensor.LIVE, first) == ()
    assert decode(health_sensor.LIVE, second) == ()
    assert kinds(decode(health_sensor.LIVE, last)) == [(Kind.SPO2, 91.0)]


def test_the_counter_of_segments_goes_round_after_63(decode: Decode) -> None:
    first, last = parts(0xFD, 0x02)
    decode(health_sensor.LIVE, first)
    assert kinds(decode(health_sensor.LIVE, last)) == [(Kind.SPO2, 91.0)]


def test_a_segment_that_got_lost_takes_its_own_observation_with_it_and_no_other(decode: Decode) -> None:
    first, _, last = parts(0x01, 0x04, 0x0A)
    decode(health_sensor.LIVE, first)
    with pytest.raises(DecodeError, match="segment 2 without the one before it"):
        decode(health_sensor.LIVE, last)
    assert kinds(decode(health_sensor.LIVE, b"\x0f" + SPO2)) == [(Kind.SPO2, 91.0)]


def test_an_observation_that_was_never_finished_is_forgotten_when_the_next_begins(decode: Decode) -> None:
    first, _ = parts(0x01, 0x06)
    decode(health_sensor.LIVE, first)
    assert kinds(decode(health_sensor.LIVE, b"\x07" + SPO2)) == [(Kind.SPO2, 91.0)]


def test_live_and_stored_segments_do_not_mix(decode: Decode) -> None:
    first, last = parts(0x01, 0x06)
    decode(health_sensor.LIVE, first)
    with pytest.raises(DecodeError):
        decode(health_sensor.STORED, last)
    assert kinds(decode(health_sensor.LIVE, last)) == [(Kind.SPO2, 91.0)]


def test_an_observation_without_an_end_is_refused_once_and_then_passed_over(decode: Decode) -> None:
    segment = bytes(240)
    decode(health_sensor.LIVE, b"\x01" + segment)
    refused = 0
    for counter in range(1, 63):
        try:
            assert decode(health_sensor.LIVE, bytes((counter << 2,)) + segment) == ()
        except DecodeError:
            refused += 1
    assert refused == 1
    assert kinds(decode(health_sensor.LIVE, b"\x03" + SPO2)) == [(Kind.SPO2, 91.0)]


def test_a_live_sensor_is_told_to_start_and_its_clock_is_read_before() -> None:
    profile = PROFILES["health_sensor"]
    assert profile.write == ((health_sensor.CONTROL_POINT, b"\x01"),)
    assert profile.read_first == (elapsed_time.ELAPSED_TIME,)
    assert profile.subscribe[0] == health_sensor.LIVE


# Codes: philips-labs/BLE-GHS-Server-Simulator, ObservationType.kt; FVC by the MII lung module's survey of the codes.
@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (152584, Kind.PEAK_FLOW),
        (152586, Kind.FEV1),
        (188928, Kind.FVC),
        (150456, Kind.SPO2),
        (149530, Kind.PULSE_RATE),
        (149546, Kind.PULSE_RATE),
        (147842, Kind.HEART_RATE),
        (151562, Kind.RESPIRATORY_RATE),
        (150021, Kind.SYSTOLIC),
        (150364, Kind.BODY_TEMPERATURE),
        (188424, Kind.BODY_TEMPERATURE),
        (188736, Kind.WEIGHT),
        (188740, Kind.HEIGHT),
        (188748, Kind.BODY_FAT),
        (188764, Kind.BODY_WATER),
        (160184, Kind.GLUCOSE),
        (160212, Kind.GLUCOSE_ISF),
    ],
)
def test_a_quantity_has_the_code_of_the_nomenclature(code: int, kind: Kind) -> None:
    assert TYPES[code] == (kind, False)


@pytest.mark.parametrize(
    ("kind", "unit", "value", "kept"),
    [
        (Kind.PEAK_FLOW, Unit.L_PER_S, "6.87", "412.2"),
        (Kind.PEAK_FLOW, Unit.ML_PER_MIN, "412000", "412"),
        (Kind.FVC, Unit.ML, "3120", "3.12"),
        (Kind.FVC, Unit.CL, "312", "3.12"),
        (Kind.BODY_TEMPERATURE, Unit.FAHRENHEIT, "101.3", "38.5"),
        (Kind.BODY_TEMPERATURE, Unit.KELVIN, "311.65", "38.5"),
        (Kind.WEIGHT, Unit.G, "83420", "83.42"),
        (Kind.WEIGHT, Unit.LB, "100", "45.359237"),
        (Kind.HEIGHT, Unit.M, "1.8", "180"),
        (Kind.HEIGHT, Unit.INCH, "70", "177.8"),
        (Kind.HEIGHT, Unit.MM, "1800", "180"),
        (Kind.GLUCOSE, Unit.MOL_PER_L, "0.0055", "5.5"),
        (Kind.RR_INTERVAL, Unit.S, "0.79", "790"),
        (Kind.RESPIRATORY_RATE, Unit.BREATH_PER_MIN, "16", "16"),
    ],
)
def test_units_are_converted_to_those_that_are_kept(kind: Kind, unit: Unit, value: str, kept: str) -> None:
    assert converted(kind, unit, Decimal(value)) == Decimal(kept)


def test_every_kind_that_has_a_code_has_a_unit() -> None:
    for kind, facts in KINDS.items():
        if facts.mdc:
            with pytest.raises(DecodeError, match="that is no unit"):
                converted(kind, 0, Decimal(1))


@pytest.mark.parametrize(
    ("encoded", "by_hand"),
    [
        (health_sensor.encode_numeric(mdc=150456, unit=Unit.PERCENT, value=91), SPO2.hex(" ")),
        (
            health_sensor.encode_numeric(mdc=152584, unit=Unit.L_PER_MIN, value=412, since=SINCE, patient=0),
            "01 16 00 23 00 08 54 02 00 20 3a fa 5f 2f 00 00 00 00 00 00 0c 9c 01 00 00",
        ),
        (
            health_sensor.encode_numeric(mdc=152586, unit=Unit.L, value=1.84, decimals=2, status=Status.QUESTIONABLE),
            "01 0e 00 09 00 0a 54 02 00 02 00 40 06 b8 00 00 fe",
        ),
        (
            health_sensor.encode_bundle(SPO2, since=SINCE, is_utc=True),
            "ff 1b 00 02 00 22 3a fa 5f 2f 00 00 00 00 01 01 0c 00 01 00 b8 4b 02 00 20 02 5b 00 00 00",
        ),
        (elapsed_time.encode_clock(SINCE, is_utc=False), "20 3a fa 5f 2f 00 00 00 00 00 00"),
        (elapsed_time.encode_clock(SINCE, is_utc=True, needs_set=True), "22 3a fa 5f 2f 00 00 00 00 01 00"),
    ],
)
def test_a_virtual_sensor_sends_the_bytes_of_a_real_one(encoded: bytes, by_hand: str) -> None:
    assert encoded == bytes.fromhex(by_hand)


def test_an_observation_is_cut_into_segments_that_fit() -> None:
    """By hand: the first has bit 0, the last bit 1, and the counter goes from 63 to 0."""
    cut = health_sensor.segments(bytes(range(25)), size=11, counter=62)
    assert [each[0] for each in cut] == [0xF9, 0xFC, 0x02]
    assert b"".join(each[1:] for each in cut) == bytes(range(25))
    assert max(map(len, cut)) == 11
    assert health_sensor.segments(b"\x01", size=20, counter=5) == [b"\x17\x01"]


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_no_bytes_in_any_order_raise_anything_but_a_decode_error(messages: list[bytes]) -> None:
    decoder = PROFILES["health_sensor"].decoder()
    assert decoder is not None
    for message in messages:
        for uuid in (health_sensor.LIVE, health_sensor.STORED):
            try:
                decoder(uuid, message)
            except DecodeError as error:
                assert str(error)


@given(st.integers(0, 8 * len(SPO2) - 1), st.binary(max_size=8))
def test_a_damaged_observation_is_refused_or_a_possible_reading(bit: int, tail: bytes) -> None:
    damaged = bytearray(SPO2 + tail)
    damaged[bit // 8] ^= 1 << bit % 8
    decoder = PROFILES["health_sensor"].decoder()
    assert decoder is not None
    try:
        said = decoder(health_sensor.LIVE, b"\x03" + bytes(damaged))
    except DecodeError:
        return
    for each in said:
        if isinstance(each, Reading) and each.value is not None:
            assert KINDS[each.kind].lowest <= each.value <= KINDS[each.kind].highest
