"""Record access: the bytes are those of the Glucose Service's examples and of meters seen in the field."""

import pytest

from devices.errors import DecodeError
from devices.profiles import racp
from devices.profiles.racp import Count, Finished, Order, Request, Result, Which


@pytest.mark.parametrize(
    ("request_bytes", "on_air"),
    [
        (racp.report(), "01 01"),  # "Report stored records | All records", as sent to an Accu-Chek Guide
        (racp.report(from_record=5), "01 03 01 05 00"),  # GLS: >= sequence number 5
        (racp.report(from_record=0x0102), "01 03 01 02 01"),
        (racp.report_last(), "01 06"),
        (racp.count(), "04 01"),
        (racp.count(from_record=5), "04 03 01 05 00"),
        (racp.delete_up_to(9), "02 02 01 09 00"),
        (racp.abort(), "03 00"),
        (
            racp.encode_request(Request(order=Order.REPORT, which=Which.BETWEEN, records=(1, 300))),
            "01 04 01 01 00 2c 01",
        ),
    ],
)
def test_requests_are_the_bytes_of_the_specification(request_bytes: bytes, on_air: str) -> None:
    assert request_bytes == bytes.fromhex(on_air)


@pytest.mark.parametrize(
    ("on_air", "answer"),
    [
        # An Accu-Chek Guide after its last record: [6, 0, 1, 1].
        ("06 00 01 01", Finished(order=Order.REPORT, result=Result.SUCCESS)),
        ("06 00 01 06", Finished(order=Order.REPORT, result=Result.NO_RECORDS)),
        ("06 00 02 02", Finished(order=Order.DELETE, result=Result.ORDER_NOT_SUPPORTED)),
        ("06 00 03 07", Finished(order=Order.ABORT, result=Result.ABORT_FAILED)),
        ("05 00 2c 01", Count(records=300)),
        ("05 00 00 00", Count(records=0)),
    ],
)
def test_answers_are_understood(on_air: str, answer: racp.Answer) -> None:
    assert racp.decode_answer(bytes.fromhex(on_air)) == answer
    assert racp.encode_answer(answer) == bytes.fromhex(on_air)


@pytest.mark.parametrize(
    ("on_air", "why"),
    [
        ("", "op code needs 1 bytes"),
        ("06 01 01 01", "operator 0"),
        ("06 00 01", "response code needs 1 bytes"),
        ("06 00 01 01 00", "1 surplus bytes"),
        ("06 00 01 0a", "10 is not a result"),
        ("06 00 07 01", "7 is not a order"),
        ("05 00 01", "number of records needs 2 bytes"),
        ("01 00 01 01", "op code 1 is not an answer"),
    ],
)
def test_answers_outside_the_specification_are_refused(on_air: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        racp.decode_answer(bytes.fromhex(on_air))


@pytest.mark.parametrize(
    ("on_air", "request_"),
    [
        ("01 01", Request(order=Order.REPORT, which=Which.ALL)),
        ("01 05", Request(order=Order.REPORT, which=Which.FIRST)),
        ("02 02 01 09 00", Request(order=Order.DELETE, which=Which.UP_TO, records=(9,))),
        ("01 04 01 01 00 2c 01", Request(order=Order.REPORT, which=Which.BETWEEN, records=(1, 300))),
    ],
)
def test_a_device_understands_requests(on_air: str, request_: Request) -> None:
    assert racp.decode_request(bytes.fromhex(on_air)) == request_


@pytest.mark.parametrize(
    ("on_air", "why"),
    [("01", "operator needs"), ("01 03", "filter type needs"), ("01 03 02 05 00", "filter"), ("01 01 01", "surplus")],
)
def test_a_device_refuses_requests_outside_the_specification(on_air: str, why: str) -> None:
    with pytest.raises(DecodeError, match=why):
        racp.decode_request(bytes.fromhex(on_air))
