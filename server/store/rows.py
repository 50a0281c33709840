"""Readings as columns: what many decoded batches hold, ready for vector operations. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from itertools import repeat
from operator import attrgetter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from devices.vocabulary import KINDS, Kind, Quality
from devices.wire.columns import CLOCK
from devices.wire.messages import Body

Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

NUMBERS: Final = {kind: facts.number for kind, facts in KINDS.items()}
BATTERY: Final = KINDS[Kind.BATTERY].number
OLDEST_DAYS: Final = 400
NEWEST_MINUTES: Final = 10  # a device's clock may be a little ahead of ours
_DAY_US: Final = 86_400_000_000
_NEEDED: Final = ("device_id", "kind", "value", "taken_at")
_DEFAULTS: Final[Mapping[str, Any]] = {
    "slot": 0,
    "low": np.nan,
    "high": np.nan,
    "n": 1,
    "span_s": 0.0,
    "quality": 0,
    "sign": 0,
    "clock": CLOCK,
    "mode": 0,
}
_OPTIONAL_OF: Final = attrgetter(*_DEFAULTS)


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """One row per reading; NaN is "no value". `patient_id`, `home_id` are 0 where nobody is bound.

    `source` is the index of the batch that a row came in."""

    device_id: NDArray[np.int32]
    slot: NDArray[np.int16]
    kind: NDArray[np.int16]
    taken_at: NDArray[np.datetime64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    n: NDArray[np.int32]
    span_s: NDArray[np.float32]
    quality: NDArray[np.int16]
    sign: NDArray[np.int16]
    clock: NDArray[np.int16]
    mode: NDArray[np.int16]
    received_at: NDArray[np.datetime64]
    source: NDArray[np.int32]
    patient_id: NDArray[np.int32]
    home_id: NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.device_id)

    def where(self, chosen: Mask | Ints) -> "Rows":
        return Rows(**{field.name: getattr(self, field.name)[chosen] for field in fields(self)})

    def bound(self, patient_id: NDArray[np.int32], home_id: NDArray[np.int32]) -> "Rows":
        columns = {field.name: getattr(self, field.name) for field in fields(self)}
        return Rows(**columns | {"patient_id": patient_id, "home_id": home_id})

    def parameters(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True, slots=True)
class Section:
    """The readings of one batch above `mark`, and when the batch came."""

    body: Body
    mark: int
    received_us: int


def gather(sections: Sequence[Section], device_ids: Mapping[str, int]) -> Rows:
    """All readings above their batch's mark, in order of arrival, bound to nobody yet."""
    lists = _Lists()
    for source, section in enumerate(sections):
        lists.take(source, section, device_ids)
    return lists.rows()


class _Lists:
    """Python lists grow by whole columns; one conversion at the end costs less than one per batch. A column that no
    batch has is never a list."""

    def __init__(self) -> None:
        self._lists: dict[str, list[Any]] = {name: [] for name in (*_NEEDED, *_DEFAULTS)}
        self._counts: list[int] = []
        self._sources: list[int] = []
        self._received_us: list[int] = []
        self._rows = 0

    def take(self, source: int, section: Section, device_ids: Mapping[str, int]) -> None:
        columns = section.body.observations
        skip = 0
        if columns.seq and columns.seq[0] <= section.mark:
            skip = sum(1 for seq in columns.seq if seq <= section.mark)
        rows = len(columns.seq) - skip
        if not rows:
            return
        lists = self._lists
        ids = [device_ids[address] for address in section.body.devices]
        numbers = [NUMBERS[kind] for kind in columns.kinds]
        lists["device_id"] += [ids[place] for place in columns.device[skip:]]
        lists["kind"] += [numbers[place] for place in columns.kind[skip:]]
        lists["value"] += columns.value[skip:]
        lists["taken_at"] += columns.taken_at[skip:]
        for name, column in zip(_DEFAULTS, _OPTIONAL_OF(columns), strict=True):
            if column:
                self._fill(name)
                lists[name] += column[skip:]
        self._counts.append(rows)
        self._sources.append(source)
        self._received_us.append(section.received_us)
        self._rows += rows

    def _fill(self, name: str) -> list[Any]:
        column = self._lists[name]
        column.extend(repeat(_DEFAULTS[name], self._rows - len(column)))
        return column

    def _optional(self, name: str, dtype: type[np.generic]) -> NDArray[Any]:
        if not self._lists[name]:
            return np.full(self._rows, _DEFAULTS[name], dtype)
        return np.array(self._fill(name), dtype)  # numpy reads None as NaN

    def rows(self) -> Rows:
        lists, counts = self._lists, self._counts
        nobody = np.zeros(self._rows, np.int32)
        return Rows(
            device_id=np.array(lists["device_id"], np.int32),
            slot=self._optional("slot", np.int16),
            kind=np.array(lists["kind"], np.int16),
            taken_at=(np.array(lists["taken_at"], np.int64) * 1000).view("datetime64[us]"),
            value=np.array(lists["value"], np.float64),
            low=self._optional("low", np.float64),
            high=self._optional("high", np.float64),
            n=self._optional("n", np.int32),
            span_s=self._optional("span_s", np.float32),
            quality=self._optional("quality", np.int16),
            sign=self._optional("sign", np.int16),
            clock=self._optional("clock", np.int16),
            mode=self._optional("mode", np.int16),
            received_at=np.repeat(np.array(self._received_us, np.int64), counts).view("datetime64[us]"),
            source=np.repeat(np.array(self._sources, np.int32), counts),
            patient_id=nobody,
            home_id=nobody,
        )


def kept(rows: Rows) -> Mask:
    """Whether `taken_at` is an instant for which there is room: not beyond the retention, not in the future."""
    age_us = (rows.received_at - rows.taken_at).view(np.int64)
    return (age_us <= OLDEST_DAYS * _DAY_US) & (age_us >= -NEWEST_MINUTES * 60_000_000)


def is_possible(at: datetime, received_at: datetime) -> bool:
    """The same for one instant."""
    return -timedelta(minutes=NEWEST_MINUTES) <= received_at - at <= timedelta(days=OLDEST_DAYS)


def is_patients(rows: Rows) -> Mask:
    """A battery is the device's own; control solution is never a patient's reading."""
    own_or_nobodys = (rows.patient_id == 0) | (rows.kind == BATTERY)
    patients: Mask = ~own_or_nobodys & (rows.quality != Quality.DEMONSTRATION)
    return patients


def by_patient_key(rows: Rows) -> Rows:
    """Sorted by the key of `observation`, each key once."""
    keys = (rows.slot, rows.device_id, rows.span_s, rows.taken_at, rows.kind, rows.patient_id)
    return _sorted_once(rows, keys)


def by_device_key(rows: Rows) -> Rows:
    """Sorted by the key of `device_observation`, each key once."""
    return _sorted_once(rows, (rows.span_s, rows.taken_at, rows.kind, rows.slot, rows.device_id))


def _sorted_once(rows: Rows, keys: tuple[NDArray[Any], ...]) -> Rows:
    """`keys`: the least significant first, as np.lexsort wants them. Of equal keys the first to arrive stays."""
    order = np.lexsort(keys)
    if len(order) > 1:
        same = np.ones(len(order) - 1, np.bool_)
        for key in keys:
            same &= key[order[1:]] == key[order[:-1]]
        order = order[np.concatenate(([True], ~same))]
    return rows.where(order)


def newest_per_stream(rows: Rows) -> Rows:
    """Of rows in order of key: the last of each (patient, kind)."""
    if not len(rows):
        return rows
    changes = (rows.patient_id[1:] != rows.patient_id[:-1]) | (rows.kind[1:] != rows.kind[:-1])
    return rows.where(np.concatenate((changes, [True])))
