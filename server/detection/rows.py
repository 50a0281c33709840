"""New readings as columns: what the monitor hands to the engine after the insert said which rows were new."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """One row per reading, in the order of arrival; all columns are equally long.

    `value` NaN: no reading. `kind` is KindFacts.number; `quality`, `sign` and `mode` are the numbers of vocabulary.
    `span_s`: how long a thinned interval is that begins at `taken_ms`; 0 for a raw reading. `low`, `high`: the extremes
    in it; NaN: `value` is all there is."""

    patient: NDArray[np.int32]
    kind: NDArray[np.int16]
    taken_ms: Ints
    value: Floats
    sign: NDArray[np.int8]
    quality: NDArray[np.int8]
    mode: NDArray[np.int8]
    span_s: NDArray[np.float32]
    low: Floats
    high: Floats

    def __len__(self) -> int:
        return len(self.patient)


Stream = tuple[int, int]  # patient, kind number


def stream_keys(patient: NDArray[np.int32], kind: NDArray[np.int16]) -> Ints:
    """One integer per (patient, kind), in the order of both."""
    return (patient.astype(np.int64) << 16) | kind.astype(np.int64)


def patients_of(keys: Ints) -> NDArray[np.int32]:
    return (keys >> 16).astype(np.int32)


def kinds_of(keys: Ints) -> NDArray[np.int16]:
    return (keys & 0xFFFF).astype(np.int16)


def stream_of(key: int) -> Stream:
    return key >> 16, key & 0xFFFF
