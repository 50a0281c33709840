"""The board as bytes. It is board_schemas.Board, and tested to be; but thousands of values that come from the
database's own columns need no second check, and pydantic's costs more than everything else of a board."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import Raw, Struct

from devices.limits import Limit
from devices.vocabulary import KIND_BY_NUMBER, KINDS, Kind, Mode
from devices.wire.columns import from_millis
from server.api import shapes
from server.clinical.limits import join_within_s, stale_after_s
from server.store import board
from server.store.sparks import Spark

BATTERY = KINDS[Kind.BATTERY].number
NULL = Raw(b"null")


# `gc=False`: thousands that are never part of a cycle, and die when they are written.
class _Latest(Struct, gc=False):
    patient: int
    kind: Kind
    value: float | None
    unit: str
    decimals: int
    sign: int
    quality: int
    taken_at: datetime
    span_s: float
    received_at: datetime
    clock: int
    device: str
    level: int | None


class _Vital(Struct, gc=False):
    kind: Kind
    latest: _Latest
    limits: Raw
    spark: Raw
    gap_s: float
    stale_after_s: float


class _Patient(Struct, gc=False):
    id: int
    name: str
    born_on: date
    pathway: str
    team: int
    home: int | None
    gateways: list[str]
    sensors_off: list[str]
    virtual: bool
    municipality: str | None
    week: Sequence[str]
    response: str | None
    vitals: list[_Vital]


class _Home(Struct, gc=False):
    id: int
    address: str
    team: int


class _Gateway(Struct, gc=False):
    id: str
    home: int | None
    team: int | None
    state: str
    state_since: datetime
    heard_at: datetime | None
    waiting: int
    troubles: list[str]
    refused: dict[str, int]
    battery: dict[str, int]
    signal: dict[str, int]


class _Board(Struct):
    epoch: str
    cursors: Mapping[int, int]
    at: datetime
    practice: bool
    alerts: list[Raw]
    patients: list[_Patient]
    homes: list[_Home]
    gateways: list[_Gateway]


class _Facts(NamedTuple):
    kind: Kind
    unit: str
    decimals: int
    gap_s: float
    stale_after_s: float


def as_json(seen: board.Snapshot, now: datetime) -> bytes:
    return msgspec.json.encode(
        _Board(
            epoch=seen.epoch,
            cursors=seen.heads,
            at=now,
            practice=any(patient.virtual for patient in seen.patients),
            alerts=[Raw(shapes.alert(row).model_dump_json()) for row in seen.alerts],
            patients=list(_patients(seen)),
            homes=[_Home(row.id, row.address, row.team) for row in seen.homes],
            gateways=[_Gateway(**shapes.gateway_facts(row)) for row in seen.gateways],
        )
    )


def _patients(seen: board.Snapshot) -> Iterator[_Patient]:
    vitals, off, gateways = _vitals(seen), _sensors_off(seen.sensors_off), _gateways(seen.gateways)
    for row in seen.patients:
        yield _Patient(
            row.id,
            row.name,
            row.born_on,
            row.pathway,
            row.team,
            row.home,
            gateways.get(row.home, []),
            off.get(row.id, []),
            row.virtual,
            row.municipality,
            seen.weeks.get(row.id, ()),
            row.response,
            vitals.get(row.id, []),
        )


def _vitals(seen: board.Snapshot) -> Mapping[int, list[_Vital]]:
    vitals: defaultdict[int, list[_Vital]] = defaultdict(list)
    for row in sorted(seen.values, key=lambda each: each.kind):
        if row.kind != BATTERY:
            limit = shapes.limit_of(row, seen.limits)
            vitals[row.patient].append(_vital(row, limit, seen.sparks.get((row.patient, row.kind))))
    return vitals


def _vital(row: board.ValueRow, limit: Limit | None, spark: Spark | None) -> _Vital:
    kind, unit, decimals, gap_s, stale_after_s_ = _facts(row.kind, row.mode)
    latest = _Latest(
        row.patient,
        kind,
        row.value,
        unit,
        decimals,
        row.sign,
        row.quality,
        row.taken_at,
        row.span_s,
        row.received_at,
        row.clock,
        row.device,
        shapes.level_of(row, limit),
    )
    drawn = NULL if spark is None else _spark(spark)
    return _Vital(kind, latest, NULL if limit is None else _limits(limit), drawn, gap_s + row.span_s, stale_after_s_)


@lru_cache(maxsize=100)
def _facts(number: int, mode: int) -> _Facts:
    kind = KIND_BY_NUMBER[number]
    return _Facts(
        kind,
        KINDS[kind].ucum,
        KINDS[kind].decimals,
        join_within_s(kind, Mode(mode)),
        stale_after_s(kind, Mode(mode)),
    )


@lru_cache(maxsize=10_000)
def _limits(limit: Limit) -> Raw:
    return Raw(msgspec.json.encode(limit))


def _spark(spark: Spark) -> Raw:
    begins = _instant(spark.begins_ms)
    return Raw(b'{"begins":%b,"after_ms":[%b],"value":[%b]}' % (begins, spark.after_ms, spark.value))


@lru_cache(maxsize=20_000)
def _instant(ms: int) -> bytes:
    """Most charts of one board begin where they began on the last one."""
    return msgspec.json.encode(from_millis(ms))


def _gateways(rows: Iterable[board.GatewayRow]) -> Mapping[int | None, list[str]]:
    """By home; who has no home has no gateway."""
    standing: defaultdict[int | None, list[str]] = defaultdict(list)
    for row in rows:
        if row.home is not None:
            standing[row.home].append(row.id)
    return standing


def _sensors_off(rows: Iterable[tuple[int, str]]) -> Mapping[int, list[str]]:
    off: defaultdict[int, list[str]] = defaultdict(list)
    for patient, device in rows:
        off[patient].append(device)
    return off
