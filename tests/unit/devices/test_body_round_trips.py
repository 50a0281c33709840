"""What the virtual body sensors say is what their decoders hear, whatever was measured. That both are right is for the
vectors and for the bytes by hand."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.profiles import (
    blood_pressure,
    cgm,
    cgm_record,
    elapsed_time,
    health_sensor,
    scale_composition,
    scale_weight,
)
from devices.profiles.base import Reading, Said
from devices.profiles.health_codes import Unit
from devices.vocabulary import KINDS, Kind

moments = st.datetimes(datetime(2000, 1, 1), datetime(2099, 12, 31)).map(lambda at: at.replace(microsecond=0))  # noqa: DTZ001
users = st.none() | st.integers(0, 255)


def heard(said: tuple[Said, ...]) -> dict[Kind, float | None]:
    return {each.kind: each.value for each in said if isinstance(each, Reading)}


def slots(said: tuple[Said, ...]) -> set[int]:
    return {each.slot for each in said if isinstance(each, Reading)}


def slot(user: int | None) -> int:
    return 0 if user in (None, 255) else user + 1


@given(st.integers(20, 320), st.integers(10, 250), st.none() | st.integers(10, 350), st.none() | moments, users)
def test_a_blood_pressure(
    systolic: int, diastolic: int, pulse: int | None, at: datetime | None, user: int | None
) -> None:
    encoded = blood_pressure.encode_measurement(
        systolic_mmhg=systolic, diastolic_mmhg=diastolic, pulse_per_min=pulse, at=at, of_user=user
    )
    said = blood_pressure.decode_measurement(encoded)
    expected = {Kind.SYSTOLIC: systolic, Kind.DIASTOLIC: diastolic} | (
        {} if pulse is None else {Kind.PULSE_RATE: pulse}
    )
    assert heard(said) == expected
    assert slots(said) == {slot(user)}
    assert {each.device_time for each in said if isinstance(each, Reading)} == {at}


@given(st.integers(30, 240), st.integers(20, 180))
def test_a_blood_pressure_in_kpa_is_the_same_within_its_tenth(systolic: int, diastolic: int) -> None:
    encoded = blood_pressure.encode_measurement(systolic_mmhg=systolic, diastolic_mmhg=diastolic, in_kpa=True)
    found = heard(blood_pressure.decode_measurement(encoded))
    assert found == {  # half of 0.1 kPa is 0.375 mmHg
        Kind.SYSTOLIC: pytest.approx(systolic, abs=0.376),
        Kind.DIASTOLIC: pytest.approx(diastolic, abs=0.376),
    }


@given(st.integers(200, 65534), st.none() | moments, users, st.booleans())
def test_a_weight(steps: int, at: datetime | None, user: int | None, in_pounds: bool) -> None:
    kg = steps * (0.0045359237 if in_pounds else 0.005)
    if kg < KINDS[Kind.WEIGHT].lowest:
        return
    said = scale_weight.decode(scale_weight.encode(kg=kg, at=at, of_user=user, in_pounds=in_pounds))
    assert heard(said) == {Kind.WEIGHT: pytest.approx(kg)}
    assert slots(said) == {slot(user)}


@given(st.integers(10, 950), st.integers(100, 60000), st.booleans())
def test_a_composition(tenths: int, steps: int, is_one_of_several: bool) -> None:
    encoded = scale_composition.encode(
        fat_percent=tenths / 10, water_kg=steps * 0.005, is_one_of_several=is_one_of_several
    )
    said = scale_composition.decode(encoded)
    assert heard(said) == {Kind.BODY_FAT: pytest.approx(tenths / 10), Kind.BODY_WATER: pytest.approx(steps * 0.005)}


@given(
    st.lists(st.tuples(st.integers(2, 1080), st.integers(0, 0xFFFF)), min_size=1, max_size=4),
    st.booleans(),
    st.none() | st.integers(-50, 50),
)
def test_records_of_a_glucose_sensor(records: list[tuple[int, int]], with_crc: bool, trend: int | None) -> None:
    message = b"".join(
        cgm_record.encode_measurement(
            offset_min=minute,
            mg_per_dl=mg_per_dl,
            trend_per_min=None if trend is None else trend / 10,
            with_crc=with_crc,
        )
        for mg_per_dl, minute in records
    )
    said: list[Any] = list(cgm.decode_measurement(message))
    assert [(each.value, each.record, each.into_session) for each in said] == [
        (pytest.approx(mg_per_dl / 18.0156), minute, timedelta(minutes=minute)) for mg_per_dl, minute in records
    ]


@given(st.integers(10, 1500), st.none() | moments, st.booleans(), st.integers(8, 60), st.integers(0, 63))
def test_a_peak_flow_in_segments_of_any_size(
    flow: int, at: datetime | None, is_utc: bool, size: int, counter: int
) -> None:
    since = None if at is None else at - elapsed_time.EPOCH
    observation = health_sensor.encode_bundle(
        health_sensor.encode_numeric(mdc=152584, unit=Unit.L_PER_MIN, value=flow, patient=3), since=since, is_utc=is_utc
    )
    decode = health_sensor.joined()
    cut = health_sensor.segments(observation, size=size, counter=counter)
    said = [word for segment in cut for word in decode(health_sensor.LIVE, segment)]
    reading = said[-1]
    assert isinstance(reading, Reading)
    assert (reading.kind, reading.value, reading.slot) == (Kind.PEAK_FLOW, flow, 4)
    assert reading.device_time == (None if is_utc else at)
    assert reading.into_session == (since if is_utc else None)
