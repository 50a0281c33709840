"""make test-systemd: our packages, installed by apt into a Debian whose systemd is at work, in a virtual machine that
needs neither root nor KVM.

Arguments go to pytest in the guest. SYSTEMD_VM_ACCEL=kvm where KVM works; SYSTEMD_VM_LIMIT_S ends a run that hangs.
A run of everything that went well is written down in tests/systemd_vm/LAST_RUN.txt.
"""

import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
import time
from importlib.metadata import files
from pathlib import Path
from typing import Final

from tests.bluez_vm.cache import cache
from tests.bluez_vm.machine import Guest, boot, qemu, sources, write_down
from tests.bluez_vm.packages import SetupError, run
from tests.systemd_vm.root import archive, base_root

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
LAST_RUN: Final = HERE / "LAST_RUN.txt"
SCENARIOS: Final = "tests/systemd_vm/guest"
PYTEST: Final = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
DEBIAN: Final = "Debian 12"
PARTS: Final = ("server", "gateway")
NEWER: Final = "0.1.1"
BROKEN: Final = "0.1.2"
RUN_LIMIT_S: Final = 3000
BOOT_S: Final = 180
MEMORY_MIB: Final = 4096
BUILD_S: Final = 600
LIMIT_SAYS: Final = 124  # of timeout(1)


def main(arguments: list[str]) -> int:
    with cache("systemd_vm", debian=DEBIAN) as kept:
        return _run(kept, arguments)


def _run(kept: Path, arguments: list[str]) -> int:
    began, on = time.monotonic(), sources()
    accelerator = "kvm" if os.environ.get("SYSTEMD_VM_ACCEL") == "kvm" else "tcg,thread=multi"
    with cache("bluez_vm", debian=DEBIAN) as other:
        machine = qemu(other)
    base = base_root(kept, machine, accelerator)
    results = kept / "last-run"
    shutil.rmtree(results, ignore_errors=True)
    limit_s = int(os.environ.get("SYSTEMD_VM_LIMIT_S", RUN_LIMIT_S))
    with tempfile.TemporaryDirectory(dir=kept, prefix="run-") as directory:
        tree, laid_over = Path(directory) / "tree", Path(directory) / "ours.tar"
        _pack_tests(tree, arguments, limit_s)
        _pack_products(tree, Path(directory))
        archive(tree, laid_over)
        shutil.rmtree(tree)
        print(f"ready after {time.monotonic() - began:.0f} s; starting the guest", flush=True)
        guest = Guest(
            kernel=base / "vmlinuz",
            initrd=base / "initrd",
            results=results,
            limit_s=limit_s + BOOT_S,
            memory_mib=MEMORY_MIB,
            drives=(base / "root.tar", laid_over),
        )
        status = boot(machine, guest, accelerator)
    if status == LIMIT_SAYS:
        print(f"The tests did not end within {limit_s} s.", file=sys.stderr)
    if status:
        print(f"The guest's console and journal are in {results}", file=sys.stderr)
    elif not arguments:
        write_down(results, LAST_RUN, "make test-systemd", on)
    print(f"{time.monotonic() - began:.0f} s in all")
    return status


def _pack_tests(tree: Path, arguments: list[str], limit_s: int) -> None:
    code = tree / "opt/tests"
    (code / "tests").mkdir(parents=True)
    (code / "tests/__init__.py").touch()
    shutil.copytree(HERE, code / "tests/systemd_vm", ignore=shutil.ignore_patterns("__pycache__"))
    for name in PYTEST:
        for file in files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                target = tree / "opt/packages" / file
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(str(file.locate()), target)
    where = [] if any("::" in word or word.endswith(".py") for word in arguments) else [SCENARIOS]
    words = ["-v", "--no-header", "--color=no", "-p", "no:cacheprovider", *arguments, *where]
    settings = {"ARGUMENTS": shlex.join(words), "LIMIT_S": str(limit_s), "COLUMNS": "140"}
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (code / "settings").write_text("".join(lines), encoding="utf-8")
    units = tree / "etc/systemd/system"
    (units / "multi-user.target.wants").mkdir(parents=True)
    shutil.copy(HERE / "hjemvakt-tests.service", units)
    (units / "multi-user.target.wants/hjemvakt-tests.service").symlink_to("../hjemvakt-tests.service")


def _pack_products(tree: Path, scratch: Path) -> None:
    """What is installed first, and an archive of apt's with what comes later: the gateway's next two versions, of which
    the second does not start."""
    products, shelf = tree / "srv/packages", tree / "srv/archive"
    for part in PARTS:
        run([sys.executable, str(ROOT / "deploy/package.py"), part, str(scratch / "dist")], BUILD_S, directory=ROOT)
    products.mkdir(parents=True)
    shelf.mkdir(parents=True)
    for deb in (scratch / "dist").glob("*.deb"):
        shutil.copy(deb, products)
    (gateway,) = products.glob("hjemvakt-gateway_*.deb")
    shutil.copy(gateway, shelf)
    unpacked = scratch / "another"
    run(["dpkg-deb", "--raw-extract", str(gateway), str(unpacked)], BUILD_S)
    site = next(unpacked.glob("opt/hjemvakt/gateway/lib/python*/site-packages"))
    for version in (NEWER, BROKEN):
        _call_it(unpacked, site, version)
        if version == BROKEN:
            (site / "edge/life.py").write_text("raise ImportError('this version does not start')\n")
        target = shelf / gateway.name.replace(gateway.name.split("_")[1], version)
        run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(unpacked), str(target)], BUILD_S)
    (shelf / "Packages").write_text("\n".join(_told(deb) for deb in sorted(shelf.glob("*.deb"))), encoding="utf-8")


def _call_it(unpacked: Path, site: Path, version: str) -> None:
    control = unpacked / "DEBIAN/control"
    control.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", control.read_text()))
    (about,) = site.glob("hjemvakt-*.dist-info")
    metadata = about / "METADATA"
    metadata.write_text(re.sub(r"(?m)^Version: .*$", f"Version: {version}", metadata.read_text()))
    about.rename(site / f"hjemvakt-{version}.dist-info")


def _told(deb: Path) -> str:
    control = run(["dpkg-deb", "--field", str(deb)], BUILD_S)
    digest = run(["sha256sum", str(deb)], BUILD_S).split()[0]
    return f"{control}Filename: ./{deb.name}\nSize: {deb.stat().st_size}\nSHA256: {digest}\n"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))  # and the guest ends with us
    try:
        sys.exit(main(sys.argv[1:]))
    except SetupError as error:
        sys.exit(f"make test-systemd: {error}")
