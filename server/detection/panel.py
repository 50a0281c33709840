"""The streams that one monitor watches, as arrays: where each stands, and its limits."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import isnan, nan
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.limits import Limit, shown
from devices.vocabulary import KIND_BY_NUMBER, KINDS
from server.clinical.limits import HYSTERESIS, longest_gap_s
from server.detection.findings import Direction
from server.detection.rows import Ints, Rows, Stream, kinds_of, patients_of, stream_keys, stream_of
from server.detection.state import StreamSetting, StreamState

NEVER: Final = -(2**63)  # no such time
MOST_STREAMS: Final = 600_000  # about 200 MB

# `marked_until_ms`: its mark in the database stands at least so long, for readings from `marked_since_ms` on.
# `limit` and `eased` are red low, yellow low, yellow high, red high; NaN: no such limit.
STREAM: Final = np.dtype(
    [
        ("key", "i8"),
        ("last_ms", "i8"),
        ("end_ms", "i8"),
        ("longest_gap_ms", "i8"),
        ("since_ms", "i8"),
        ("pending_since_ms", "i8"),
        ("pending_far_since_ms", "i8"),
        ("touched", "i8"),
        ("marked_until_ms", "i8"),
        ("marked_since_ms", "i8"),
        ("limit", "f8", (4,)),
        ("eased", "f8", (4,)),
        ("level", "i1"),
        ("pending_level", "i1"),
        ("decimals", "i1"),
    ]
)
MOVING: Final = ("last_ms", "end_ms", "since_ms", "pending_since_ms", "pending_far_since_ms", "level", "pending_level")
Streams = NDArray[np.void]


@dataclass(frozen=True, kw_only=True, slots=True)
class Delta:
    """The stream_state rows that a step moved: to be written with the readings, then applied to the panel.

    A time of NEVER is null in the database."""

    streams: Streams

    def __len__(self) -> int:
        return len(self.streams)

    @property
    def patient(self) -> NDArray[np.int32]:
        return patients_of(self.streams["key"])

    @property
    def kind(self) -> NDArray[np.int16]:
        return kinds_of(self.streams["key"])

    def column(self, name: str) -> NDArray[np.int64]:
        """One of MOVING, in the order of `patient` and `kind`, which ascends."""
        return self.streams[name].astype(np.int64)

    def states(self) -> Iterator[StreamState]:
        return map(_state, self.streams)


class Panel:
    """Bounded: beyond `most` streams those silent longest are forgotten, and hydrated again when they are heard."""

    def __init__(self, *, most: int = MOST_STREAMS) -> None:
        self._most = most
        self._streams: Streams = np.zeros(0, STREAM)  # ascending by key
        self._keys: Ints = np.zeros(0, np.int64)  # the same, side by side: to search a column of records copies it
        self._basis: dict[int, str] = {}
        self._turn = 0

    def __len__(self) -> int:
        return len(self._streams)

    def missing(self, rows: Rows) -> list[Stream]:
        """Streams of these rows that have to be hydrated before `step`."""
        keys = np.unique(stream_keys(rows.patient, rows.kind))
        return [stream_of(int(key)) for key in keys[~self._has(keys)]]

    def hydrate(self, settings: Iterable[StreamSetting]) -> None:
        given = {(each.patient << 16) | each.kind: each for each in settings}
        if len(given) > self._most:
            raise ValueError(f"{len(given)} streams at once, but the panel may hold {self._most}")
        self._turn += 1
        fresh = _filled([given[key] for key in sorted(given)], self._turn)
        known = self._has(fresh["key"])
        self._streams[np.searchsorted(self._keys, fresh["key"][known])] = fresh[known]
        self._add(fresh[~known])
        self._basis |= {key: each.basis for key, each in given.items()}

    def _add(self, fresh: Streams) -> None:
        """Streams that it does not hold, ascending."""
        if len(self._streams) + len(fresh) > self._most:
            kept = _least_silent(self._streams, self._most - len(fresh))
            for key in np.setdiff1d(self._keys, kept["key"], assume_unique=True).tolist():
                del self._basis[key]
            self._streams, self._keys = kept, np.ascontiguousarray(kept["key"])
        places = np.searchsorted(self._keys, fresh["key"])
        self._streams = np.insert(self._streams, places, fresh)
        self._keys = np.insert(self._keys, places, fresh["key"])

    def forget(self, patients: Collection[int]) -> None:
        """Their streams are hydrated again when they are heard."""
        gone = np.isin(self._streams["key"] >> 16, np.array(sorted(patients), np.int64))
        for key in self._streams["key"][gone].tolist():
            del self._basis[key]
        self._streams, self._keys = self._streams[~gone], self._keys[~gone]

    def set_limits(self, patient: int, kind: int, limit: Limit | None, basis: str = "") -> None:
        """From the next reading on. A stream that the panel does not hold gets its limits when it is hydrated."""
        key = (patient << 16) | kind
        place = int(np.searchsorted(self._keys, key))
        if place < len(self._streams) and int(self._keys[place]) == key:
            self._streams["limit"][place], self._streams["eased"][place] = _edges(kind, limit)
            self._basis[key] = basis

    def look_up(self, keys: Ints) -> Streams:
        """Copies, in the order of `keys`, all of which the panel must hold."""
        assert self._has(keys).all(), "step() before hydrate()"
        found: Streams = self._streams[np.searchsorted(self._keys, keys)]
        return found

    def basis(self, key: int) -> str:
        return self._basis[key]

    def apply(self, delta: Delta) -> None:
        """After the commit, and only then."""
        self._turn += 1
        held = delta.streams[self._has(delta.streams["key"])]
        places = np.searchsorted(self._keys, held["key"])
        for name in MOVING:
            self._streams[name][places] = held[name]
        self._streams["touched"][places] = self._turn

    def mark(self, keys: Ints, until_ms: Ints, since_ms: Ints) -> None:
        """Of those that it still holds. After the commit, and only then."""
        held = self._has(keys)
        places = np.searchsorted(self._keys, keys[held])
        self._streams["marked_until_ms"][places] = until_ms[held]
        self._streams["marked_since_ms"][places] = since_ms[held]

    def _has(self, keys: Ints) -> NDArray[np.bool_]:
        mine = self._keys
        if not len(mine):
            return np.zeros(len(keys), np.bool_)
        places = np.minimum(np.searchsorted(mine, keys), len(mine) - 1)
        has: NDArray[np.bool_] = mine[places] == keys
        return has


def edge(limit: Sequence[float], level: int, direction: Direction) -> float | None:
    """Of a stream's four, the limit that separates the level from the next one inwards; inside: the outermost green
    edge.

    A level can lack a limit of its own (LO of a patient with nothing but a yellow limit): then the other one."""
    red, yellow = (0, 1) if direction == "low" else (3, 2)
    ordered = (red, yellow) if abs(level) == 2 else (yellow, red)
    return next((limit[place] for place in ordered if not isnan(limit[place])), None)


def _least_silent(streams: Streams, most: int) -> Streams:
    newest_first = np.argsort(-streams["touched"], kind="stable")
    return streams[np.sort(newest_first[:most])]


def _filled(settings: Sequence[StreamSetting], turn: int) -> Streams:
    streams = np.zeros(len(settings), STREAM)
    states = [each.state or _never(each) for each in settings]
    streams["key"] = [(each.patient << 16) | each.kind for each in settings]
    streams["touched"] = turn
    streams["marked_until_ms"] = NEVER
    streams["marked_since_ms"] = NEVER
    edges = [_edges(each.kind, each.limit) for each in settings]
    streams["limit"] = np.reshape([limit for limit, _ in edges], (-1, 4))
    streams["eased"] = np.reshape([eased for _, eased in edges], (-1, 4))
    streams["decimals"] = [KINDS[KIND_BY_NUMBER[each.kind]].decimals for each in settings]
    streams["longest_gap_ms"] = [int(longest_gap_s(KIND_BY_NUMBER[each.kind]) * 1000) for each in settings]
    streams["last_ms"] = [each.last_ms for each in states]
    streams["end_ms"] = [each.last_ms if each.end_ms is None else each.end_ms for each in states]
    streams["since_ms"] = [_ms(each.since_ms) for each in states]
    streams["level"] = [each.level for each in states]
    streams["pending_level"] = [each.pending_level for each in states]
    streams["pending_since_ms"] = [_ms(each.pending_since_ms) for each in states]
    streams["pending_far_since_ms"] = [_ms(each.pending_far_since_ms) for each in states]
    return streams


def _never(setting: StreamSetting) -> StreamState:
    return StreamState(
        patient=setting.patient,
        kind=setting.kind,
        last_ms=NEVER,
        level=0,
        since_ms=None,
        pending_level=0,
        pending_since_ms=None,
        pending_far_since_ms=None,
    )


@lru_cache(maxsize=4096)  # most people share theirs
def _edges(kind_number: int, limit: Limit | None) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """`limit` and `eased` of a stream."""
    kind = KIND_BY_NUMBER[kind_number]
    decimals = KINDS[kind].decimals
    limit = limit or Limit()
    edges = (limit.red_low, limit.yellow_low, limit.yellow_high, limit.red_high)
    inside = _margin(limit, HYSTERESIS.get(kind, 0.0))
    ways = (inside, inside, -inside, -inside)
    # Rounded again, or 3.9 + 0.3 would be a hair beside 4.2.
    eased = (nan if edge is None else shown(edge + way, decimals + 1) for edge, way in zip(edges, ways, strict=True))
    return tuple(nan if edge is None else edge for edge in edges), tuple(eased)


def _margin(limit: Limit, hysteresis: float) -> float:
    """At most half of a narrow band, or a reading in its middle could never end anything."""
    lows = [edge for edge in (limit.red_low, limit.yellow_low) if edge is not None]
    highs = [edge for edge in (limit.yellow_high, limit.red_high) if edge is not None]
    return min(hysteresis, (min(highs) - max(lows)) / 2) if lows and highs else hysteresis


def _ms(time: int | None) -> int:
    return NEVER if time is None else time


def _time(ms: int) -> int | None:
    return None if ms == NEVER else ms


def _state(stream: np.void) -> StreamState:
    patient, kind = stream_of(int(stream["key"]))
    last_ms, end_ms = int(stream["last_ms"]), int(stream["end_ms"])
    return StreamState(
        patient=patient,
        kind=kind,
        last_ms=last_ms,
        level=int(stream["level"]),
        since_ms=_time(int(stream["since_ms"])),
        pending_level=int(stream["pending_level"]),
        pending_since_ms=_time(int(stream["pending_since_ms"])),
        pending_far_since_ms=_time(int(stream["pending_far_since_ms"])),
        end_ms=None if end_ms == last_ms else end_ms,
    )
