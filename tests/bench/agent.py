"""What the gateway's agent costs at rest: twenty devices on a virtual radio, the whole server behind it, a minute long.

The virtual home with its radio controller is a process of its own and not counted. The agent's Bluetooth host (Bumble
for BlueZ) runs inside the agent and is counted: on a real gateway that work is bluetoothd's and the kernel's. The same
agent without it is measured by tests/bench/gateway.py.
"""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))
from stack import PRACTICE, Stack  # type: ignore[import-not-found]

SETTLE_S, MEASURE_S = 10.0, 60.0
DEVICES = (
    *("oximeter", "heart_rate") * 3,
    *("thermometer", "glucose") * 2,
    *("bthome_door", "bthome_fall") * 5,
)
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def _practice() -> dict[str, Any]:
    practice: dict[str, Any] = json.loads(PRACTICE.read_text(encoding="utf-8"))
    home = practice["homes"][0]
    home["devices"] = [
        {"address": f"C0:44:00:00:00:{number:02X}", "profile": profile, "name": f"{profile} {number}"}
        for number, profile in enumerate(DEVICES, 1)
    ]
    return practice | {"homes": [home], "episodes": []}


def _status(pid: int, field: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1])
    raise LookupError(field)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def rows() -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(Path(folder), practice=_practice())
        try:
            stack.start_server()
            stack.start_homes()
            (agent,) = stack.gateways.values()
            return [(f"agent with {len(DEVICES)} devices at rest", "measured", "target"), *_measure(agent.pid)]
        finally:
            stack.stop()


def _measure(pid: int) -> list[tuple[str, ...]]:
    time.sleep(SETTLE_S)
    before = _cpu_s(pid)
    time.sleep(MEASURE_S)
    share = (_cpu_s(pid) - before) / MEASURE_S
    return [
        ("resident memory (Bumble's host included)", f"{_status(pid, 'VmRSS') / 1024:.1f} MiB", "under 70 MiB"),
        ("one core (six streams at 1 Hz, Bumble's host included)", f"{100 * share:.2f} %", "under 3 %"),
    ]
