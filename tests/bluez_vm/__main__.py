"""make test-bluez: the gateway's own code against the real BlueZ, in a virtual machine that needs neither root nor KVM.

Arguments go to pytest in the guest. BLUEZ_ACCEL=kvm where KVM works; BLUEZ_KERNEL names another kernel package of
Debian's; BLUEZ_LIMIT_S ends a run that hangs. A run of everything that went well is written down in
tests/bluez_vm/LAST_RUN.txt.
"""

import os
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from tests.bluez_vm.cache import cache
from tests.bluez_vm.image import USUAL_KERNELS, base_image, pack_our_code
from tests.bluez_vm.machine import Guest, boot, qemu, sources, write_down
from tests.bluez_vm.packages import SetupError

SCENARIOS: Final = "tests/bluez_vm/guest"
LAST_RUN: Final = Path(__file__).parent / "LAST_RUN.txt"
RUN_LIMIT_S: Final = 480
BOOT_S: Final = 60
LIMIT_SAYS: Final = 124  # of timeout(1)


def main(arguments: list[str]) -> int:
    with cache("bluez_vm", debian="Debian 12 or newer") as kept:
        return _run(kept, arguments)


def _run(kept: Path, arguments: list[str]) -> int:
    began, on = time.monotonic(), sources()
    machine = qemu(kept)
    kernel = os.environ.get("BLUEZ_KERNEL")
    image = base_image(kept, (kernel,) if kernel else USUAL_KERNELS)
    results = kept / "last-run"
    shutil.rmtree(results, ignore_errors=True)
    limit_s = int(os.environ.get("BLUEZ_LIMIT_S", RUN_LIMIT_S))
    with tempfile.TemporaryDirectory(dir=kept, prefix="run-") as directory:
        initrd = Path(directory) / "initrd"
        shutil.copyfile(image / "base.cpio", initrd)
        overlay = Path(directory) / "code.cpio"
        pack_our_code(overlay, _pytest(arguments), {"LIMIT_S": str(limit_s), "COLUMNS": _columns()})
        with initrd.open("ab") as whole:
            whole.write(overlay.read_bytes())
        print(f"ready after {time.monotonic() - began:.0f} s; starting the guest", flush=True)
        guest = Guest(kernel=image / "vmlinuz", initrd=initrd, results=results, limit_s=limit_s + BOOT_S)
        accelerator = "kvm" if os.environ.get("BLUEZ_ACCEL") == "kvm" else "tcg,thread=multi"
        status = boot(machine, guest, accelerator)
    if status == LIMIT_SAYS:
        print(f"The tests did not end within {limit_s} s.", file=sys.stderr)
    if not status and not arguments:
        write_down(results, LAST_RUN, "make test-bluez", on)
    if status:
        print(f"The guest's console, bluetoothd's log and the kernel's are in {results}", file=sys.stderr)
    print(f"{time.monotonic() - began:.0f} s in all")
    return status


def _pytest(arguments: list[str]) -> list[str]:
    color = "--color=yes" if sys.stdout.isatty() else "--color=no"
    where = [] if any("::" in word or word.endswith(".py") for word in arguments) else [SCENARIOS]
    return ["-v", "--no-header", color, *arguments, *where]


def _columns() -> str:
    return str(shutil.get_terminal_size((120, 24)).columns)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # and the guest ends with us
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"make test-bluez: {error}")
