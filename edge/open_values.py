"""The raw values of open intervals, in a file beside the outbox: what a killed agent had heard and not yet thinned.

Written every half second and never synchronised: a page cache survives a kill, and the flash is spared (a commit per
second would be 700 MB a day; this is written out by the kernel every half minute, 40 MB a day with twenty sensors).
A power cut may lose the open interval, 20 s at the usual cadence; the gap of the restart says so in both cases."""

import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from devices.vocabulary import Observation
from edge.core import rows

NAME: Final = "open.jsonl"
REWRITTEN_BYTES: Final = 128 * 1024
MOST_BYTES: Final = 4 * 2**20  # no more is written until it can be rewritten: the gap then begins earlier
LINE_BYTES: Final = 1024


class OpenValues:
    """One thread at a time. A file that cannot be written is no trouble of its own: the outbox tells of the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._bytes = 0

    def read(self) -> list[Observation]:
        """In the order in which they were heard, as far as the file is whole."""
        found: list[Observation] = []
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            while (line := file.readline(LINE_BYTES)) and len(found) * 16 < MOST_BYTES:
                try:
                    item = rows.decode("o", line)
                except rows.RowError:
                    break
                if isinstance(item, Observation) and line.endswith(b"\n"):
                    found.append(item)
        return found

    def add(self, values: Sequence[Observation]) -> None:
        if self._bytes < MOST_BYTES:
            self._write(values, "ab")

    def is_long(self) -> bool:
        return self._bytes > REWRITTEN_BYTES

    def rewrite(self, values: Iterable[Observation]) -> None:
        """These are all that are open. A kill in between leaves the old file, which says more: what is in the outbox
        already is recognised by its time."""
        new = self._path.with_suffix(".new")
        held = [rows.encode(value)[1] + b"\n" for value in values]
        try:
            new.write_bytes(b"".join(held))
            new.replace(self._path)
        except OSError:  # no room for it: rather nothing than what is on its way to the server already
            held = []
            with contextlib.suppress(OSError):
                os.truncate(self._path, 0)
        self._bytes = sum(map(len, held))

    def _write(self, values: Sequence[Observation], mode: str) -> None:
        lines = b"".join([rows.encode(value)[1] + b"\n" for value in values])
        with contextlib.suppress(OSError), self._path.open(mode) as file:
            file.write(lines)
        self._bytes += len(lines)
