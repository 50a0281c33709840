"""Record Access Control Point (2A52): asking a device for its stored records. Glucose Service 1.0.1, section 3.4.

One procedure at a time: write a request, hear the records on their own characteristic, then one answer here.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final, TypeVar

from devices.errors import DecodeError
from devices.gatt import Reader
from devices.profiles.base import uuid16
from devices.profiles.wording import name

CONTROL_POINT: Final = uuid16(0x2A52)
E = TypeVar("E", bound=IntEnum)
BY_RECORD: Final = 0x01  # filter type: sequence number


class Order(IntEnum):
    REPORT = 0x01
    DELETE = 0x02
    ABORT = 0x03
    COUNT = 0x04


class Which(IntEnum):
    """The operator: which records."""

    NONE = 0x00
    ALL = 0x01
    UP_TO = 0x02
    FROM = 0x03
    BETWEEN = 0x04
    FIRST = 0x05
    LAST = 0x06


class Result(IntEnum):
    SUCCESS = 1
    ORDER_NOT_SUPPORTED = 2
    OPERATOR_INVALID = 3
    OPERATOR_NOT_SUPPORTED = 4
    OPERAND_INVALID = 5
    NO_RECORDS = 6
    ABORT_FAILED = 7
    NOT_COMPLETED = 8
    OPERAND_NOT_SUPPORTED = 9


_COUNT_ANSWER: Final = 0x05
_RESULT_ANSWER: Final = 0x06
_OPERANDS: Final = {Which.UP_TO: 1, Which.FROM: 1, Which.BETWEEN: 2}


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """`records` are the operands: as many sequence numbers as `which` needs."""

    order: Order
    which: Which
    records: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    records: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    order: Order
    result: Result


Answer = Count | Finished


def report(from_record: int | None = None) -> bytes:
    """All records, or those from this number on."""
    return encode_request(_from(Order.REPORT, from_record))


def report_last() -> bytes:
    return encode_request(Request(order=Order.REPORT, which=Which.LAST))


def count(from_record: int | None = None) -> bytes:
    return encode_request(_from(Order.COUNT, from_record))


def delete_up_to(record: int) -> bytes:
    return encode_request(Request(order=Order.DELETE, which=Which.UP_TO, records=(record,)))


def abort() -> bytes:
    return encode_request(Request(order=Order.ABORT, which=Which.NONE))


def _from(order: Order, record: int | None) -> Request:
    if record is None:
        return Request(order=order, which=Which.ALL)
    return Request(order=order, which=Which.FROM, records=(record,))


def encode_request(request: Request) -> bytes:
    assert len(request.records) == _OPERANDS.get(request.which, 0), request
    filtered = bytes((BY_RECORD,)) if request.records else b""
    operands = b"".join(record.to_bytes(2, "little") for record in request.records)
    return bytes((request.order, request.which)) + filtered + operands


def decode_answer(data: bytes) -> Answer:
    reader = Reader(data)
    opcode = reader.u8("op code")
    operator = reader.u8("operator")
    if operator != Which.NONE:
        raise DecodeError(f"an answer has operator 0, not {operator}")
    if opcode == _COUNT_ANSWER:
        answer: Answer = Count(records=reader.u16("number of records"))
    elif opcode == _RESULT_ANSWER:
        answer = Finished(
            order=_member(Order, reader.u8("request op code")), result=_member(Result, reader.u8("response code"))
        )
    else:
        raise DecodeError(f"op code {opcode} is not an answer")
    reader.end()
    return answer


def decode_request(data: bytes) -> Request:
    """For the device's side of the talk."""
    reader = Reader(data)
    order, which = _member(Order, reader.u8("op code")), _member(Which, reader.u8("operator"))
    operands = _OPERANDS.get(which, 0)
    if operands and reader.u8("filter type") != BY_RECORD:
        raise DecodeError("only the filter by sequence number is known")
    records = tuple(reader.u16("sequence number") for _ in range(operands))
    reader.end()
    return Request(order=order, which=which, records=records)


def encode_answer(answer: Answer) -> bytes:
    match answer:
        case Count(records=records):
            return bytes((_COUNT_ANSWER, Which.NONE)) + records.to_bytes(2, "little")
        case Finished(order=order, result=result):
            return bytes((_RESULT_ANSWER, Which.NONE, order, result))


def explain(data: bytes) -> list[str]:
    """Both sides of the talk: the first byte tells them apart."""
    if data and data[0] in set(Order):
        request = decode_request(data)
        numbers = " to ".join(str(record) for record in request.records)
        asked = f"{name(request.which)} {numbers}".strip()
        return [f"request: {name(request.order)}" + ("" if request.which is Which.NONE else f", records: {asked}")]
    match decode_answer(data):
        case Count(records=records):
            return [f"answer: {records} records"]
        case Finished(order=order, result=result):
            return [f"answer to {name(order)}: {name(result)}"]


def _member(words: type[E], number: int) -> E:
    try:
        return words(number)
    except ValueError as error:
        raise DecodeError(f"{number} is not a {words.__name__.lower()} of the control point") from error
