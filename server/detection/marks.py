"""Which streams the slow rules must look at again, and when, after new readings."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from devices.vocabulary import KINDS, Kind, Mode
from server.clinical.change import CHANGES
from server.detection.levels import usable
from server.detection.panel import Panel
from server.detection.rows import Bools, Ints, Rows, kinds_of, patients_of, stream_keys

LOOKED_AT: Final = frozenset({*CHANGES, Kind.GLUCOSE_ISF, Kind.DIASTOLIC, Kind.RR_INTERVAL})
AT_ONCE: Final = frozenset({Kind.GLUCOSE_ISF})  # continuous, but it says where it is going within minutes
EVERY_MS: Final = 10 * 60_000  # a continuous stream changes its day no faster [proposal]
# A mark is not taken away before it is due. Until so long before that, a stream that has one needs no other: no
# transaction lasts as long, nor do the clocks of two servers differ so much.
SURE_BEFORE_MS: Final = 60_000
NUMBERS: Final = max(facts.number for facts in KINDS.values()) + 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Marks:
    """Ascending by `key`. `since_ms`: the oldest new reading of the stream."""

    key: Ints
    due_ms: Ints
    since_ms: Ints

    def __len__(self) -> int:
        return len(self.key)

    @property
    def patient(self) -> NDArray[np.int32]:
        return patients_of(self.key)

    @property
    def kind(self) -> NDArray[np.int16]:
        return kinds_of(self.key)

    def known(self) -> tuple[Ints, Ints, Ints]:
        """For Panel.mark."""
        return self.key, self.due_ms, self.since_ms


def marks_of(panel: Panel, rows: Rows, now_ms: int) -> Marks:
    """`rows`: new ones, every stream of them hydrated. Without the streams that are known to be marked."""
    which = np.flatnonzero(LOOKS[rows.kind] & usable(rows.value, rows.quality))
    keys, stream = np.unique(stream_keys(rows.patient[which], rows.kind[which]), return_inverse=True)
    since_ms = np.full(len(keys), np.iinfo(np.int64).max)
    np.minimum.at(since_ms, stream, rows.taken_ms[which])
    at_once = np.zeros(len(keys), np.bool_)
    at_once[stream[(rows.mode[which] == Mode.SPOT) | NOW[rows.kind[which]]]] = True
    streams = panel.look_up(keys)
    marked = (
        ~at_once & (streams["marked_until_ms"] > now_ms + SURE_BEFORE_MS) & (streams["marked_since_ms"] <= since_ms)
    )
    new = np.flatnonzero(~marked)
    due_ms = np.where(at_once, now_ms, now_ms + EVERY_MS)
    return Marks(key=keys[new], due_ms=due_ms[new], since_ms=since_ms[new])


def _table(kinds: frozenset[Kind]) -> Bools:
    table = np.zeros(NUMBERS, np.bool_)
    table[[KINDS[kind].number for kind in kinds]] = True
    return table


LOOKS, NOW = _table(LOOKED_AT), _table(AT_ONCE)
