"""Unmodified bleak code on the virtual radio: bonds that are made, kept and lost."""

import asyncio

import pytest
from bleak import BleakClient
from bleak.exc import BleakDBusError, BleakError, BleakGATTProtocolError

from devices.virtual.peripherals import Glucose
from devices.virtual.radio import Air
from tests.integration.virtual_radio_rig import PATIENCE_S, find, notifications

pytestmark = pytest.mark.integration

RECORD_ACCESS = "00002a52-0000-1000-8000-00805f9b34fb"
METER = "F1:00:00:00:00:04"


async def test_what_needs_a_bond_is_refused_without_one_and_the_bond_is_kept(air: Air) -> None:
    meter = Glucose(air, name="METER", address=METER, needs_bond=True, is_always_on_the_air=True)
    async with meter:
        device = await find("METER")
        with pytest.raises(BleakGATTProtocolError) as refused:
            await number_of_records(BleakClient(device))
        assert refused.value.code == 0x0F  # Core 5.4 vol 3 part F 3.4.1.1: insufficient encryption
        assert await number_of_records(BleakClient(device, pair=True)) == bytes.fromhex("05000000")
        assert await number_of_records(BleakClient(device)) == bytes.fromhex("05000000")
        await BleakClient(device).unpair()
        with pytest.raises(BleakGATTProtocolError):
            await number_of_records(BleakClient(device))


async def test_a_device_that_lost_its_bond_is_paired_again_after_unpair(air: Air) -> None:
    meter = Glucose(air, name="METER", address=METER, needs_bond=True, is_always_on_the_air=True)
    async with meter:
        device = await find("METER")
        await number_of_records(BleakClient(device, pair=True))
        assert meter.device.keystore is not None
        await meter.device.keystore.delete_all()
        with pytest.raises(BleakError):
            await BleakClient(device).connect()
        await BleakClient(device).unpair()
        assert await number_of_records(BleakClient(device, pair=True)) == bytes.fromhex("05000000")


async def test_a_device_keeps_its_bonds_when_it_is_off_and_a_stranger_needs_pairing_mode(air: Air) -> None:
    meter = Glucose(air, name="METER", address=METER, needs_bond=True, is_always_on_the_air=True)
    async with meter:
        await number_of_records(BleakClient(await find("METER"), pair=True))
    meter.is_pairing = False
    async with meter:
        device = await find("METER")
        assert await number_of_records(BleakClient(device, pair=True)) == bytes.fromhex("05000000")
        await BleakClient(device).unpair()
        with pytest.raises(BleakDBusError, match="AuthenticationFailed"):
            await number_of_records(BleakClient(device, pair=True))


async def test_a_device_that_keeps_no_bonds_refuses_the_key_at_the_next_visit(air: Air) -> None:
    meter = Glucose(air, name="METER", address=METER, needs_bond=True, is_always_on_the_air=True)
    meter.keeps_bonds = False
    async with meter:
        device = await find("METER")
        assert await number_of_records(BleakClient(device, pair=True)) == bytes.fromhex("05000000")
        with pytest.raises(BleakDBusError, match="AuthenticationFailed"):
            await number_of_records(BleakClient(device))


async def number_of_records(client: BleakClient) -> bytes:
    heard, callback = notifications()
    async with client:
        await client.start_notify(RECORD_ACCESS, callback)
        await client.write_gatt_char(RECORD_ACCESS, b"\x04\x01", response=True)
        return await asyncio.wait_for(heard.get(), PATIENCE_S)
