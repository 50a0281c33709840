"""The guest: Debian's kernel, BlueZ and D-Bus, this machine's Python with the packages of .venv, and our own code.

Two archives: the base is made once and kept; our code is packed anew for each run and laid over it.
"""

import hashlib
import importlib.metadata
import json
import os
import platform
import re
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from tests.bluez_vm.archive import write_archive
from tests.bluez_vm.packages import Apt, SetupError, run

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
GUEST_CODE: Final = "opt/hjemvakt"
GUEST_PACKAGES: Final = "opt/packages"

DEBIAN: Final = ("bluez", "dbus-daemon", "busybox-static", "tzdata")
# The first that the archive has. 6.1.192 of Debian 12 has a fault in L2CAP: it stops bluetoothd when a bond was lost.
USUAL_KERNELS: Final = ("linux-image-6.12-amd64", "linux-image-amd64")
NEEDED_AS_WELL: Final = re.compile(r"lib(?!.*perl).*|dbus-system-bus-common|linux-image-\d.*")
# bleak's and Bumble's needs as far as they are imported, and pytest.
PYTHON: Final = (
    *("bleak", "dbus-fast", "bumble", "pyee", "typing-extensions", "cryptography", "cffi", "pycparser", "msgspec"),
    *("pytest", "pytest-asyncio", "pytest-timeout", "iniconfig", "packaging", "pluggy", "pygments"),
)
OUR_CODE: Final = ("edge", "devices", "tests/bluez_vm")
LEFT_OUT_OF_PYTHON: Final = (
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "lib2to3",
    "ensurepip",
    "turtledemo",
    "site-packages",
)
KEPT_OF_SHARE: Final = ("dbus-1", "zoneinfo")
MODULES: Final = ("net/bluetooth", "net/rfkill", "drivers/bluetooth/hci_vhci*", "crypto", "lib")
MERGED: Final = ("bin", "sbin", "lib", "lib64")  # as every Debian since 12 has it: /lib is /usr/lib
COMPILE_S: Final = 240
LDD_S: Final = 60


def base_image(cache: Path, kernels: Sequence[str] = USUAL_KERNELS) -> Path:
    """A directory with `vmlinuz` and `base.cpio`; made if what it is made of has changed. `kernels`: Debian's packages,
    the first that there is."""
    made = cache / f"image-{kernels[0]}-{_fingerprint()}"
    if not made.exists():
        for older in cache.glob(f"image-{kernels[0]}-*"):
            shutil.rmtree(older)
        aside = cache / "image-in-the-making"
        shutil.rmtree(aside, ignore_errors=True)
        _make(cache, kernels, aside)
        aside.rename(made)
    return made


def _fingerprint() -> str:
    versions = {name: importlib.metadata.version(name) for name in PYTHON}
    sources = [(HERE / name).read_text(encoding="utf-8") for name in ("image.py", "archive.py", "packages.py")]
    release = platform.freedesktop_os_release()
    parts = json.dumps([sys.version, sys.base_prefix, versions, release, sources], sort_keys=True)
    return hashlib.sha256(parts.encode()).hexdigest()[:16]


def _make(cache: Path, kernels: Sequence[str], image: Path) -> None:
    tree = image / "tree"
    apt = Apt(cache / "apt")
    kernel = apt.first_of(kernels)
    chosen = [name for name in apt.closure(*DEBIAN, kernel) if name in DEBIAN or NEEDED_AS_WELL.fullmatch(name)]
    apt.unpack(chosen, tree)
    merge_usr(tree)
    vmlinuz = _only(tree.glob("boot/vmlinuz-*"), "kernel")
    vmlinuz.rename(image / "vmlinuz")
    _thin_out(tree, vmlinuz.name.removeprefix("vmlinuz-"))
    _add_python(tree)
    with (image / "base.cpio").open("wb") as file:
        write_archive(tree, file)
    shutil.rmtree(tree)


def merge_usr(tree: Path) -> None:
    for name in MERGED:
        (tree / name).mkdir(exist_ok=True)
        shutil.copytree(tree / name, tree / "usr" / name, symlinks=True, copy_function=os.link, dirs_exist_ok=True)
        shutil.rmtree(tree / name)
        (tree / name).symlink_to(f"usr/{name}")


def _thin_out(tree: Path, version: str) -> None:
    modules = tree / "usr/lib/modules" / version
    kept = {path for pattern in MODULES for path in (modules / "kernel").glob(pattern)}
    for path in sorted((modules / "kernel").rglob("*.ko*")):
        if not kept & {path, *path.parents}:
            path.unlink()
    run([str(tree / "usr/bin/busybox"), "depmod", "-b", str(tree), version], COMPILE_S)
    for share in (tree / "usr/share").iterdir():
        if share.name not in KEPT_OF_SHARE:
            shutil.rmtree(share)
    shutil.rmtree(tree / "boot")


def _add_python(tree: Path) -> None:
    standard = Path(sysconfig.get_path("stdlib", vars={"base": sys.base_prefix})).resolve()
    ignored = shutil.ignore_patterns(*LEFT_OUT_OF_PYTHON, "__pycache__", "config-*", "*.a")
    shutil.copytree(standard, _inside(tree, standard), ignore=ignored, symlinks=True)
    executable = Path(sys.executable).resolve()
    _copy(executable, _inside(tree, executable))
    for name in PYTHON:
        for file in importlib.metadata.files(name) or ():
            if ".." not in file.parts and "__pycache__" not in file.parts:
                _copy(Path(str(file.locate())), tree / GUEST_PACKAGES / file)
    programs = [executable, *standard.rglob("*.so"), *(tree / GUEST_PACKAGES).rglob("*.so")]
    for library in _libraries(programs):
        if not _inside(tree, library).exists():
            _copy(library, _inside(tree, library))
    _compile(tree, [_inside(tree, standard), tree / GUEST_PACKAGES])


def _libraries(programs: Iterable[Path]) -> set[Path]:
    said = run(["ldd", *map(str, programs)], LDD_S, may_fail=True)
    return {Path(found) for found in re.findall(r"(?:=> |^\t)(/\S+) \(0x", said, re.MULTILINE)}


def _compile(tree: Path, directories: Sequence[Path]) -> None:
    """Checked by nothing: the guest's file times are not the machine's, and compiling there takes minutes."""
    command = [sys.executable, "-m", "compileall", "-q", "-j", "2", "--invalidation-mode", "unchecked-hash"]
    # Files for other versions of Python, and broken ones that are somebody's test data, do not compile.
    run([*command, "-s", str(tree), "-p", "/", *map(str, directories)], COMPILE_S, may_fail=True)


def pack_our_code(into: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """An archive with the code under test, /init, and what it shall do."""
    tree = into.parent / "overlay"
    shutil.rmtree(tree, ignore_errors=True)
    code = tree / GUEST_CODE
    for name in OUR_CODE:
        shutil.copytree(ROOT / name, code / name, ignore=shutil.ignore_patterns("__pycache__"))
    (code / "tests" / "__init__.py").touch()
    _copy(ROOT / "pyproject.toml", code / "pyproject.toml")
    _compile(tree, [code])
    _copy(HERE / "init", tree / "init")
    (tree / "init").chmod(0o755)
    settings = {"PYTHON": str(Path(sys.executable).resolve()), **environment, "ARGUMENTS": shlex.join(arguments)}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()]
    (tree / "opt" / "settings").write_text("".join(lines), encoding="utf-8")
    with into.open("wb") as file:
        write_archive(tree, file)
    shutil.rmtree(tree)


def _only(found: Iterable[Path], what: str) -> Path:
    paths = list(found)
    if len(paths) != 1:
        raise SetupError(f"{len(paths)} files look like the {what} in Debian's packages, not one: remove the cache")
    return paths[0]


def _inside(tree: Path, path: Path) -> Path:
    return tree / path.relative_to("/")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)
