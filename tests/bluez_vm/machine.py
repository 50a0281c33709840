"""One run of the guest under QEMU: what pytest says there goes to our standard output, the rest into a directory."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Final

from tests.bluez_vm.packages import Apt, SetupError

PROGRAM: Final = "qemu-system-x86_64"
PACKAGE: Final = "qemu-system-x86"
MEMORY_MIB: Final = 1024
PROCESSORS: Final = 2
KILL_S: Final = 10
COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True, kw_only=True, slots=True)
class Qemu:
    command: tuple[str, ...]
    environment: dict[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Guest:
    """`drives`: files that it reads as /dev/vda and so on; into the one that is `written`, it writes."""

    kernel: Path
    initrd: Path
    results: Path  # a directory
    limit_s: float
    memory_mib: int = MEMORY_MIB
    drives: tuple[Path, ...] = ()
    written: Path | None = None


def qemu(cache: Path) -> Qemu:
    """The machine's own, else Debian's in our cache."""
    if (found := shutil.which(PROGRAM)) is not None:
        return Qemu(command=(found,), environment={})
    made = cache / "qemu"
    if not made.exists():
        aside = cache / "qemu-in-the-making"
        shutil.rmtree(aside, ignore_errors=True)
        apt = Apt(cache / "apt")
        apt.unpack(apt.missing_here(PACKAGE), aside)
        aside.rename(made)
    libraries = made / "usr/lib/x86_64-linux-gnu"
    firmware = (made / "usr/share" / name for name in ("qemu", "seabios"))
    return Qemu(
        command=(str(made / "usr/bin" / PROGRAM), *(word for path in firmware for word in ("-L", str(path)))),
        environment={
            "LD_LIBRARY_PATH": f"{libraries}:{made / 'lib/x86_64-linux-gnu'}",
            "QEMU_MODULE_DIR": str(libraries / "qemu"),
        },
    )


def boot(machine: Qemu, guest: Guest, accelerator: str) -> int:
    """pytest's exit status."""
    guest.results.mkdir(parents=True)
    carried_out = guest.results / "results.tar"
    command = [
        *("nice", "-n", "10", *machine.command, "-no-user-config", "-nodefaults", "-display", "none", "-no-reboot"),
        *("-machine", "q35", "-accel", accelerator, "-cpu", "max"),
        *("-smp", str(PROCESSORS), "-m", str(guest.memory_mib), "-nic", "none"),
        *("-kernel", str(guest.kernel), "-initrd", str(guest.initrd)),
        *(word for drive in guest.drives for word in ("-drive", _drive(drive, drive != guest.written))),
        *("-append", "console=ttyS0 quiet mitigations=off nokaslr random.trust_cpu=on panic=-1"),
        *("-serial", f"file:{guest.results / 'console.log'}", "-serial", "stdio", "-serial", f"file:{carried_out}"),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**os.environ, **machine.environment},
    ) as process:
        limit = threading.Timer(guest.limit_s, process.kill)
        limit.start()
        try:
            assert process.stdout is not None
            _pass_on(process.stdout, guest.results / "pytest.log")
            process.wait(KILL_S)
        finally:
            limit.cancel()
            process.kill()
    return _status(carried_out, guest.results)


def sources() -> str:
    """As they are now; others may come while the guest is at work."""
    commit = ["git", "describe", "--always", "--dirty", "--exclude=*"]
    done = subprocess.run(commit, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "a copy without git"


def write_down(results: Path, into: Path, what: str, on: str) -> None:
    """When a whole run went well last, on which sources, and what it said: for whoever cannot run it."""
    lines = (results / "pytest.log").read_text(errors="replace").split("\n")
    said = [COLOUR.sub("", line).rstrip().rpartition("\r")[2].rstrip() for line in lines]
    head = f"{what}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, on {on}"
    into.write_text("\n".join([head, "", *said, ""]), encoding="utf-8")


def _drive(file: Path, is_read_only: bool) -> str:
    escaped = str(file).replace(",", ",,")
    return f"file={escaped},if=virtio,format=raw,readonly={'on' if is_read_only else 'off'}"


def _pass_on(said: IO[bytes], log: Path) -> None:
    with log.open("wb") as copy:
        while block := os.read(said.fileno(), 65_536):
            copy.write(block)
            sys.stdout.buffer.write(block)
            sys.stdout.flush()


def _status(carried_out: Path, results: Path) -> int:
    try:
        with tarfile.open(carried_out) as tar:
            tar.extractall(results, filter="data")
        carried_out.unlink()
        return int((results / "status").read_text())
    except (OSError, tarfile.TarError, ValueError) as error:
        raise SetupError(f"the guest ended without results; its console is in {results / 'console.log'}") from error
