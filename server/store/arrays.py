"""numpy columns to PostgreSQL arrays and back in the binary format, without a Python object per value.

An array on the wire is: dimensions, has-null flag, element oid, length, lower bound, then each element with its length
in front (src/backend/utils/adt/arrayfuncs.c, array_send). NaN in a float column travels as NaN: the SQL says nullif.
"""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from psycopg.abc import AdaptContext, Buffer, DumperKey
from psycopg.adapt import Dumper, Loader, PyFormat
from psycopg.pq import Format

Column: TypeAlias = NDArray[Any]

HEAD: Final = struct.Struct("!iiIii")
NULL: Final = -1
PG_EPOCH: Final = np.datetime64("2000-01-01T00:00:00", "us")


@dataclass(frozen=True, kw_only=True, slots=True)
class Element:
    oid: int
    array_oid: int
    big_endian: str


ELEMENTS: Final[Mapping[str, Element]] = MappingProxyType(
    {
        "bool": Element(oid=16, array_oid=1000, big_endian="?"),
        "int64": Element(oid=20, array_oid=1016, big_endian=">i8"),
        "int16": Element(oid=21, array_oid=1005, big_endian=">i2"),
        "int32": Element(oid=23, array_oid=1007, big_endian=">i4"),
        "float32": Element(oid=700, array_oid=1021, big_endian=">f4"),
        "float64": Element(oid=701, array_oid=1022, big_endian=">f8"),
        "datetime64[us]": Element(oid=1184, array_oid=1185, big_endian=">i8"),
    }
)
_BY_ARRAY_OID: Final = {element.array_oid: (name, element) for name, element in ELEMENTS.items()}


def to_wire(column: Column) -> bytes:
    element = ELEMENTS[column.dtype.name]
    if column.ndim != 1:
        raise TypeError("only one-dimensional columns travel")
    if not len(column):
        return struct.pack("!iiI", 0, 0, element.oid)
    values = (column - PG_EPOCH).view(np.int64) if column.dtype.kind == "M" else column
    cells = np.empty(len(column), dtype=[("length", ">i4"), ("value", element.big_endian)])
    cells["length"] = cells.dtype["value"].itemsize
    cells["value"] = values
    return HEAD.pack(1, 0, element.oid, len(column), 1) + cells.tobytes()


COPY_BEGINS: Final = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
COPY_ENDS: Final = struct.pack("!h", -1)


def to_copy(columns: Mapping[str, Column], *, nullable: Sequence[str]) -> bytes:
    """Rows for COPY in the binary format (PostgreSQL's documentation of COPY, "Binary Format"). NaN in a column that is
    `nullable` is null; rows with the same nulls stand together, else in their order."""
    nulls = np.zeros(len(next(iter(columns.values()))), np.int64)
    for place, name in enumerate(nullable):
        nulls |= np.isnan(columns[name]).astype(np.int64) << place
    parts = [COPY_BEGINS]
    for pattern in np.unique(nulls).tolist():
        without = frozenset(name for place, name in enumerate(nullable) if pattern >> place & 1)
        chosen = slice(None) if (nulls == pattern).all() else nulls == pattern
        parts.append(_records({name: column[chosen] for name, column in columns.items()}, without))
    return b"".join([*parts, COPY_ENDS])


def _records(columns: Mapping[str, Column], without: frozenset[str]) -> bytes:
    layout: list[tuple[str, str]] = [("fields", ">i2")]
    for name, column in columns.items():
        layout.append((f"length of {name}", ">i4"))
        if name not in without:
            layout.append((name, ELEMENTS[column.dtype.name].big_endian))
    records = np.empty(len(next(iter(columns.values()))), layout)
    records["fields"] = len(columns)
    for name, column in columns.items():
        if name in without:
            records[f"length of {name}"] = NULL
        else:
            records[f"length of {name}"] = records.dtype[name].itemsize
            records[name] = (column - PG_EPOCH).view(np.int64) if column.dtype.kind == "M" else column
    return records.tobytes()


def from_wire(data: Buffer, array_oid: int) -> Column:
    """An array without nulls."""
    name, element = _BY_ARRAY_OID[array_oid]
    raw = bytes(data)
    if len(raw) < HEAD.size:
        return np.empty(0, dtype=name)
    _, has_null, _, length, _ = HEAD.unpack_from(raw)
    assert not has_null, "a column with nulls cannot be a plain numpy array"
    cells = np.frombuffer(raw, dtype=[("length", ">i4"), ("value", element.big_endian)], count=length, offset=HEAD.size)
    if name.startswith("datetime"):
        return cells["value"].astype(np.int64).view("timedelta64[us]") + PG_EPOCH
    return cells["value"].astype(name)


class ColumnDumper(Dumper):
    format = Format.BINARY

    def get_key(self, obj: Column, format: PyFormat) -> DumperKey:
        return (self.cls, (obj.dtype.type, obj.dtype.itemsize))  # type: ignore[return-value]

    def upgrade(self, obj: Column, format: PyFormat) -> "ColumnDumper":
        dumper = type(self)(self.cls)
        dumper.oid = ELEMENTS[obj.dtype.name].array_oid
        return dumper

    def dump(self, obj: Column) -> Buffer:
        return to_wire(obj)


class ColumnLoader(Loader):
    format = Format.BINARY

    def load(self, data: Buffer) -> Column:
        return from_wire(data, self.oid)


def register(context: AdaptContext) -> None:
    """Columns as parameters."""
    context.adapters.register_dumper(np.ndarray, ColumnDumper)


def register_loaders(context: AdaptContext) -> None:
    """For a cursor whose answers are columns."""
    for element in ELEMENTS.values():
        context.adapters.register_loader(element.array_oid, ColumnLoader)
