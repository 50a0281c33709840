"""A virtual home in a process of its own: devices on a radio that a gateway's agent reaches over a socket, the person
whom they measure, the line to the broker, and the script that plays.

`python -m devices.virtual.home SETTINGS.json` prints a JSON line when it is ready and one for each episode that begins.
SIGUSR1 silences the devices and ends the script; radio and line stay, so that what was said can still arrive.
"""

import asyncio
import json
import os
import signal
import sys
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO
from zoneinfo import ZoneInfo

import msgspec

from devices.virtual import script
from devices.virtual.hci_server import HciServer, serve_hci
from devices.virtual.line import CutLine
from devices.virtual.physiology import Person
from devices.virtual.radio import Air
from devices.virtual.sensor import Around, Sensor, Word
from devices.virtual.sensors import SENSORS

ZONE = ZoneInfo("Europe/Oslo")


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`episode` empty: the whole script. `said`: a file that gets one line for each word of a device."""

    script: str
    gateway: str
    broker_port: int
    episode: str = ""
    stream_s: float = 1.0
    said: str = ""


class VirtualHome:
    def __init__(self, settings: Settings, practice: script.Practice, said: TextIO) -> None:
        home = next((home for home in practice.homes if home.gateway == settings.gateway), None)
        if home is None:
            raise script.ScriptError(f"the script has no home with the gateway {settings.gateway!r}")
        self._settings = settings
        self._cues = script.cues(script.chosen(practice, settings.episode or None), home.gateway)
        self._said = said
        self._began = 0.0
        self.line = CutLine(broker_port=settings.broker_port)
        self.air = Air()
        self.person = Person(seed=home.seed, baseline=home.patient.baseline)
        around = Around(air=self.air, person=self.person, clock=_now, zone=ZONE, book=self._write)
        self.sensors: dict[str, Sensor] = {each.address: SENSORS[each.profile](each, around) for each in home.devices}

    async def live(self, stopped: asyncio.Event, hushed: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            for sensor in self.sensors.values():
                await stack.enter_async_context(sensor.peripheral)
            server = await stack.enter_async_context(await serve_hci(self.air))
            stack.push_async_callback(self.line.stop)
            _tell({"ready": {"hci": server.address, "line": await self.line.start()}})
            self._began = asyncio.get_running_loop().time()
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._stream(sensor)) for sensor in self.sensors.values()]
                running.append(tasks.create_task(self._play(server)))
                await hushed.wait()
                for task in running:
                    task.cancel()
            await stopped.wait()

    def _t_s(self) -> float:
        return asyncio.get_running_loop().time() - self._began

    async def _stream(self, sensor: Sensor) -> None:
        beats = 0
        while True:
            beats += 1
            await asyncio.sleep(max(0.0, beats * self._settings.stream_s - self._t_s()))
            await sensor.beat(self._t_s())

    async def _play(self, server: HciServer) -> None:
        await server.reader_came.wait()  # before that nobody is there to see it
        opened_s = self._t_s()
        for cue in self._cues:
            await asyncio.sleep(max(0.0, opened_s + cue.at_s - self._t_s()))
            if cue.opens:
                _tell({"episode": cue.episode.name, "title": cue.episode.title})
            await self._act(cue.step)

    async def _act(self, step: script.Step) -> None:
        match step:
            case script.Course(course=course, over_s=over_s):
                self.person.begin(course, at_s=self._t_s(), over_s=over_s)
            case script.TakeOff(device=device):
                self.sensors[device].put(on_body=False)
            case script.PutOn(device=device):
                self.sensors[device].put(on_body=True)
            case script.Line(up=up):
                await self.line.set_up(up)
            case _:
                await self._use(self.sensors[step.device], step)

    async def _use(self, sensor: Sensor, step: script.Use) -> None:
        match step:
            case script.Measure():
                await sensor.measure(self._t_s())
            case script.Press():
                await sensor.press()
            case script.Door(opened=opened):
                await sensor.turn(opened)
            case script.Fall(took_back=took_back):
                await sensor.fall(took_back)
            case script.Dose(taken=taken):
                await sensor.dose(taken)
            case script.Occupy(occupied=occupied):
                await sensor.occupy(occupied)

    def _write(self, device: str, word: Word) -> None:
        at_ms = int(word.at.timestamp() * 1000)
        line = {"at_ms": at_ms, "device": device, "what": word.what, "value": word.value, "memory": word.memory}
        self._said.write(json.dumps(line) + "\n")
        self._said.flush()


def _now() -> datetime:
    return datetime.now(UTC)


def _tell(line: dict[str, object]) -> None:
    print(json.dumps(line, ensure_ascii=False), flush=True)


async def _run(settings: Settings, practice: script.Practice, said: TextIO) -> None:
    stopped, hushed = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def stop() -> None:
        hushed.set()
        stopped.set()

    loop.add_signal_handler(signal.SIGINT, stop)
    loop.add_signal_handler(signal.SIGTERM, stop)
    loop.add_signal_handler(signal.SIGUSR1, hushed.set)
    await VirtualHome(settings, practice, said).live(stopped, hushed)


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        print("usage: python -m devices.virtual.home SETTINGS.json", file=sys.stderr)
        return 2
    try:
        settings = msgspec.json.decode(Path(arguments[0]).read_bytes(), type=Settings)
        practice = script.read(Path(settings.script))
        with suppress(KeyboardInterrupt), Path(settings.said or os.devnull).open("a", encoding="utf-8") as said:
            asyncio.run(_run(settings, practice, said))
    except (OSError, msgspec.MsgspecError, script.ScriptError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
