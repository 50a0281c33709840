"""An item as it lies in the outbox: compact JSON, default values left out, so that the file can be read by eye."""

from dataclasses import MISSING, fields
from typing import Final

import msgspec

from devices.vocabulary import Event, Gap, Item, Observation

_TYPES: Final[dict[str, type[Item]]] = {"o": Observation, "e": Event, "g": Gap}
_LETTER: Final = {kind: letter for letter, kind in _TYPES.items()}
_DECODERS: Final = {letter: msgspec.json.Decoder(kind) for letter, kind in _TYPES.items()}
_ENCODER: Final = msgspec.json.Encoder()
_FIELDS: Final = {kind: tuple((field.name, field.default) for field in fields(kind)) for kind in _TYPES.values()}


class RowError(ValueError):
    """These bytes are not an item."""


def encode(item: Item) -> tuple[str, bytes]:
    """(letter of its type, JSON)"""
    said = {}
    for name, default in _FIELDS[type(item)]:
        value = getattr(item, name)
        if default is MISSING or value != default:
            said[name] = value
    return _LETTER[type(item)], _ENCODER.encode(said)


def decode(letter: str, text: bytes) -> Item:
    try:
        return _DECODERS[letter].decode(text)
    except (KeyError, msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise RowError(f"row of type {letter!r}: {error}") from error
