"""Advertising data is read as the Core Specification Supplement, part A, writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.virtual.adverts import Advert, build_advert, parse_advert, uuid_text

# Core 5.4 vol 3 part C 11: each field is a length byte (of what follows), a type byte, and data.
STRAP = bytes.fromhex("02010603030d180609" + b"STRAP".hex())
BTHOME = bytes.fromhex("0201060a16d2fc44000b015d1a01")  # https://bthome.io/format, a window that was opened


def test_name_and_service_are_read() -> None:
    assert parse_advert(STRAP) == Advert(local_name="STRAP", service_uuids=("0000180d-0000-1000-8000-00805f9b34fb",))


def test_service_data_is_read_without_its_uuid() -> None:
    data = parse_advert(BTHOME).service_data
    assert data == {"0000fcd2-0000-1000-8000-00805f9b34fb": bytes.fromhex("44000b015d1a01")}


def test_manufacturer_data_and_transmit_power_are_read() -> None:
    advert = parse_advert(bytes.fromhex("05ff5900beef020af4"))
    assert advert.manufacturer_data == {0x0059: b"\xbe\xef"}
    assert advert.tx_power_dbm == -12


def test_a_complete_name_wins_over_a_shortened_one() -> None:
    assert parse_advert(bytes.fromhex("0308414203094344")).local_name == "CD"
    assert parse_advert(bytes.fromhex("0309434403084142")).local_name == "CD"


def test_uuids_of_all_widths_are_written_in_full() -> None:
    assert uuid_text(bytes.fromhex("0d18")) == "0000180d-0000-1000-8000-00805f9b34fb"
    assert uuid_text(bytes.fromhex("78563412")) == "12345678-0000-1000-8000-00805f9b34fb"
    assert uuid_text(bytes(range(16))) == "0f0e0d0c-0b0a-0908-0706-050403020100"


@pytest.mark.parametrize("cut", range(len(STRAP)))
def test_a_field_that_runs_past_the_end_is_where_the_advert_stops(cut: int) -> None:
    advert = parse_advert(STRAP[:cut])
    assert advert.local_name is None
    assert advert.service_uuids == (("0000180d-0000-1000-8000-00805f9b34fb",) if cut >= 7 else ())


@given(st.binary(max_size=255))
def test_no_bytes_break_the_reader(data: bytes) -> None:
    parse_advert(data)


def test_an_advert_is_built_as_specified() -> None:
    assert build_advert("STRAP", service_uuids=[0x180D]) == STRAP


def test_a_name_that_does_not_fit_is_shortened_and_says_so() -> None:
    data = build_advert("a thermometer with a long name", service_uuids=[0x1809])
    assert len(data) == 31
    assert data[7:9] == bytes([23, 0x08])
    assert parse_advert(data).local_name == "a thermometer with a l"


@pytest.mark.parametrize(("payload_bytes", "name_bytes"), [(21, 1), (22, 0), (23, None), (24, None)])
def test_the_name_gives_way_to_service_data(payload_bytes: int, name_bytes: int | None) -> None:
    data = build_advert("DOOR", service_data=[(0xFCD2, bytes(payload_bytes))])
    assert len(data) == 3 + 4 + payload_bytes + (0 if not name_bytes else 2 + name_bytes)


def test_service_data_that_cannot_fit_is_an_error() -> None:
    with pytest.raises(ValueError, match="DOOR: 32 bytes do not fit"):
        build_advert("DOOR", service_data=[(0xFCD2, bytes(25))])
