"""What a gateway gives up when it is told that it is nobody's any more: stolen, lost, returned.

Everything that was measured, the keys, and what the server had set up. Files are removed, not erased: flash keeps what
it likes, and who fears that encrypts the disk. Only the note of it stays, so that a power cut in between changes
nothing."""

import asyncio
import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from bleak.backends.device import BLEDevice

from edge import status_file
from edge.adapters import doors_of
from edge.config import DeviceConfig, RadioConfig
from edge.doors import RADIO_FAULTS
from edge.files import remove
from edge.identity import CLAIM, CURRENT, NEXT

OURS: Final = (
    *("outbox.db*", "open.jsonl*", "config.json", "config.new", "config.damaged", "bonds.json*", "status.json*"),
    *(f"{Path(name).stem}.*" for name in (CURRENT, NEXT, CLAIM)),
)
KEY_LINE: Final = re.compile(r"^[ \t]*key[ \t]*=.*$", re.MULTILINE)
BONDS_S: Final = 20.0


def wipe(data_dir: Path, config: Path) -> list[str]:
    """What could not be removed, in words. May be done again."""
    left = []
    for path in _ours(data_dir):
        try:
            remove(path)
        except OSError as error:
            left.append(f"{path} ({error.strerror})")
    try:
        _without_keys(config)
    except OSError as error:
        left.append(f"the keys of sensors in {config} ({error.strerror})")
    return left


async def forget_bonds(radio: RadioConfig, devices: tuple[DeviceConfig, ...]) -> None:
    """As far as the radio answers: a bond alone opens nothing but a sensor that is within earshot."""
    with contextlib.suppress(TimeoutError, *RADIO_FAULTS):
        async with asyncio.timeout(BONDS_S):
            for door in doors_of(radio, None):
                await door.open()
                for device in devices:
                    with contextlib.suppress(*RADIO_FAULTS):
                        await door.forget(BLEDevice(device.address, None, {}))
                await door.close()


def _ours(data_dir: Path) -> Iterator[Path]:
    for directory in (data_dir, status_file.directory(data_dir)):
        for pattern in OURS:
            yield from sorted(directory.glob(pattern))


def _without_keys(config: Path) -> None:
    """In place, for its directory is root's."""
    text = config.read_text(encoding="utf-8")
    if KEY_LINE.search(text):
        config.write_text(KEY_LINE.sub("# key: removed when this gateway was revoked", text), encoding="utf-8")
