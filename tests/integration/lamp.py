"""A lamp that tells the test what it was told."""

import asyncio
import os
from pathlib import Path
from typing import Final

TELLS: Final = 'echo "$1|$HJEMVAKT_STATE|$HJEMVAKT_SOUND|$HJEMVAKT_DEVICE|$HJEMVAKT_TEXT"'


class Lamp:
    """A command for the local action, and what it wrote into its pipe, line by line."""

    def __init__(self, directory: Path, script: str = TELLS) -> None:
        self._pipe = directory / "pipe"
        os.mkfifo(self._pipe)
        self.command = directory / "lamp"
        self.command.write_text(f"#!/bin/sh\nexec 3>{self._pipe}\n{{ {script} ; }} >&3\n")
        self.command.chmod(0o755)
        descriptor = os.open(self._pipe, os.O_RDWR)  # so that it never ends
        self._file = os.fdopen(descriptor, "rb", buffering=0)
        self._rest = b""

    async def line(self) -> str:
        reader = asyncio.get_running_loop()
        while b"\n" not in self._rest:
            readable = asyncio.Event()
            reader.add_reader(self._file, readable.set)
            try:
                async with asyncio.timeout(30):
                    await readable.wait()
            finally:
                reader.remove_reader(self._file)
            self._rest += self._file.read(4096)
        line, self._rest = self._rest.split(b"\n", 1)
        return line.decode()

    def close(self) -> None:
        self._file.close()
