"""Fetching what a device stored: which records to ask for, and when all of them were heard.

Records newer than the last one that is safe. None newer: the last record tells whether the memory was emptied and
counts from the start again (a new battery, a new glucose sensor); then all. A device that cannot choose is asked for
all, too: what is known already is dropped later.
"""

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from devices.profiles import racp
from edge.core.session_words import Ask

STALL_S: Final = 20.0  # between two records, or the last one and the answer
EMPTY_S: Final = 2.0  # "success" before any record: a late repeat of an earlier answer, or really nothing
LONGEST_S: Final = 900.0  # one request, however slowly it trickles

CANNOT_CHOOSE: Final = frozenset(
    {
        racp.Result.ORDER_NOT_SUPPORTED,
        racp.Result.OPERATOR_INVALID,
        racp.Result.OPERATOR_NOT_SUPPORTED,
        racp.Result.OPERAND_INVALID,
        racp.Result.OPERAND_NOT_SUPPORTED,
    }
)


class _Asked(Enum):
    NEWER = auto()
    LAST = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class Wait:
    until_s: float


@dataclass(frozen=True, slots=True)
class Stored:
    """All records up to this one were heard."""

    record: int


@dataclass(frozen=True, slots=True)
class Finished:
    """There was nothing new."""


class Backfill:
    """`last_record`: the newest one that is safe in the outbox; None: none yet. An answer of None: it failed."""

    def __init__(self, last_record: int | None) -> None:
        self._last_record = last_record
        self._asked = _Asked.ALL
        self._newest: int | None = None
        self._longest_s = 0.0
        self._was_empty = self._is_complete = False

    def first_request(self) -> bytes:
        self._is_complete = False
        if self._last_record is None:
            self._asked = _Asked.ALL
            return racp.report()
        self._asked = _Asked.NEWER
        return racp.report((self._last_record + 1) & 0xFFFF)

    def asked(self, now_s: float) -> float:
        """How long to wait."""
        self._newest, self._was_empty = None, False
        self._longest_s = now_s + LONGEST_S
        return now_s + STALL_S

    def heard(self, record: int | None, now_s: float) -> float:
        if record is not None:
            self._newest = record
        return min(now_s + STALL_S, self._longest_s)

    def follows(self, record: int) -> bool:
        """A new record, said by itself after everything before it was fetched."""
        if not self._is_complete or record == self._last_record:
            return False
        self._last_record = record
        return True

    def answered(self, answer: racp.Answer, now_s: float) -> Wait | Ask | Stored | Finished | None:
        if not isinstance(answer, racp.Finished) or answer.order is not racp.Order.REPORT:
            return Wait(min(now_s + STALL_S, self._longest_s))
        if answer.result is racp.Result.SUCCESS:
            if self._newest is None:
                self._was_empty = True
                return Wait(now_s + EMPTY_S)
            return self._compare(self._newest) if self._asked is _Asked.LAST else self._complete(self._newest)
        if answer.result is racp.Result.NO_RECORDS:
            return self._ask(_Asked.LAST, racp.report_last()) if self._asked is _Asked.NEWER else self._nothing()
        if answer.result in CANNOT_CHOOSE and self._asked is not _Asked.ALL:
            return self._ask(_Asked.ALL, racp.report())
        return None

    def waited(self) -> Finished | None:
        return self._nothing() if self._was_empty else None

    def _ask(self, what: _Asked, request: bytes) -> Ask:
        self._asked = what
        return Ask(request)

    def _complete(self, record: int) -> Stored:
        self._last_record, self._is_complete = record, True
        return Stored(record)

    def _nothing(self) -> Finished:
        self._is_complete = True
        return Finished()

    def _compare(self, last: int) -> Ask | Finished:
        if self._last_record is not None and last < self._last_record:
            return self._ask(_Asked.ALL, racp.report())
        return self._nothing()
