"""Who a gateway, a device and a reading belong to.

Re-binding cannot race with ingest: ingest holds the device rows FOR SHARE until it commits, a change of binding updates
its device row (trigger binding_changes). So either the batch commits first, or it sees the new `binding_rev` and reads
the bindings again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, Final

import numpy as np
import psycopg

from devices.wire.columns import EPOCH
from server.store import queries
from server.store.rows import Rows

SQL: Final = queries.load("devices")
CACHE_MAX: Final = 200_000  # names and bindings; beyond it the cache starts afresh


class StaleNamesError(Exception):
    """What is remembered of the database no longer holds: forget it and connect again."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """To a patient, or to a home with a place in it; 0 is neither. `span`: from and until, in microseconds since 1970,
    and both ids: what arithmetic needs."""

    patient_id: int
    home_id: int
    place: str
    valid_from: datetime
    valid_to: datetime
    span: tuple[int, int, int, int]

    def holds(self, at: datetime) -> bool:
        return self.valid_from <= at < self.valid_to


NOBODY: Final = Binding(
    patient_id=0,
    home_id=0,
    place="",
    valid_from=datetime(2200, 1, 1, tzinfo=UTC),
    valid_to=datetime(2200, 1, 1, tzinfo=UTC),
    span=(0, 0, 0, 0),
)


@dataclass(slots=True)
class Names:
    """Ids by name, remembered; a name that is new gets its row in a transaction of its own, before the batch's."""

    gateways: dict[str, int] = field(default_factory=dict)
    devices: dict[str, int] = field(default_factory=dict)

    def learn_gateways(self, conn: psycopg.Connection, buckets: Mapping[str, int]) -> None:
        if unknown := _unknown(self.gateways, buckets):
            with conn.transaction():
                numbers = np.array([buckets[name] for name in unknown], np.int16)
                conn.execute(SQL["meet_gateways"], {"names": unknown, "buckets": numbers})
                self.gateways.update(conn.execute(SQL["gateways"], {"names": unknown}).fetchall())

    def learn_devices(self, conn: psycopg.Connection, addresses: Iterable[str], at: datetime) -> None:
        if unknown := _unknown(self.devices, addresses):
            with conn.transaction():
                conn.execute(SQL["meet_devices"], {"addresses": unknown, "at": at})
                self.devices.update(conn.execute(SQL["devices"], {"addresses": unknown}).fetchall())


def _unknown(cache: dict[str, int], wanted: Iterable[str]) -> list[str]:
    names = set(wanted)
    unknown = names - cache.keys()
    if unknown and len(cache) + len(unknown) > CACHE_MAX:
        cache.clear()
        unknown = names
    return sorted(unknown)


class Bindings:
    """The bindings of devices, as of their `binding_rev`. Use it only for devices held in this transaction."""

    def __init__(self) -> None:
        self._revs: dict[int, int] = {}
        self._of: dict[tuple[int, int], tuple[Binding, ...]] = {}

    def hold(self, conn: psycopg.Connection, device_ids: Sequence[int]) -> None:
        """Lock the devices FOR SHARE; read again what changed since the last time."""
        ids = np.array(sorted(device_ids), np.int32)
        revs: dict[int, int] = dict(conn.execute(SQL["hold_devices"], {"ids": ids}).fetchall())
        if len(revs) != len(ids):
            raise StaleNamesError("a device that was known is gone: the database is not the one it was")
        if changed := [device for device, rev in revs.items() if self._revs.get(device) != rev]:
            if len(self._revs) + len(changed) > CACHE_MAX:
                self._revs.clear()
                self._of.clear()
                changed = list(revs)
            self._read(conn, changed)
            self._revs.update((device, revs[device]) for device in changed)

    def at(self, device_id: int, slot: int, instant: datetime) -> Binding:
        return next((b for b in self._of.get((device_id, slot), ()) if b.holds(instant)), NOBODY)

    def bind(self, rows: Rows) -> Rows:
        """Whose each reading is, by the binding that held when it was taken."""
        streams, inverse = np.unique(rows.device_id.astype(np.int64) << 8 | rows.slot, return_inverse=True)
        of = [self._of.get((key >> 8, key & 0xFF), ()) for key in streams.tolist()]
        taken_us = rows.taken_at.view(np.int64)
        patient_id = np.zeros(len(rows), np.int32)
        home_id = np.zeros(len(rows), np.int32)
        for turn in range(max(map(len, of), default=0)):  # nearly always one: a device with one binding
            spans = np.array([(each[turn] if turn < len(each) else NOBODY).span for each in of], np.int64)
            begin_us, end_us, patient, home = np.unstack(spans.take(inverse, axis=0), axis=1)
            holds = (begin_us <= taken_us) & (taken_us < end_us)
            patient_id[holds], home_id[holds] = patient[holds], home[holds]
        return rows.bound(patient_id, home_id)

    def _read(self, conn: psycopg.Connection, device_ids: list[int]) -> None:
        gone = set(device_ids)
        known = gone & self._revs.keys()
        if known:
            self._of = {key: value for key, value in self._of.items() if key[0] not in known}
        found = conn.execute(SQL["bindings"], {"ids": np.array(device_ids, np.int32)}).fetchall()
        for key, group in groupby(found, key=lambda row: (row[0], row[1])):
            self._of[key] = tuple(_binding(row) for row in group)


def _binding(row: tuple[Any, ...]) -> Binding:
    _, _, patient_id, home_id, place, valid_from, valid_to = row
    return Binding(
        patient_id=patient_id,
        home_id=home_id,
        place=place,
        valid_from=valid_from,
        valid_to=valid_to,
        span=(_micros(valid_from), _micros(valid_to), patient_id, home_id),
    )


def _micros(instant: datetime) -> int:
    return (instant - EPOCH) // timedelta(microseconds=1)
