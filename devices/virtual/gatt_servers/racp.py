"""Record Access Control Point: what a request means for the records that there are. Glucose Service 1.0.1, 3.4."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum


class Op(IntEnum):
    REPORT = 1
    DELETE = 2
    ABORT = 3
    COUNT = 4
    COUNT_RESPONSE = 5
    RESPONSE = 6


class Answer(IntEnum):
    SUCCESS = 1
    OP_CODE_NOT_SUPPORTED = 2
    INVALID_OPERATOR = 3
    OPERATOR_NOT_SUPPORTED = 4
    INVALID_OPERAND = 5
    NO_RECORDS_FOUND = 6
    ABORT_UNSUCCESSFUL = 7
    PROCEDURE_NOT_COMPLETED = 8
    OPERAND_NOT_SUPPORTED = 9


NULL, ALL, AT_MOST, AT_LEAST, WITHIN, FIRST, LAST = range(7)
BY_SEQUENCE_NUMBER = 1
OPERAND_NUMBERS = {AT_MOST: 1, AT_LEAST: 1, WITHIN: 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Work:
    """Do `op` on the records with these sequence numbers; for ABORT there are none."""

    op: Op
    sequence_numbers: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    request_op: int
    answer: Answer


def decide(request: bytes, stored: Sequence[int]) -> Work | Refusal:
    """`stored` are sequence numbers in ascending order."""
    op = request[0] if request else 0
    if op not in (Op.REPORT, Op.DELETE, Op.ABORT, Op.COUNT):
        return Refusal(request_op=op, answer=Answer.OP_CODE_NOT_SUPPORTED)
    operator = request[1] if len(request) > 1 else NULL
    if op == Op.ABORT:
        return Work(op=Op.ABORT) if operator == NULL else Refusal(request_op=op, answer=Answer.INVALID_OPERATOR)
    chosen = _choose(operator, request[2:], stored)
    if isinstance(chosen, Answer):
        return Refusal(request_op=op, answer=chosen)
    if not chosen and op != Op.COUNT:
        return Refusal(request_op=op, answer=Answer.NO_RECORDS_FOUND)
    return Work(op=Op(op), sequence_numbers=chosen)


def response(request_op: int, answer: Answer) -> bytes:
    return bytes([Op.RESPONSE, NULL, request_op, answer])


def count_response(count: int) -> bytes:
    return bytes([Op.COUNT_RESPONSE, NULL]) + count.to_bytes(2, "little")


def _choose(operator: int, operand: bytes, stored: Sequence[int]) -> tuple[int, ...] | Answer:
    if operator == NULL:
        return Answer.INVALID_OPERATOR
    if operator > LAST:
        return Answer.OPERATOR_NOT_SUPPORTED
    if operator in OPERAND_NUMBERS:
        return _filter(operator, operand, stored)
    if operand:
        return Answer.INVALID_OPERAND
    simple: dict[int, Callable[[], Sequence[int]]] = {
        ALL: lambda: stored,
        FIRST: lambda: stored[:1],
        LAST: lambda: stored[-1:],
    }
    return tuple(simple[operator]())


def _filter(operator: int, operand: bytes, stored: Sequence[int]) -> tuple[int, ...] | Answer:
    if operand and operand[0] != BY_SEQUENCE_NUMBER:
        return Answer.OPERAND_NOT_SUPPORTED
    if len(operand) != 1 + 2 * OPERAND_NUMBERS[operator]:
        return Answer.INVALID_OPERAND
    first, last = int.from_bytes(operand[1:3], "little"), int.from_bytes(operand[-2:], "little")
    if first > last:
        return Answer.INVALID_OPERAND
    low, high = {AT_MOST: (0, last), AT_LEAST: (first, 0xFFFF), WITHIN: (first, last)}[operator]
    return tuple(number for number in stored if low <= number <= high)
