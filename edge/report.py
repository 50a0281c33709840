"""`hjemvakt-gateway status`: the agent's status file, the outbox and the disk, in words, and what of it is wrong.

Wrong is what somebody must do something about. A device that was not heard yet is not: a button speaks when it is
pressed, a meter when somebody measures; the server knows how long each may be silent."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from devices.wire.messages import Lane
from edge import lock, status_file
from edge.config import Config
from edge.core.trust import LATE
from edge.errors import OutboxError
from edge.identity import Claim, Identity, IdentityFiles
from edge.outbox import peek
from edge.status_file import DeviceLine, StatusFile

SILENT: Final = timedelta(minutes=1)  # the agent writes its file every 10 s
RECEIPT_HEARTBEATS: Final = 5  # each asks for a receipt
ALARM_WAITS: Final = timedelta(minutes=1)
WEAK_BATTERY_PERCENT: Final = 15
LEAST_DISK_MIB: Final = 128


@dataclass(slots=True)
class _Report:
    lines: list[str] = field(default_factory=list)
    wrong: int = 0

    def say(self, line: str, *, is_wrong: bool = False) -> None:
        self.lines.append(f"! {line}" if is_wrong else f"  {line}")
        self.wrong += is_wrong


def report(config: Config, now: datetime) -> tuple[str, bool]:
    """What to print, and whether something in it is wrong. Such lines begin with an exclamation mark."""
    found, files = _Report(), IdentityFiles(config.data_dir)
    if config.post is not None:
        _agent(found, config.data_dir, config.post.gateway, now)
    elif (revoked := files.revoked()) is not None:
        why = f" ({revoked.why})" if revoked.why else ""
        found.say(
            f"Revoked by the server {_ago(revoked.at, now)}{why}: everything of {revoked.gateway} is removed here. "
            "To use it again: hjemvakt-gateway enrol, with a new code",
            is_wrong=True,
        )
    elif (identity := files.current()) is not None:
        _certificate(found, identity, now)
        _agent(found, config.data_dir, identity.gateway, now)
    else:
        _claim(found, files.claim(), runs=lock.is_held(config.data_dir))
    lines = "1 line above begins" if found.wrong == 1 else f"{found.wrong} lines above begin"
    found.lines.append(f"{lines} with !: look there." if found.wrong else "Nothing is wrong.")
    return "\n".join(found.lines), found.wrong > 0


def _certificate(found: _Report, identity: Identity, now: datetime) -> None:
    end = identity.life().ends
    if now < end:
        found.say(f"Certificate of {identity.gateway}: good until {end:%Y-%m-%d %H:%M} UTC, renewed by itself")
        return
    remedy = "is the server reachable?" if now < end + LATE else "enrol this gateway again: hjemvakt-gateway enrol"
    found.say(f"Certificate of {identity.gateway}: ended {end:%Y-%m-%d %H:%M} UTC; {remedy}", is_wrong=True)


def _claim(found: _Report, claim: Claim | None, *, runs: bool) -> None:
    if claim is None:
        found.say("Not enrolled: hjemvakt-gateway enrol --birth FILE, or birth in the configuration", is_wrong=True)
        return
    who = "a technician has to accept it" if claim.ticket else "the server has not answered yet"
    asks = "" if runs else ", and nobody asks: start the agent"
    found.say(f"Not enrolled yet: code {claim.birth.code} at {claim.birth.server}, {who}{asks}", is_wrong=True)


def _agent(found: _Report, data_dir: Path, gateway: str, now: datetime) -> None:
    status = status_file.read(data_dir, gateway)
    if status is None:
        found.say(f"No agent has run with data_dir {data_dir} yet.", is_wrong=True)
        _outbox(found, data_dir, None, now)
    else:
        _gateway(found, data_dir, status, now)
        is_current = lock.is_held(data_dir) and now - status.at <= SILENT
        _outbox(found, data_dir, status if is_current else None, now)
        _disk(found, data_dir)
        _devices(found, status, now)
        found.say("Troubles:" if status.troubles else "Troubles: none")
        for trouble in status.troubles:
            found.say(f"  {trouble}", is_wrong=True)


def _gateway(found: _Report, data_dir: Path, status: StatusFile, now: datetime) -> None:
    runs = lock.is_held(data_dir)
    running = f"running (pid {status.pid})" if runs else "NOT running"
    is_silent = now - status.at > SILENT
    found.say(f"Gateway {status.gateway}: {running}, last word {_ago(status.at, now)}", is_wrong=not runs or is_silent)
    connected = status.connected and runs
    found.say(f"Broker: {'connected' if connected else 'not connected'}", is_wrong=not connected)
    receipt_limit = timedelta(seconds=RECEIPT_HEARTBEATS * status.every_s)
    is_late = status.receipt_at is None or status.at - status.receipt_at > receipt_limit
    found.say(f"Last receipt from the server: {_ago(status.receipt_at, now)}", is_wrong=is_late)
    clock = (
        "right" if status.is_clock_set else "nobody has confirmed it since the start: neither network time nor server"
    )
    found.say(f"Clock: {clock}")
    config = f"version {status.config} of the server" if status.config else "the gateway's own file"
    found.say(f"Configuration: {config}")
    if status.config_refused:
        found.say(f"A newer configuration is refused: {status.config_refused}", is_wrong=True)
    found.say(f"Adapters: {', '.join(status.adapters) or 'none yet'}")


def _outbox(found: _Report, data_dir: Path, status: StatusFile | None, now: datetime) -> None:
    """`status`: of an agent that runs. It knows better what waits: what the server has, the file learns only with the
    next row, which in a quiet home may be tomorrow."""
    try:
        depth = peek(data_dir / "outbox.db")
    except OutboxError as error:
        found.say(f"Outbox: {error}", is_wrong=True)
        return
    if depth is None:
        found.say("Outbox: none yet")
        return
    waiting = depth.waiting
    if status is not None:
        waiting = {Lane.ALARM: status.waiting_alarm, Lane.BULK: status.waiting_bulk}
    oldest = {lane: at for lane, at in depth.waiting_since.items() if waiting[lane]}
    since = min(oldest.values(), default=None)
    alarm_since = oldest.get(Lane.ALARM)
    found.say(
        f"Outbox {depth.id}: {waiting[Lane.ALARM]} alarms and {waiting[Lane.BULK]} other rows wait for the server, "
        f"{'' if since is None else f'the oldest since {_ago(since, now)}, '}{depth.set_aside} set aside",
        is_wrong=alarm_since is not None and now - alarm_since > ALARM_WAITS,
    )


def _disk(found: _Report, data_dir: Path) -> None:
    try:
        free_mib = shutil.disk_usage(data_dir).free / 2**20
    except OSError as error:
        found.say(f"Disk: {error.strerror}", is_wrong=True)
    else:
        found.say(f"Disk: {free_mib:,.0f} MiB free".replace(",", " "), is_wrong=free_mib < LEAST_DISK_MIB)


def _devices(found: _Report, status: StatusFile, now: datetime) -> None:
    found.say("Devices:" if status.devices else "Devices: none in the configuration")
    for device in status.devices:
        battery = device.battery_percent
        is_weak = battery is not None and battery < WEAK_BATTERY_PERCENT
        found.say(f"  {', '.join(_device(device, now))}", is_wrong=is_weak or device.is_bonded is False)


def _device(device: DeviceLine, now: datetime) -> Iterator[str]:
    yield device.address
    if device.name:
        yield device.name
    yield device.profile
    if device.model:
        yield device.model
    yield f"seen {_ago(device.seen_at, now)}"
    if device.rssi_dbm is not None:
        yield f"signal {device.rssi_dbm} dBm"
    if device.state:
        yield device.state
    if device.battery_percent is not None:
        yield f"battery {device.battery_percent} %"
    if device.is_bonded is not None:
        yield "bonded" if device.is_bonded else "NOT bonded: pair it"
    if device.refused:
        yield f"{device.refused} messages refused"


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    seconds = max(timedelta(0), now - at).total_seconds()
    for unit, length_s in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
