"""Characteristics whose first byte says which of their fields follow: one table for reading, refusing and explaining.

The whole message is unpacked in one call by a struct made once for each combination of flags. Only a message that does
not fit is walked field by field, for the sentence that says what is wrong with it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from struct import Struct, calcsize
from typing import Any, Final

from devices.errors import DecodeError
from devices.gatt import Reader

NONE: Final = (None,)
Values = tuple[Any, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """`code` as in struct, one value; `when`, `unless`: there only with, only without these flags. `words`: what the
    value says to a technician; None of a value that says nothing."""

    name: str
    code: str
    when: int = 0
    unless: int = 0
    words: Callable[[Any], str | None] = str

    def is_there(self, flags: int) -> bool:
        return flags & self.when == self.when and not flags & self.unless


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shape:
    size: int
    unpack: Callable[[bytes], Values]
    unpack_from: Callable[[bytes], Values]
    pick: Callable[[Values], Values]  # one value for each field of the layout, from those that are there


class Layout:
    """`fields[0]` are the flags, one byte."""

    def __init__(self, *fields: Field) -> None:
        self.fields = fields
        self._shapes: dict[int, _Shape] = {}  # by the byte of flags: at most 256

    def unpack(self, data: bytes) -> Values:
        """One value for each field, None for those that the flags leave out."""
        shape = self._shapes.get(data[0]) if data else None
        if shape is None:
            shape = self._add_shape(data)
        if len(data) != shape.size:
            raise self._refusal(data)
        return shape.pick(shape.unpack(data) + NONE)

    def unpack_head(self, data: bytes) -> tuple[Values, int]:
        """For a message that goes on: the values, and where the rest begins."""
        shape = self._shapes.get(data[0]) if data else None
        if shape is None:
            shape = self._add_shape(data)
        if len(data) < shape.size:
            raise self._refusal(data)
        return shape.pick(shape.unpack_from(data) + NONE), shape.size

    def explain(self, values: Values) -> Iterator[str]:
        for field, value in zip(self.fields, values, strict=True):
            if value is not None and (said := field.words(value)) is not None:
                yield f"{field.name}: {said}"

    def _add_shape(self, data: bytes) -> _Shape:
        if not data:
            raise self._refusal(data)
        there = [field for field in self.fields if field.is_there(data[0])]
        places = (there.index(field) if field in there else len(there) for field in self.fields)
        struct = Struct("<" + "".join(field.code for field in there))
        shape = _Shape(size=struct.size, unpack=struct.unpack, unpack_from=struct.unpack_from, pick=itemgetter(*places))
        self._shapes[data[0]] = shape
        return shape

    def _refusal(self, data: bytes) -> DecodeError:
        reader = Reader(data)
        try:
            for field in self.fields:
                if not data or field.is_there(data[0]):
                    reader.raw(calcsize("<" + field.code), field.name)
            reader.end()
        except DecodeError as error:
            return error
        raise AssertionError(f"{data.hex(' ')} fits its layout")
