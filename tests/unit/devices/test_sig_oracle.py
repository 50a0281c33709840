"""Clock, zone, product number and heart rate against bluetooth-sig. Its medical floats are wrong and are no oracle."""

from datetime import datetime

from bluetooth_sig.gatt.characteristics.current_time import CurrentTimeCharacteristic
from bluetooth_sig.gatt.characteristics.heart_rate_measurement import HeartRateMeasurementCharacteristic
from bluetooth_sig.gatt.characteristics.local_time_information import LocalTimeInformationCharacteristic
from bluetooth_sig.gatt.characteristics.pnp_id import PnpIdCharacteristic
from hypothesis import given
from hypothesis import strategies as st

from devices.profiles import current_time, device_information, heart_rate
from devices.profiles.base import Contact, Identity, Reading
from devices.vocabulary import Kind

dates = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2999, 12, 31))  # noqa: DTZ001 - local


def date_bytes(at: datetime) -> bytes:
    """By hand from GSS Date Time."""
    return bytes((at.year % 256, at.year // 256, at.month, at.day, at.hour, at.minute, at.second))


@given(at=dates, fractions=st.integers(0, 255), reason=st.integers(0, 15))
def test_a_clock_is_what_the_oracle_reads(at: datetime, fractions: int, reason: int) -> None:
    data = date_bytes(at) + bytes((at.isoweekday(), fractions, reason))
    theirs, ours = CurrentTimeCharacteristic().parse_value(bytearray(data)), current_time.parse(data)
    assert ours.local is not None
    assert ours.local.replace(microsecond=0) == theirs.date_time
    assert ours.local.microsecond == theirs.fractions256 * 1_000_000 // 256
    assert (int(ours.day), ours.reason) == (int(theirs.day_of_week), int(theirs.adjust_reason))


@given(quarters=st.integers(-48, 56), summer=st.sampled_from([0, 2, 4, 8]))
def test_a_zone_is_what_the_oracle_reads(quarters: int, summer: int) -> None:
    data = quarters.to_bytes(1, signed=True) + bytes((summer,))
    theirs, ours = (
        LocalTimeInformationCharacteristic().parse_value(bytearray(data)),
        current_time.parse_local_time(data),
    )
    assert ours.utc_offset is not None
    assert ours.utc_offset.total_seconds() / 3600 == theirs.total_offset_hours


@given(st.sampled_from([1, 2]), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF), st.integers(0, 0xFFFF))
def test_a_product_number_is_what_the_oracle_reads(source: int, vendor: int, product: int, version: int) -> None:
    data = bytes((source,)) + b"".join(each.to_bytes(2, "little") for each in (vendor, product, version))
    theirs = PnpIdCharacteristic().parse_value(bytearray(data))
    (ours,) = device_information.decode_pnp_id(data)
    assert isinstance(ours, Identity)
    assert f"vendor {theirs.vendor_id:#06x} product {theirs.product_id:#06x} version " in ours.text
    digits = ours.text.rsplit(" ", 1)[1].split(".")
    assert int(digits[0], 16) << 8 | int(digits[1], 16) << 4 | int(digits[2], 16) == theirs.product_version


@given(
    per_min=st.integers(10, 255),
    contact=st.sampled_from([0x00, 0x04, 0x06]),
    energy=st.none() | st.integers(0, 0xFFFF),
    intervals=st.lists(st.integers(154, 6143), min_size=1, max_size=7),
)
def test_a_heart_beat_is_what_the_oracle_reads(
    per_min: int, contact: int, energy: int | None, intervals: list[int]
) -> None:
    flags = 0x10 | contact | (0 if energy is None else 0x08)
    data = bytes((flags, per_min)) + (b"" if energy is None else energy.to_bytes(2, "little"))
    data += b"".join(each.to_bytes(2, "little") for each in intervals)
    theirs = HeartRateMeasurementCharacteristic().parse_value(bytearray(data))
    ours = heart_rate.decode_measurement(data)
    if contact == 0x04:
        assert ours == (Contact(on_body=False),)
        return
    values = [(word.kind, word.value) for word in ours if isinstance(word, Reading)]
    assert values[0] == (Kind.HEART_RATE, theirs.heart_rate)
    assert values[1:] == [(Kind.RR_INTERVAL, seconds * 1000) for seconds in theirs.rr_intervals]
