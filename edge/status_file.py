"""The small file that the agent writes and `hjemvakt-gateway status` reads."""

from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

NAME: Final = "status.json"


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


def write(directory: Path, status: StatusFile) -> None:
    """A reader sees the old file or the new one, never half of one."""
    draft = directory / f"{NAME}.new"
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(status), indent=1))
    draft.replace(directory / NAME)


def read(directory: Path) -> StatusFile | None:
    """None: no agent has run here, or the file is not readable."""
    try:
        return msgspec.json.decode((directory / NAME).read_bytes(), type=StatusFile)
    except (OSError, msgspec.MsgspecError):
        return None
