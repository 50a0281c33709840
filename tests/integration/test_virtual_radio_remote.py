"""The virtual home in one process and its reader in another: who is killed, and what the other one sees."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from bleak import BleakClient, BleakScanner
from bleak.exc import BleakBluetoothNotAvailableError, BleakError

from devices.virtual.hci_server import HciServer, serve_hci
from devices.virtual.peripherals import Glucose, HeartRate
from devices.virtual.radio import Air
from devices.virtual.remote import RemoteAdapter, parse_address

pytestmark = pytest.mark.integration

HEART_RATE = "00002a37-0000-1000-8000-00805f9b34fb"
BATTERY = "00002a19-0000-1000-8000-00805f9b34fb"
GLUCOSE = "00002a18-0000-1000-8000-00805f9b34fb"
RECORD_ACCESS = "00002a52-0000-1000-8000-00805f9b34fb"
STRAP, METER = "F1:00:00:00:00:01", "F1:00:00:00:00:02"
PATIENCE_S = 60

# A reader as an agent would be: it connects, subscribes, says so, and prints each notification until it is killed.
READER = """
import asyncio, sys
from bleak import BleakClient, BleakScanner
from devices.virtual.remote import RemoteAdapter

async def read(address, name, uuid):
    with (await RemoteAdapter.open(address)).as_default():
        device = await BleakScanner.find_device_by_name(name, timeout=20)
        async with BleakClient(device) as client:
            await client.start_notify(uuid, lambda _, data: print(data.hex(), flush=True))
            print("listening", flush=True)
            await asyncio.Event().wait()

asyncio.run(read(*sys.argv[1:]))
"""

# A home in a process of its own, with a strap whose heart beats ten times a second.
HOME = """
import asyncio, sys
from devices.virtual.hci_server import serve_hci
from devices.virtual.peripherals import HeartRate
from devices.virtual.radio import Air

async def live(address):
    air = Air()
    strap = HeartRate(air, name="STRAP", address="F1:00:00:00:00:01", battery_percent=77)
    await strap.start()
    server = await serve_hci(air, address)
    print(server.address, flush=True)
    while True:
        await strap.publish(bytes([0x06, 60]))
        await asyncio.sleep(0.1)

asyncio.run(live(sys.argv[1]))
"""


async def spawn(program: str, *arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *arguments, stdout=asyncio.subprocess.PIPE
    )


async def said(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), PATIENCE_S)).decode().strip()


async def kill_9(process: asyncio.subprocess.Process) -> None:
    process.send_signal(signal.SIGKILL)
    await process.wait()


@pytest.fixture
async def air() -> AsyncIterator[Air]:
    broken: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, context: broken.append(context))
    async with Air() as empty:
        yield empty
    assert broken == []


@pytest.fixture
async def home(air: Air) -> AsyncIterator[HciServer]:
    async with await serve_hci(air) as server:
        yield server


@pytest.fixture
async def strap(air: Air) -> AsyncIterator[HeartRate]:
    async with HeartRate(air, name="STRAP", address=STRAP, battery_percent=77) as peripheral:
        yield peripheral


async def test_a_reader_in_another_process_hears_the_device(home: HciServer, strap: HeartRate) -> None:
    reader = await spawn(READER, home.address, "STRAP", HEART_RATE)
    try:
        assert await said(reader) == "listening"
        assert await strap.publish(bytes.fromhex("163c0004")) == 1
        assert await said(reader) == "163c0004"
    finally:
        await kill_9(reader)


async def test_when_a_reader_is_killed_its_links_drop_and_the_next_one_connects_at_once(
    home: HciServer, strap: HeartRate
) -> None:
    for _ in range(2):
        reader = await spawn(READER, home.address, "STRAP", HEART_RATE)
        assert await said(reader) == "listening"
        assert len(strap.connections) == 1
        dropped = asyncio.Event()
        strap.connections[0].on("disconnection", lambda _reason, dropped=dropped: dropped.set())
        await kill_9(reader)
        await asyncio.wait_for(dropped.wait(), PATIENCE_S)
        assert await strap.publish(b"\x06\x3c") == 0


async def test_a_meter_keeps_its_records_when_its_reader_is_killed(air: Air, home: HciServer) -> None:
    # GLS 1.0.1, 3.1: flags 0x00, sequence number, 2026-01-05 08:00:00
    records = [bytes([0x00, number, 0x00, 0xEA, 0x07, 1, 5, 8, 0, 0]) for number in (1, 2, 3)]
    meter = Glucose(air, name="METER", address=METER)
    await meter.start()
    for record in records:
        meter.measure(record)
    reader = await spawn(READER, home.address, "METER", GLUCOSE)
    assert await said(reader) == "listening"
    await kill_9(reader)
    heard: list[bytes] = []
    done = asyncio.Event()
    adapter = await RemoteAdapter.open(home.address)
    with adapter.as_default():
        async with BleakClient(METER, timeout=PATIENCE_S) as client:
            await client.start_notify(GLUCOSE, lambda _characteristic, data: heard.append(bytes(data)))
            await client.start_notify(RECORD_ACCESS, lambda _characteristic, _data: done.set())
            await client.write_gatt_char(RECORD_ACCESS, b"\x01\x01", response=True)
            await asyncio.wait_for(done.wait(), PATIENCE_S)
    await adapter.close()
    assert heard == records


async def test_a_new_reader_takes_the_adapter_from_one_that_hangs(home: HciServer, strap: HeartRate) -> None:
    stuck = await spawn(READER, home.address, "STRAP", HEART_RATE)
    assert await said(stuck) == "listening"
    stuck.send_signal(signal.SIGSTOP)
    reader = await spawn(READER, home.address, "STRAP", HEART_RATE)
    try:
        assert await said(reader) == "listening"
    finally:
        await kill_9(reader)
        await kill_9(stuck)


async def test_a_reader_that_does_not_read_is_cut_off_before_the_home_grows(home: HciServer, strap: HeartRate) -> None:
    stuck = await spawn(READER, home.address, "STRAP", HEART_RATE)
    assert await said(stuck) == "listening"
    stuck.send_signal(signal.SIGSTOP)
    async with asyncio.timeout(PATIENCE_S):
        while home.has_reader:
            for _ in range(100):
                await strap.publish(bytes(500))
            await asyncio.sleep(0)
    await kill_9(stuck)


@pytest.mark.parametrize("scheme", ["tcp", "unix"])
async def test_a_home_that_is_killed_is_missed_and_found_again(tmp_path: Path, scheme: str) -> None:
    wanted = "tcp:127.0.0.1:0" if scheme == "tcp" else f"unix:{tmp_path}/home.sock"
    home = await spawn(HOME, wanted)
    address = await said(home)
    adapter = await RemoteAdapter.open(address)
    gone: asyncio.Queue[BleakClient] = asyncio.Queue()
    with adapter.as_default():
        device = await BleakScanner.find_device_by_name("STRAP", timeout=PATIENCE_S)
        assert device is not None
        client = BleakClient(device, disconnected_callback=gone.put_nowait)
        await client.connect()
        assert await client.read_gatt_char(BATTERY) == b"\x4d"
        await kill_9(home)
        assert await asyncio.wait_for(gone.get(), PATIENCE_S) is client
        with pytest.raises(BleakError):
            await client.read_gatt_char(BATTERY)
        with pytest.raises(BleakBluetoothNotAvailableError, match="there is no adapter"):
            await client.connect()
        with pytest.raises(BleakBluetoothNotAvailableError, match="there is no adapter"):
            await BleakScanner().start()
        home = await spawn(HOME, address)
        assert await said(home) == address
        heard: asyncio.Queue[bytes] = asyncio.Queue()
        await client.connect()
        await client.start_notify(HEART_RATE, lambda _characteristic, data: heard.put_nowait(bytes(data)))
        assert await asyncio.wait_for(heard.get(), PATIENCE_S) == b"\x06\x3c"
        await client.disconnect()
    await adapter.close()
    await kill_9(home)
    assert gone.qsize() == 1


async def test_a_home_that_was_never_there_is_an_adapter_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BleakBluetoothNotAvailableError, match="there is no adapter"):
        await RemoteAdapter.open(f"unix:{tmp_path}/nobody.sock")


async def test_an_adapter_may_be_made_before_its_home(tmp_path: Path, air: Air, strap: HeartRate) -> None:
    adapter = RemoteAdapter(f"unix:{tmp_path}/home.sock")
    with adapter.as_default():
        with pytest.raises(BleakBluetoothNotAvailableError):
            await BleakScanner.discover(0.1)
        async with await serve_hci(air, f"unix:{tmp_path}/home.sock"):
            assert [device.name for device in await BleakScanner.discover(0.3)] == ["STRAP"]
            await adapter.close()
    assert not (tmp_path / "home.sock").exists()


async def test_a_scanner_goes_on_when_the_adapter_comes_back(tmp_path: Path, air: Air, strap: HeartRate) -> None:
    address = f"unix:{tmp_path}/home.sock"
    heard: asyncio.Queue[str | None] = asyncio.Queue()
    adapter = RemoteAdapter(address)
    with adapter.as_default():
        home = await serve_hci(air, address)
        async with BleakScanner(lambda device, _advert: heard.put_nowait(device.name)):
            await asyncio.wait_for(heard.get(), PATIENCE_S)
            gone = asyncio.Event()
            await BleakClient(STRAP, lambda _client: gone.set(), timeout=PATIENCE_S).connect()
            await home.close()
            await asyncio.wait_for(gone.wait(), PATIENCE_S)
            home = await serve_hci(air, address)
            await adapter.on()
            while not heard.empty():
                heard.get_nowait()
            assert await asyncio.wait_for(heard.get(), PATIENCE_S) == "STRAP"
        await adapter.close()
        await home.close()


async def test_keys_in_a_file_outlive_the_reader(tmp_path: Path, air: Air, home: HciServer) -> None:
    meter = Glucose(air, name="METER", address="F1:00:00:00:00:07", needs_bond=True, is_always_on_the_air=True)
    async with meter:
        for is_pairing in (True, False):
            meter.is_pairing = is_pairing
            adapter = RemoteAdapter(home.address, tmp_path / "bonds.json")
            with adapter.as_default():
                device = await BleakScanner.find_device_by_name("METER", timeout=PATIENCE_S)
                assert device is not None
                async with BleakClient(device, pair=True) as client:
                    # Record Access Control Point: report the number of all stored records
                    await client.start_notify("00002a52-0000-1000-8000-00805f9b34fb", lambda _who, _data: None)
                    await client.write_gatt_char("00002a52-0000-1000-8000-00805f9b34fb", b"\x04\x01", response=True)
            await adapter.close()


async def test_who_listens_is_told_when_the_home_goes(home: HciServer) -> None:
    adapter = await RemoteAdapter.open(home.address)
    gone = asyncio.create_task(adapter.gone())
    await asyncio.sleep(0)
    assert not gone.done()
    await home.close()
    await asyncio.wait_for(gone, PATIENCE_S)
    await adapter.close()


async def test_garbage_on_the_socket_ends_that_reader_only(home: HciServer, strap: HeartRate) -> None:
    host, port = home.address.removeprefix("tcp:").rsplit(":", 1)
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises((EOFError, ConnectionError)):
        await asyncio.wait_for(reader.readexactly(1), PATIENCE_S)
    writer.close()
    adapter = await RemoteAdapter.open(home.address)
    with adapter.as_default():
        async with BleakClient(STRAP, timeout=PATIENCE_S) as client:
            assert await client.read_gatt_char(BATTERY) == b"\x4d"
    await adapter.close()


@pytest.mark.parametrize(
    "text", ["", "tcp:", "tcp:127.0.0.1", "tcp:0.0.0.0:1", "tcp:192.0.2.1:1", "unix:", "unix:/" + "x" * 107, "/run/x"]
)
def test_an_address_that_cannot_work_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=r"tcp:127\.0\.0\.1:PORT"):
        parse_address(text)


@pytest.mark.parametrize("text", ["tcp:127.0.0.1:4711", "tcp:localhost:1", "tcp:::1:1", "unix:/run/ø å/home.sock"])
def test_an_address_is_written_as_it_is_read(text: str) -> None:
    assert str(parse_address(text)) == text
