"""A virtual home as the gateway meets it: a process with a radio, a line that can be cut, and a script that plays."""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from bleak import BleakClient, BleakScanner

from devices.virtual.line import CutLine
from devices.virtual.remote import RemoteAdapter

pytestmark = pytest.mark.integration
HEART_RATE = "00002a37-0000-1000-8000-00805f9b34fb"
PRACTICE = Path(__file__).parents[2] / "deploy" / "practice.json"


@asynccontextmanager
async def virtual_home(folder: Path, **settings: object) -> AsyncIterator[tuple[Process, Path]]:
    said = folder / "said.jsonl"
    file = folder / "home.json"
    defaults = {"script": str(PRACTICE), "gateway": "demo-granstien", "broker_port": 9, "said": str(said)}
    file.write_text(json.dumps(defaults | settings))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "devices.virtual.home", str(file), stdout=PIPE, stderr=PIPE
    )
    try:
        yield process, said
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def told(process: Process) -> Any:
    assert process.stdout is not None
    return json.loads(await asyncio.wait_for(process.stdout.readline(), 20))


async def test_a_fall_in_the_script_is_told_heard_on_the_air_and_written_in_the_book(tmp_path: Path) -> None:
    practice = msgspec.json.decode(PRACTICE.read_bytes())
    practice["episodes"] = [{**each, "at_s": 0.2} for each in practice["episodes"] if each["name"] == "fall"]
    script = tmp_path / "script.json"
    script.write_bytes(msgspec.json.encode(practice))
    pressed = asyncio.Event()
    async with virtual_home(tmp_path, script=str(script)) as (home, said):
        adapter = await RemoteAdapter.open((await told(home))["ready"]["hci"])
        with adapter.as_default():
            async with BleakScanner(lambda device, _: pressed.set() if device.name == "Fallsmykke" else None):
                assert (await told(home))["episode"] == "fall"
                await asyncio.wait_for(pressed.wait(), 10)
        await adapter.close()
        home.terminate()
        assert await asyncio.wait_for(home.wait(), 10) == 0
    words = [json.loads(line) for line in said.read_text().splitlines()]
    assert [(word["device"], word["what"]) for word in words] == [("C0:33:00:00:00:01", "fall")]


async def test_a_hushed_home_says_nothing_more_but_stays_on_the_air(tmp_path: Path) -> None:
    async with virtual_home(tmp_path, gateway="demo-bjorkeveien", stream_s=0.05) as (home, said):
        adapter = await RemoteAdapter.open((await told(home))["ready"]["hci"])
        with adapter.as_default():
            strap = await BleakScanner.find_device_by_name("Pulsbelte", timeout=10)
            assert strap is not None
            async with BleakClient(strap) as client:
                beats: asyncio.Queue[bytes] = asyncio.Queue()
                await client.start_notify(HEART_RATE, lambda _, data: beats.put_nowait(bytes(data)))
                await asyncio.wait_for(beats.get(), 10)
                home.send_signal(signal.SIGUSR1)
                with pytest.raises(TimeoutError):
                    while True:  # those under way may still come
                        await asyncio.wait_for(beats.get(), 1)
                assert client.is_connected
        await adapter.close()
    assert said.read_text().count("heart_rate") >= 1


async def test_a_gateway_that_the_script_does_not_know_is_said_in_a_sentence(tmp_path: Path) -> None:
    async with virtual_home(tmp_path, gateway="demo-nowhere") as (home, _):
        _, complaint = await home.communicate()
    assert home.returncode == 2
    assert b"no home with the gateway 'demo-nowhere'" in complaint
    assert b"Traceback" not in complaint


async def test_a_cut_line_drops_what_is_connected_and_carries_again_when_it_is_up() -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(100):
            writer.write(data)
        writer.close()

    async def say(word: bytes) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(word)
        try:
            return await asyncio.wait_for(reader.read(100), 5)
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async with await asyncio.start_server(echo, "127.0.0.1", 0) as broker:
        line = CutLine(broker_port=broker.sockets[0].getsockname()[1])
        port = await line.start()
        assert await say(b"hello") == b"hello"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"still here")
        assert await reader.read(100) == b"still here"
        await line.set_up(False)
        assert await asyncio.wait_for(reader.read(100), 5) == b""
        writer.close()
        assert await say(b"hello") == b""
        await line.set_up(True)
        assert await say(b"again") == b"again"
        await line.stop()
