"""A small Debian with systemd, as one archive: made of Debian's packages by dpkg itself, in a virtual machine, once."""

import hashlib
import json
import platform
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Final

from tests.bluez_vm.archive import write_archive
from tests.bluez_vm.image import merge_usr
from tests.bluez_vm.machine import Guest, Qemu, boot
from tests.bluez_vm.packages import Apt, SetupError, extract, run

HERE: Final = Path(__file__).parent
KERNELS: Final = ("linux-image-6.12-amd64", "linux-image-amd64")
# What every Debian has, and dpkg takes for granted; usr-is-merged, for usrmerge would bring all of Perl.
ESSENTIAL: Final = (
    *("base-files", "base-passwd", "bash", "bsdutils", "coreutils", "dash", "debianutils", "diffutils", "dpkg"),
    *("findutils", "grep", "gzip", "hostname", "init-system-helpers", "libc-bin", "login", "mawk", "ncurses-base"),
    *("ncurses-bin", "perl-base", "sed", "sysvinit-utils", "tar", "usr-is-merged", "util-linux"),
)
WANTED: Final = ("apt", "systemd", "systemd-sysv", "dbus", "python3", "bluez", "tzdata", "ca-certificates")
KERNEL_ITSELF: Final = re.compile(r"linux-image-\d+[.]\d+[.]\d+.*")
MODULES: Final = ("drivers/virtio", "drivers/block/virtio_blk*")
OUTPUT_MIB: Final = 2000
MEMORY_MIB: Final = 3072
MAKE_LIMIT_S: Final = 1200
DEPMOD_S: Final = 60


def base_root(cache: Path, machine: Qemu, accelerator: str) -> Path:
    """A directory with `vmlinuz`, `initrd` (which boots what is on its drives) and `root.tar`; made if what it is made
    of has changed."""
    made = cache / f"root-{_fingerprint()}"
    if not made.exists():
        for older in cache.glob("root-*"):
            shutil.rmtree(older)
        aside = cache / "root-in-the-making"
        shutil.rmtree(aside, ignore_errors=True)
        _make(cache, aside, machine, accelerator)
        aside.rename(made)
    return made


def archive(tree: Path, into: Path, *, is_kept: Callable[[str], bool] = lambda _: True) -> None:
    """Everything below `tree`, as root's."""

    def roots(found: tarfile.TarInfo) -> tarfile.TarInfo | None:
        found.uid = found.gid = 0
        found.uname = found.gname = "root"
        return found if is_kept(found.name) else None

    with tarfile.open(into, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.add(tree, arcname=".", filter=roots)


def _fingerprint() -> str:
    sources = [(HERE / name).read_text(encoding="utf-8") for name in ("root.py", "init", "make-root")]
    parts = json.dumps([platform.freedesktop_os_release(), sources], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _make(cache: Path, into: Path, machine: Qemu, accelerator: str) -> None:
    apt = Apt(cache / "apt")
    _boot_files(apt, into)
    essential, all_of_it = (set(apt.closure(*names)) for names in (ESSENTIAL, (*ESSENTIAL, *WANTED)))
    tree = into / "tree"
    _unpack(apt, sorted(essential), tree, tree / "debs/essential", is_extracted=True)
    merge_usr(tree)
    _unpack(apt, sorted(all_of_it - essential), tree, tree / "debs/wanted", is_extracted=False)
    shutil.copy(HERE / "make-root", tree / "make-root")
    archive(tree, into / "unpacked.tar")
    shutil.rmtree(tree)
    output = into / "root.tar"
    with output.open("wb") as file:
        file.truncate(OUTPUT_MIB << 20)
    guest = Guest(
        kernel=into / "vmlinuz",
        initrd=into / "initrd",
        results=into / "results",
        limit_s=MAKE_LIMIT_S,
        memory_mib=MEMORY_MIB,
        drives=(into / "unpacked.tar", output),
        written=output,
    )
    if boot(machine, guest, accelerator):
        raise SetupError(f"Debian could not be set up; what it said is above, its console in {into / 'results'}")
    (into / "unpacked.tar").unlink()


def _unpack(apt: Apt, packages: list[str], tree: Path, debs: Path, *, is_extracted: bool) -> None:
    apt.download(packages, debs)
    for deb in sorted(debs.iterdir()) if is_extracted else ():
        extract(deb, tree)


def _boot_files(apt: Apt, into: Path) -> None:
    """The kernel, and what runs before there is a root: a shell and the modules of the drives."""
    tree = into / "early"
    kernel = apt.first_of(KERNELS)
    (image,) = [name for name in apt.closure(kernel) if KERNEL_ITSELF.fullmatch(name)]
    apt.unpack(["busybox-static", image], tree)
    merge_usr(tree)
    (vmlinuz,) = tree.glob("boot/vmlinuz-*")
    version = vmlinuz.name.removeprefix("vmlinuz-")
    vmlinuz.rename(into / "vmlinuz")
    modules = tree / "usr/lib/modules" / version
    small = into / "initrd-tree"
    kept = {path for pattern in MODULES for path in (modules / "kernel").glob(pattern)}
    for path in sorted((modules / "kernel").rglob("*.ko*")):
        if kept & {path, *path.parents}:
            target = small / "lib/modules" / version / path.relative_to(modules)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    for name in ("modules.order", "modules.builtin", "modules.builtin.modinfo"):
        shutil.copy(modules / name, small / "lib/modules" / version / name)
    (small / "bin").mkdir()
    shutil.copy(tree / "usr/bin/busybox", small / "bin/busybox")
    run([str(small / "bin/busybox"), "depmod", "-b", str(small), version], DEPMOD_S)
    shutil.copy(HERE / "init", small / "init")
    (small / "init").chmod(0o755)
    with (into / "initrd").open("wb") as file:
        write_archive(small, file)
    shutil.rmtree(tree)
    shutil.rmtree(small)
