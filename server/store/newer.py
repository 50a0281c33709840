"""A body of a newer gateway, with a word that is not known here yet: its rows go, the others stay. Pure.

Servers are updated before gateways; this is for the day on which somebody did not. A call for help must not be set
aside because a word beside it is new."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from devices.vocabulary import EventType, GapReason, Kind

_KINDS: Final[Collection[str]] = frozenset(Kind)
_WORDS: Final[dict[str, tuple[str, Collection[str]]]] = {
    "events": ("type", frozenset(EventType)),
    "gaps": ("why", frozenset(GapReason)),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Strange:
    """`body` without the rows `seqs`, which say `words`."""

    body: bytes
    seqs: tuple[int, ...]
    words: tuple[str, ...]


def without_strange_words(body: bytes) -> Strange | None:
    """None: strange words are not what is wrong with it."""
    try:
        said = msgspec.json.decode(body)
        seqs, words = _drop(said)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, TypeError, KeyError, IndexError, AttributeError):
        return None  # it has not even the shape of a body
    if not words:
        return None
    return Strange(body=msgspec.json.encode(said), seqs=tuple(sorted(seqs)), words=tuple(sorted(words)))


def _drop(said: dict[str, Any]) -> tuple[list[int], set[str]]:
    seqs: list[int] = []
    words: set[str] = set()
    readings = said.get("observations", {})
    strange = {place: word for place, word in enumerate(readings.get("kinds", [])) if word not in _KINDS}
    if strange:
        seqs += _keep(readings, [place not in strange for place in readings["kind"]])
        words |= {str(word) for word in strange.values()}
        # Indexes stay what they were: a word that no row uses any more stands in the place of a strange one.
        readings["kinds"] = [Kind.BATTERY if place in strange else word for place, word in enumerate(readings["kinds"])]
    for name, (column, known) in _WORDS.items():
        section = said.get(name, {})
        new = {str(word) for word in section.get(column, []) if word not in known}
        if new:
            seqs += _keep(section, [word in known for word in section[column]])
            words |= new
    return seqs, words


def _keep(section: dict[str, Any], which: Sequence[bool]) -> list[int]:
    """Every column of rows keeps these; the answer is the others' seqs."""
    gone = _others(section["seq"], which)
    for name, column in section.items():
        if name != "kinds" and isinstance(column, list) and len(column) == len(which):
            section[name] = [value for value, stays in zip(column, which, strict=True) if stays]
    return gone


def _others(seqs: Sequence[int], which: Sequence[bool]) -> list[int]:
    if len(seqs) != len(which) or not all(type(seq) is int for seq in seqs):
        raise TypeError("seq is no column of numbers")
    return [seq for seq, stays in zip(seqs, which, strict=True) if not stays]
