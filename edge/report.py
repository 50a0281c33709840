"""`hjemvakt-gateway status`: the agent's status file and the outbox, in words."""

import fcntl
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from devices.wire.messages import Lane
from edge import status_file
from edge.errors import OutboxError
from edge.outbox import peek
from edge.status_file import DeviceLine, StatusFile


def report(data_dir: Path, now: datetime) -> str:
    status = status_file.read(data_dir)
    if status is None:
        return f"No agent has run with data_dir {data_dir} yet.\n{_outbox(data_dir)}"
    return "\n".join(_lines(data_dir, status, now))


def _lines(data_dir: Path, status: StatusFile, now: datetime) -> Iterator[str]:
    running = f"running (pid {status.pid})" if is_running(data_dir) else "NOT running"
    yield f"Gateway {status.gateway}: {running}, last word {_ago(status.at, now)}"
    yield f"Broker: {'connected' if status.connected and is_running(data_dir) else 'not connected'}"
    yield f"Last receipt from the server: {_ago(status.receipt_at, now)}"
    yield _outbox(data_dir)
    yield "Devices:" if status.devices else "Devices: none in the configuration"
    for device in status.devices:
        yield f"  {_device(device, now)}"
    yield "Troubles:" if status.troubles else "Troubles: none"
    for trouble in status.troubles:
        yield f"  {trouble}"


def _device(device: DeviceLine, now: datetime) -> str:
    parts = [device.address, device.name or device.profile, f"seen {_ago(device.seen_at, now)}"]
    if device.state:
        parts.append(device.state)
    if device.battery_percent is not None:
        parts.append(f"battery {device.battery_percent} %")
    if device.refused:
        parts.append(f"{device.refused} messages refused")
    return ", ".join(parts)


def _outbox(data_dir: Path) -> str:
    try:
        depth = peek(data_dir / "outbox.db")
    except OutboxError as error:
        return f"Outbox: {error}"
    if depth is None:
        return "Outbox: none yet"
    waiting = depth.waiting
    return (
        f"Outbox {depth.id}: {waiting[Lane.ALARM]} alarms and {waiting[Lane.BULK]} other rows wait for the server, "
        f"{depth.set_aside} set aside"
    )


def is_running(data_dir: Path) -> bool:
    """The agent holds the lock as long as it lives."""
    try:
        with (data_dir / "agent.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return "never"
    seconds = max(timedelta(0), now - at).total_seconds()
    for unit, length_s in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * length_s:
            return f"{seconds / length_s:.0f} {unit} ago"
    return f"{seconds:.0f} s ago"
