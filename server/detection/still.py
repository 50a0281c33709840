"""Readings outside that cross nothing: what makes a stream that stays outside heard of again."""

from typing import Final

import numpy as np

from server.detection.panel import NEVER, Streams
from server.detection.rows import Bools, Ints
from server.detection.thresholds import Crossings, Readings

SAID_AGAIN_EVERY_MS: Final = 30 * 60 * 1000  # [proposal: 30-60 min]


def still_outside(
    readings: Readings, crossings: Crossings, streams: Streams, fresh_from_ms: Ints
) -> tuple[Ints, Ints, Ints]:
    """The readings that say so, each with its level and since when the stream has been there.

    A spot reading outside always does. A continuous stream does every half hour since its crossing, and with the first
    fresh reading (one that reaches beyond its `fresh_from_ms`) after older ones: what was so then is so now."""
    level, since = _standing(readings, crossings, streams)
    quiet = np.ones(len(readings), np.bool_)
    quiet[crossings.reading] = False
    signed = readings.high.astype(np.int64) - readings.low
    here = np.where(readings.good, signed, np.clip(signed, -1, 1))
    spot = readings.spot & (here * level > 0)
    continuous = ~readings.spot & (level != 0) & _said_again(readings, since, streams, fresh_from_ms)
    which = np.flatnonzero(quiet & (spot | continuous))
    return which, np.where(readings.spot, here, level)[which], since[which]


def _standing(readings: Readings, crossings: Crossings, streams: Streams) -> tuple[Ints, Ints]:
    """Level after each reading, and since when."""
    places = np.arange(len(readings))
    crossing_at = np.full(len(readings), -1)
    crossing_at[crossings.reading] = np.arange(len(crossings.reading))  # of two at one reading, the later
    last = np.maximum.accumulate(np.where(crossing_at >= 0, places, -1))
    last = np.where(last >= np.searchsorted(readings.stream, readings.stream), last, -1)
    level = streams["level"][readings.stream].astype(np.int64)
    since = streams["since_ms"][readings.stream]
    if len(crossings.reading):
        which = crossing_at[last]
        level = np.where(last >= 0, crossings.level[which], level)
        since = np.where(last >= 0, crossings.since_ms[which], since)
    return level, since


def _said_again(readings: Readings, since: Ints, streams: Streams, fresh_from_ms: Ints) -> Bools:
    taken, end = readings.taken_ms, readings.end_ms
    first = np.append(True, readings.stream[1:] != readings.stream[:-1])
    before = np.where(first, streams["last_ms"][readings.stream], np.roll(taken, 1))
    known = (before != NEVER) & (since != NEVER)
    before, since = np.where(known, before, taken), np.where(known, since, taken)
    another = (taken - since) // SAID_AGAIN_EVERY_MS > (before - since) // SAID_AGAIN_EVERY_MS
    now_fresh = (readings.ended_ms < fresh_from_ms) & (end >= fresh_from_ms) & known
    again: Bools = another | now_fresh
    return again
