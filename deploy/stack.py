"""Starts and stops the processes of an exercise: the server, virtual homes and their gateways.

It imports nothing of them: what it knows is their commands, configuration files and ready files.
"""

import ctypes
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

PRACTICE = Path(__file__).with_name("practice.json")
_PR_SET_PDEATHSIG = 1


class StackError(RuntimeError):
    """A process did not come up; the message names it and its log."""


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass(kw_only=True)
class Process:
    """One child, its log, and how to start it again after it was killed."""

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    pipe: bool = False
    _child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as log:
            self._child = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if self.pipe else log,
                stderr=log,
                env={**os.environ, **self.environment},
                start_new_session=True,  # a Ctrl-C in the terminal is ours to pass on, in order
                preexec_fn=_die_with_parent,
            )

    @property
    def pid(self) -> int:
        assert self._child is not None
        return self._child.pid

    @property
    def stdout(self) -> Any:
        assert self._child is not None
        return self._child.stdout

    def alive(self) -> bool:
        return self._child is not None and self._child.poll() is None

    def hush(self) -> None:
        """To a virtual home: no more words from its devices."""
        os.kill(self.pid, signal.SIGUSR1)

    def kill(self) -> None:
        assert self._child is not None
        self._child.kill()
        self._child.wait()

    def stop(self) -> None:
        self.ask_to_stop()
        self.await_end()

    def ask_to_stop(self) -> None:
        if self.alive():
            assert self._child is not None
            self._child.terminate()

    def await_end(self, within_s: float = 15.0) -> None:
        if self._child is None:
            return
        try:
            self._child.wait(within_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def tail(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines() if self.log.exists() else []
        return "\n".join(f"    {line}" for line in lines[-8:])


class Stack:
    """The server and one (virtual home, gateway) pair per home of the exercise, all under one data directory."""

    def __init__(
        self,
        data: Path,
        *,
        practice: dict[str, Any] | None = None,
        episode: str | None = None,
        heartbeat_s: float = 5.0,
        stream_s: float = 1.0,
        cadence_s: float | None = None,
    ) -> None:
        """`cadence_s`: one interval of a continuous stream in so many seconds; None: as the profiles say."""
        self.data = data.resolve()
        self.practice: dict[str, Any] = practice or json.loads(PRACTICE.read_text(encoding="utf-8"))
        self.password = secrets.token_urlsafe(9)
        self._episode = episode
        self._heartbeat_s, self._stream_s, self._cadence_s = heartbeat_s, stream_s, cadence_s
        self.homes: dict[str, Process] = {}
        self.gateways: dict[str, Process] = {}
        self._logs = self.data / "logs"
        self._logs.mkdir(parents=True, exist_ok=True)
        self.ready_file = self.data / "ready.json"
        self.server = self._process(
            "server",
            ["server", "serve", "--ready-file", str(self.ready_file)],
            # Everything is on this machine, and whoever tries it may watch the wire.
            {"HJEMVAKT_DATA": str(self.data / "server"), "HJEMVAKT_MQTT_PLAIN": "true"},
        )

    def _process(
        self, name: str, module: list[str], environment: dict[str, str] | None = None, pipe: bool = False
    ) -> Process:
        return Process(
            name=name,
            command=[sys.executable, "-m", *module],
            log=self._logs / f"{name}.log",
            environment=environment or {},
            pipe=pipe,
        )

    def ready(self) -> dict[str, Any]:
        """Addresses and process ids as the server last wrote them."""
        found: dict[str, Any] = json.loads(self.ready_file.read_text())
        return found

    def start_server(self, within_s: float = 120.0) -> None:
        self.ready_file.unlink(missing_ok=True)
        self.server.start()
        self._wait(self.ready_file.exists, self.server, within_s)
        enrolment = self.data / "enrolment.json"
        enrolment.write_text(json.dumps(self._enrolment(), ensure_ascii=False), encoding="utf-8")
        enrolment.chmod(0o600)
        loading = subprocess.run(
            [sys.executable, "-m", "server", "load", str(enrolment)],
            env={
                **os.environ,
                "HJEMVAKT_DATA": str(self.data / "server"),
                "HJEMVAKT_DATABASE_URL": self.ready()["dsn"],
            },
            capture_output=True,
            text=True,
            check=False,
        )
        if loading.returncode:
            raise StackError(f"the exercise could not be enrolled: {loading.stderr.strip()}")

    def start_homes(self) -> None:
        """Each home, and its gateway as soon as the home's radio and line are there.

        Call it from the main thread: a child ends with the thread that started it."""
        for home in self.practice["homes"]:
            name = home["gateway"]
            process = self._process(f"home-{name}", ["devices.virtual.home", str(self._home_file(home))], pipe=True)
            process.start()
            self.homes[name] = process
        for home in self.practice["homes"]:
            self._start_gateway(home, self.homes[home["gateway"]])

    def _start_gateway(self, home: dict[str, Any], process: Process) -> None:
        line = process.stdout.readline()
        if not line:
            raise StackError(f"{process.name} stopped. Its last words ({process.log}):\n{process.tail()}")
        ready = json.loads(line)["ready"]
        config = self._gateway_file(home, ready["hci"], ready["line"])
        name = home["gateway"]
        self.gateways[name] = self._process(f"gateway-{name}", ["edge", "run", "--config", str(config)])
        self.gateways[name].start()

    def stop(self) -> None:
        """The gateways first, whose last words the server is to hear; all of a kind at once."""
        for kind in (self.gateways.values(), self.homes.values(), (self.server,)):
            for process in kind:
                process.ask_to_stop()
            for process in kind:
                process.await_end()

    def _wait(self, happened: Callable[[], bool], process: Process, within_s: float) -> None:
        end = time.monotonic() + within_s
        while not happened():
            if not process.alive():
                raise StackError(
                    f"{process.name} stopped while starting. Its last words ({process.log}):\n{process.tail()}"
                )
            if time.monotonic() > end:
                raise StackError(f"{process.name} was not ready within {within_s:.0f} s. Its log is {process.log}")
            time.sleep(0.02)

    def said_file(self, gateway: str) -> Path:
        return self.data / "homes" / f"{gateway}.said.jsonl"

    def outbox_folder(self, gateway: str) -> Path:
        return self.data / "gateways" / gateway

    def _home_file(self, home: dict[str, Any]) -> Path:
        folder = self.data / "homes"
        folder.mkdir(exist_ok=True)
        file = folder / f"{home['gateway']}.json"
        script = folder / "practice.json"
        script.write_text(json.dumps(self.practice, ensure_ascii=False), encoding="utf-8")
        settings = {
            "script": str(script),
            "gateway": home["gateway"],
            "broker_port": int(self.ready()["mqtt"].rsplit(":", 1)[1]),
            "episode": self._episode or "",
            "stream_s": self._stream_s,
            "said": str(self.said_file(home["gateway"])),
        }
        file.write_text(json.dumps(settings), encoding="utf-8")
        return file

    def _gateway_file(self, home: dict[str, Any], hci: str, line_port: int) -> Path:
        folder = self.outbox_folder(home["gateway"])
        folder.mkdir(parents=True, exist_ok=True)
        lines = [
            f'gateway = "{home["gateway"]}"',
            f"bucket = {home['bucket']}",
            f'mqtt = "mqtt://127.0.0.1:{line_port}"',
            f"data_dir = {json.dumps(str(folder), ensure_ascii=False)}",
            f"heartbeat_s = {self._heartbeat_s}",
            "[radio]",
            f'virtual = "{hci}"',
        ]
        for device in home["devices"]:
            lines += ["[[devices]]", f'address = "{device["address"]}"', f'profile = "{device["profile"]}"']
            lines += [] if self._cadence_s is None else [f"cadence_s = {self._cadence_s}"]
        file = folder / "gateway.toml"
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def _enrolment(self) -> dict[str, Any]:
        """The enrolment list that `hjemvakt load` takes."""
        homes = self.practice["homes"]
        team = self.practice["team"]
        return {
            "teams": [{"name": team}],
            "staff": [self._member(member, team) for member in self.practice["staff"]],
            "homes": [
                {**{key: home[key] for key in ("name", "address", "bucket")}, "team": team, **_night_now()}
                for home in homes
            ],
            "patients": [_patient(home, team) for home in homes],
            "gateways": [{"name": home["gateway"], "home": home["name"]} for home in homes],
            "devices": [
                {"address": d["address"], "profile": d["profile"], "cadence_s": self._cadence_s}
                for home in homes
                for d in home["devices"]
            ],
            "bindings": [_binding(home, device) for home in homes for device in home["devices"]],
        }

    def _member(self, member: dict[str, Any], team: str) -> dict[str, Any]:
        named = {key: member[key] for key in ("login", "name", "initials")}
        return {**named, "password": self.password, "teams": {team: member["role"]}}


def _night_now() -> dict[str, str]:
    """The script's clock says 03:00 when the door opens: the homes' night covers the exercise, whatever the time is."""
    now = datetime.now(ZoneInfo("Europe/Oslo"))
    return {"night_from": f"{now - timedelta(hours=1):%H:%M}", "night_to": f"{now + timedelta(hours=12):%H:%M}"}


def _patient(home: dict[str, Any], team: str) -> dict[str, Any]:
    person = {key: home["patient"][key] for key in ("reference", "name", "born_on", "pathway")}
    return {**person, "team": team, "home": home["name"], "virtual": True}


def _binding(home: dict[str, Any], device: dict[str, Any]) -> dict[str, Any]:
    place = device.get("place")
    whose = {"home": home["name"], "place": place} if place else {"patient": home["patient"]["reference"]}
    return {"device": device["address"], "slot": 0, "from": "2020-01-01T00:00:00Z", **whose}
