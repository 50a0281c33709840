"""The kernel's initramfs format: cpio "newc" (Documentation/driver-api/early-userspace/buffer-format.rst)."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Final

MAGIC: Final = b"070701"
TRAILER: Final = "TRAILER!!!"
ALIGNMENT: Final = 4
EVERYBODY_MAY_READ: Final = 0o444


def write_archive(tree: Path, into: IO[bytes]) -> None:
    """Everything below `tree`, as root's. Archives may follow each other in one file: the later one wins."""
    for number, path in enumerate(_below(tree), 1):
        _write_entry(into, number, str(path.relative_to(tree)), path)
    _write(into, _header(TRAILER, number=0, mode=0, size=0), b"")


def _below(directory: Path) -> Iterator[Path]:
    for path in sorted(directory.iterdir()):
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


def _write_entry(into: IO[bytes], number: int, name: str, path: Path) -> None:
    mode = path.lstat().st_mode
    if stat.S_ISLNK(mode):
        content = os.fsencode(path.readlink())
    elif stat.S_ISREG(mode):
        content = path.read_bytes()
    else:
        content = b""
    _write(into, _header(name, number=number, mode=mode | EVERYBODY_MAY_READ, size=len(content)), content)


def _header(name: str, *, number: int, mode: int, size: int) -> bytes:
    encoded = os.fsencode(name) + b"\0"
    owner, group, links, time, device = 0, 0, 1, 0, 0
    words = (number, mode, owner, group, links, time, size, device, device, device, device, len(encoded), 0)
    return MAGIC + b"".join(b"%08x" % word for word in words) + encoded


def _write(into: IO[bytes], header: bytes, content: bytes) -> None:
    for part in (header, content):
        into.write(part + b"\0" * (-len(part) % ALIGNMENT))
