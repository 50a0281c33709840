"""Unmodified bleak code on the virtual radio: reading, writing, and what is in flight when the link drops."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from bleak import BleakClient
from bleak.exc import BleakError, BleakGATTProtocolError
from bumble.gatt import Characteristic, CharacteristicValue, Descriptor, Service

from devices.virtual.gatt_servers.connectable import ConnectablePeripheral
from devices.virtual.peripherals import Glucose
from devices.virtual.radio import Air
from tests.integration.virtual_radio_rig import PATIENCE_S, find

pytestmark = pytest.mark.integration

RECORD_ACCESS = "00002a52-0000-1000-8000-00805f9b34fb"
STRAP_2, METER = "F1:00:00:00:00:02", "F1:00:00:00:00:04"


class Switch(ConnectablePeripheral):
    """A device of this test with everything a client can do to one: long values, both writes, a slow read."""

    service_uuid = 0x1815

    def __init__(self, air: Air) -> None:
        super().__init__(air, name="SWITCH", address=STRAP_2, advertising_interval_ms=20)
        self.written: asyncio.Queue[bytes] = asyncio.Queue()
        self.slow_read_began, self.slow_read_may_end = asyncio.Event(), asyncio.Event()
        self.slower_read_may_end = asyncio.Event()

    async def _slow(self, _connection: object) -> bytes:
        self.slow_read_began.set()
        await self.slow_read_may_end.wait()
        return b"slow"

    async def _slower(self, _connection: object) -> bytes:
        await self.slower_read_may_end.wait()
        return b"slower"

    def services(self) -> list[Service]:
        both = Characteristic.Properties.WRITE | Characteristic.Properties.WRITE_WITHOUT_RESPONSE
        write: CharacteristicValue[bytes] = CharacteristicValue(write=lambda _c, value: self.written.put_nowait(value))
        slow: CharacteristicValue[bytes] = CharacteristicValue(read=self._slow)
        slower: CharacteristicValue[bytes] = CharacteristicValue(read=self._slower)
        readable, read = Characteristic.READABLE, Characteristic.Properties.READ
        label = Descriptor("2901", Characteristic.READABLE | Characteristic.WRITEABLE, b"label")
        return [
            Service(
                "1815",
                [
                    Characteristic("2A56", both, Characteristic.WRITEABLE, write, [label]),
                    Characteristic("2A57", read, readable, slow),
                    Characteristic("2A58", read, readable, bytes(range(256)) * 2),
                    Characteristic("2A59", read, readable, slower),
                ],
            )
        ]


WRITABLE = "00002a56-0000-1000-8000-00805f9b34fb"
SLOW = "00002a57-0000-1000-8000-00805f9b34fb"
LONG = "00002a58-0000-1000-8000-00805f9b34fb"
SLOWER = "00002a59-0000-1000-8000-00805f9b34fb"


@pytest.fixture
async def switch(air: Air) -> AsyncIterator[Switch]:
    async with (peripheral := Switch(air)):
        yield peripheral


@pytest.mark.parametrize("response", [True, False])
async def test_a_write_reaches_the_device(switch: Switch, response: bool) -> None:
    async with BleakClient(await find("SWITCH")) as client:
        await client.write_gatt_char(WRITABLE, b"\x01\x02", response=response)
        assert await asyncio.wait_for(switch.written.get(), PATIENCE_S) == b"\x01\x02"


async def test_values_longer_than_a_packet_are_read_and_written_whole(switch: Switch) -> None:
    async with BleakClient(await find("SWITCH")) as client:
        assert await client.read_gatt_char(LONG) == bytes(range(256)) * 2
        await client.write_gatt_char(WRITABLE, bytes(512), response=True)
        assert await asyncio.wait_for(switch.written.get(), PATIENCE_S) == bytes(512)


async def test_descriptors_are_found_read_and_written(switch: Switch) -> None:
    async with BleakClient(await find("SWITCH")) as client:
        characteristic = client.services.get_characteristic(WRITABLE)
        assert characteristic is not None
        assert characteristic.properties == ["write-without-response", "write"]
        label = characteristic.get_descriptor("00002901-0000-1000-8000-00805f9b34fb")
        assert label is not None
        assert await client.read_gatt_descriptor(label) == b"label"
        await client.write_gatt_descriptor(label, b"front door")
        assert await client.read_gatt_descriptor(label) == b"front door"


async def test_only_what_can_notify_can_be_listened_to(switch: Switch) -> None:
    async with BleakClient(await find("SWITCH")) as client:
        with pytest.raises(BleakError, match="neither notify nor indicate"):
            await client.start_notify(LONG, lambda _characteristic, _data: None)


async def test_an_att_error_arrives_with_its_code(air: Air) -> None:
    meter = Glucose(air, name="METER", address=METER, is_always_on_the_air=True)
    async with meter, BleakClient(await find("METER")) as client:
        with pytest.raises(BleakGATTProtocolError) as refused:
            await client.write_gatt_char(RECORD_ACCESS, b"\x01\x01", response=True)
    assert refused.value.code == 0xFD  # CSS part B 1.2: CCCD improperly configured


async def test_a_drop_fails_what_is_in_flight_and_is_told_once(air: Air, switch: Switch) -> None:
    told: list[BleakClient] = []
    client = BleakClient(await find("SWITCH"), disconnected_callback=told.append)
    await client.connect()
    reads = [asyncio.ensure_future(client.read_gatt_char(SLOW)) for _ in range(3)]
    await asyncio.wait_for(switch.slow_read_began.wait(), PATIENCE_S)
    air.drop(switch)
    for outcome in await asyncio.wait_for(asyncio.gather(*reads, return_exceptions=True), PATIENCE_S):
        assert isinstance(outcome, BleakError)
    assert not client.is_connected
    with pytest.raises(BleakError):
        await client.read_gatt_char(LONG)
    await client.disconnect()  # allowed, and quiet
    switch.slow_read_may_end.set()
    async with BleakClient(await find("SWITCH")):
        assert told == [client]


async def test_a_late_answer_is_not_taken_for_the_next_one(switch: Switch) -> None:
    async with BleakClient(await find("SWITCH")) as client:
        given_up = asyncio.ensure_future(client.read_gatt_char(SLOW))
        await asyncio.wait_for(switch.slow_read_began.wait(), PATIENCE_S)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        following = asyncio.ensure_future(client.read_gatt_char(SLOWER))
        await asyncio.sleep(0.05)
        switch.slow_read_may_end.set()
        await asyncio.sleep(0.05)
        switch.slower_read_may_end.set()
        assert await asyncio.wait_for(following, PATIENCE_S) == b"slower"
