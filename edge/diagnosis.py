"""How this gateway is, for whoever looks after it: of machine, program, line and sensors, and of nobody."""

import os
import platform
import shutil
import time
from base64 import b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from devices.errors import WireError
from devices.wire import diagnosis
from devices.wire.columns import to_millis
from devices.wire.diagnosis import DeviceCondition, Diagnosis, Handed, LogLine
from devices.wire.messages import Command, Status
from edge.config import DeviceConfig
from edge.core.trust import Life
from edge.enrol import Server
from edge.errors import EnrolmentRefused, ServerAway
from edge.identity import Identity, signature
from edge.ports import Clock

MIB: Final = 2**20
SHORT: Final = 120
FEWER: Final = 2  # a diagnosis that is too long has so many times fewer lines of the log


class NotHandedIn(Exception):
    """Why, in a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """Read from the machine, as it is now."""

    up_s: int
    memory_kib: int
    load_percent: int
    disk_mib: int
    disk_free_mib: int
    outbox_kib: int
    model: str


def look(data_dir: Path, model: str) -> Machine:
    disk = shutil.disk_usage(data_dir)
    sizes = [path.stat().st_size for path in data_dir.glob("outbox.db*") if path.is_file()]
    return Machine(
        up_s=int(time.clock_gettime(time.CLOCK_BOOTTIME)),
        memory_kib=_memory_kib(),
        load_percent=int(os.getloadavg()[1] * 100),
        disk_mib=disk.total // MIB,
        disk_free_mib=disk.free // MIB,
        outbox_kib=sum(sizes) // 1024,
        model=model,
    )


def _memory_kib() -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    found = [line.split()[1] for line in lines if line.startswith("VmRSS:")]
    return int(found[0]) if found else 0


def content(
    command: Command,
    status: Status,
    devices: Iterable[DeviceConfig],
    machine: Machine,
    clock: Clock,
    *,
    running_s: int,
    life: Life,
    adapters: Sequence[str],
    log: Sequence[LogLine],
) -> bytes:
    """`status`: the newest heartbeat, of which nothing is taken that says what somebody wrote."""
    assert command.id is not None
    assert status.at is not None
    profiles = {device.address: device.profile for device in devices}
    whole = Diagnosis(
        gateway=status.gateway,
        command=command.id,
        made_at=status.at,
        program=status.version[:SHORT],
        python=platform.python_version()[:SHORT],
        system=f"{platform.system()} {platform.release()} {platform.machine()}"[:SHORT],
        model=machine.model[:SHORT],
        machine_up_s=machine.up_s,
        running_s=running_s,
        is_clock_set=clock.is_set(),
        is_clock_wrong=clock.is_wrong(),
        memory_kib=machine.memory_kib,
        disk_free_mib=machine.disk_free_mib,
        disk_mib=machine.disk_mib,
        load_percent=machine.load_percent,
        outbox_kib=machine.outbox_kib,
        waiting_alarm=status.waiting_alarm,
        waiting_bulk=status.waiting_bulk,
        set_aside=status.set_aside,
        config=status.config,
        config_refused=bool(status.config_refused),
        certificate_ends_at=to_millis(life.ends),
        adapters=[name[:SHORT] for name in adapters[:8]],
        devices=[
            DeviceCondition(
                device=each.device,
                profile=profiles.get(each.device, ""),
                state=each.state,
                seen_at=each.seen_at,
                rssi_dbm=each.rssi_dbm,
                battery_percent=each.battery_percent,
                refused=each.refused,
                bonded=each.bonded,
            )
            for each in status.devices[:64]
        ],
        troubles=status.troubles,
        log=list(log),
    )
    return _fitting(whole)


def _fitting(whole: Diagnosis) -> bytes:
    """The newest lines of the log, as many as there is room for."""
    while True:
        try:
            return diagnosis.encode(whole)
        except WireError:
            if not whole.log:
                raise
            newest = whole.log[len(whole.log) - len(whole.log) // FEWER :]
            whole = msgspec.structs.replace(whole, log=newest)


def hand_in(identity: Identity, payload: bytes, *, checks_time: bool) -> None:
    """NotHandedIn: why not."""
    text = payload.decode()
    proof = b64encode(signature(identity.key, diagnosis.to_sign(text))).decode()
    handed = diagnosis.encode_handed(Handed(certificate=identity.certificate, content=text, signature=proof))
    try:
        Server(identity.server, identity.authority, checks_time=checks_time).hand_in(diagnosis.PATH, handed)
    except (ServerAway, EnrolmentRefused) as error:
        raise NotHandedIn(str(error)) from error
