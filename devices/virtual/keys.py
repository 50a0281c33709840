"""Bluetooth keys in a file: a virtual adapter remembers whom it is paired with, as BlueZ does."""

import json
from pathlib import Path

from bumble.keys import MemoryKeyStore, PairingKeys


class SavedKeys(MemoryKeyStore):
    """A file that is missing, or is not ours, is an empty one."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            self.all_keys = {name: PairingKeys.from_dict(keys) for name, keys in said.items()}
        except (OSError, ValueError, AttributeError):
            self.all_keys = {}

    async def update(self, name: str, keys: PairingKeys) -> None:
        await super().update(name, keys)
        self._save()

    async def delete(self, name: str) -> None:
        await super().delete(name)
        self._save()

    def _save(self) -> None:
        text = json.dumps({name: keys.to_dict() for name, keys in self.all_keys.items()})
        new = self._path.with_suffix(".new")
        new.write_text(text, encoding="utf-8")
        new.replace(self._path)
