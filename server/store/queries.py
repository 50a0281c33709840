"""Named SQL statements from sql/*.sql: `-- name: file_readings`, a line of purpose, the statement."""

import re
from collections.abc import Mapping
from importlib.resources import files
from types import MappingProxyType
from typing import Final

_NAME: Final = re.compile(r"^-- name: (\w+)\s*$", re.MULTILINE)


def load(topic: str) -> Mapping[str, bytes]:
    """The statements of sql/<topic>.sql by name; bytes, because psycopg takes text only as a literal."""
    text = (files("server.store") / "sql" / f"{topic}.sql").read_text(encoding="utf-8")
    return parse(text, topic)


def parse(text: str, topic: str) -> Mapping[str, bytes]:
    before, *parts = _NAME.split(text)
    names, bodies = parts[::2], parts[1::2]
    assert not before.strip() or before.lstrip().startswith("--"), f"{topic}.sql: a statement without a name"
    assert len(set(names)) == len(names), f"{topic}.sql: a name twice"
    for name, body in zip(names, bodies, strict=True):
        assert body.lstrip().startswith("-- "), f"{topic}.sql: {name} does not say its purpose"
    return MappingProxyType({name: body.strip().encode() for name, body in zip(names, bodies, strict=True)})
