"""A TOML table that is read key by key, and answers each mistake with a sentence: where, what, and what to write."""

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from edge.errors import ConfigError

MOST_ADAPTERS: Final = 4
MOST_WORDS: Final = 32  # of a command


class Table:
    """One table of the file, and how to complain about a key of it."""

    def __init__(self, path: Path, where: str, said: Mapping[str, Any]) -> None:
        self._path, self._where, self._said = path, where, said

    def wrong(self, key: str, what: str, write: str) -> ConfigError:
        return ConfigError(f"{self._path}: {self._where}{key} {what}: write {write}")

    def knows(self, *keys: str) -> None:
        for key in self._said:
            if key not in keys:
                near = difflib.get_close_matches(key, keys, n=1)
                choice = near[0] if near else "one of " + ", ".join(keys)
                raise self.wrong(key, "is not a key that the gateway knows", f"{choice}, or remove it")

    def has(self, key: str) -> bool:
        return key in self._said

    def text(self, key: str, example: str, default: str | None = None) -> str:
        value: object = self._said.get(key, default)
        if value is None:
            raise self.wrong(key, "is missing", f"{key} = {example}")
        if default is not None and key not in self._said:
            return default
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(key, f"is {shown(value)}, not a text", f"{key} = {example}")
        return value

    def texts(self, key: str, example: str) -> tuple[str, ...]:
        """One text, or a list of different ones; none if the key is missing."""
        value: object = self._said.get(key, [])
        found: list[object] = value if isinstance(value, list) else [value]
        texts = [each for each in found if isinstance(each, str) and each.strip()]
        if len(texts) != len(found) or len(set(texts)) != len(texts):
            raise self.wrong(key, f"is {shown(value)}", f"{key} = {example} or a list of different ones in [ ]")
        if len(texts) > MOST_ADAPTERS:
            raise self.wrong(key, f"are {len(texts)}", f"at most {MOST_ADAPTERS}")
        return tuple(texts)

    def command(self, key: str, example: str) -> tuple[str, ...]:
        """A program by its whole path, and its arguments; none if the key is missing."""
        words: object = self._said.get(key, [])
        if not isinstance(words, list) or not all(isinstance(each, str) and "\0" not in each for each in words):
            raise self.wrong(key, f"is {shown(words)}, not a list of texts", f"{key} = {example}")
        if words and not words[0].startswith("/"):
            raise self.wrong(
                key, f"begins with {words[0]!r}", f"the whole path of the program first: {key} = {example}"
            )
        if len(words) > MOST_WORDS:
            raise self.wrong(key, f"has {len(words)} words", f"at most {MOST_WORDS}")
        return tuple(words)

    def number(
        self, key: str, least: float, most: float, default: float | None = None, *, whole: bool = False
    ) -> float:
        value = self._said.get(key, default)
        example = f"{key} = a {'whole ' if whole else ''}number from {least:g} to {most:g}"
        if value is None:
            raise self.wrong(key, "is missing", example)
        is_number = isinstance(value, int) or (isinstance(value, float) and not whole)
        if isinstance(value, bool) or not is_number or not least <= value <= most:
            raise self.wrong(key, f"is {shown(value)}", example)
        return float(value)

    def yes(self, key: str) -> bool:
        value = self._said.get(key, False)
        if not isinstance(value, bool):
            raise self.wrong(key, f"is {shown(value)}", f"{key} = true or {key} = false")
        return value

    def table(self, key: str) -> "Table":
        value = self._said.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, f"is {shown(value)}, not a table", f"[{key}] on a line of its own")
        return Table(self._path, f"[{key}] ", value)

    def tables(self, key: str) -> "list[Table]":
        value = self._said.get(key, [])
        if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
            raise self.wrong(key, f"is {shown(value)}, not a list of tables", f"[[{key}]] before each of them")
        return [Table(self._path, f"{self._where}[[{key}]] number {i}: ", each) for i, each in enumerate(value, 1)]


def shown(value: object) -> str:
    return {True: "true", False: "false"}.get(value, repr(value)) if isinstance(value, bool) else repr(value)
