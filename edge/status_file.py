"""The small file that the agent writes and `hjemvakt-gateway status` reads."""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "status.json"
RUNTIME: Final = Path("/run/hjemvakt-gateway")  # RuntimeDirectory= of our unit


class DeviceLine(msgspec.Struct, frozen=True, kw_only=True):
    """`is_bonded` None: nobody knows, or it needs none."""

    address: str
    name: str
    profile: str
    state: str
    seen_at: datetime | None
    battery_percent: int | None
    refused: int
    rssi_dbm: int | None = None
    model: str = ""
    is_bonded: bool | None = None


class StatusFile(msgspec.Struct, frozen=True, kw_only=True):
    """`config`: the version of the server's configuration in use, 0: the gateway's own file."""

    gateway: str
    outbox: str | None
    pid: int
    at: datetime
    connected: bool
    receipt_at: datetime | None
    waiting_alarm: int
    waiting_bulk: int
    set_aside: int
    devices: list[DeviceLine]
    troubles: list[str]
    every_s: float = 30.0
    is_clock_set: bool = True
    config: int = 0
    config_refused: str = ""
    adapters: list[str] = []


def directory(data_dir: Path) -> Path:
    """systemd gives us one in memory: this file changes every few seconds, and an SD card wears."""
    given = os.environ.get("RUNTIME_DIRECTORY", "")
    return Path(given.split(":")[0]) if given else data_dir


def write(where: Path, status: StatusFile) -> None:
    """A reader sees the old file or the new one, never half of one."""
    draft = where / f"{NAME}.new"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(status), indent=1))
    draft.replace(where / NAME)


def read(data_dir: Path, gateway: str) -> StatusFile | None:
    """The newest; None: no agent has run here, or the file is not readable."""
    found = [_read(where / NAME) for where in (data_dir, RUNTIME)]
    ours = [status for status in found if status is not None and status.gateway == gateway]
    return max(ours, key=lambda status: status.at, default=None)


def _read(path: Path) -> StatusFile | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=StatusFile)
    except (OSError, msgspec.MsgspecError):
        return None
