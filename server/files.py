"""Files that others read while we write them."""

import os
import tempfile
from pathlib import Path


def write_whole(file: Path, text: str) -> None:
    """A reader sees the old text or the new one, also after a power cut; only the owner may read it."""
    handle, name = tempfile.mkstemp(dir=file.parent)
    draft = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as new:
            new.write(text)
            new.flush()
            os.fsync(handle)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)  # a disk that is full is not filled further by whoever tries again
    settle(file.parent)


def settle(path: Path) -> None:
    """A file's content, or the names in a directory, are there after a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
