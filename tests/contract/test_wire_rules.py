"""What the contract refuses, one rule at a time, each on a message that is right but for that."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import HeaderError, WireError
from devices.vocabulary import KINDS, Observation
from devices.wire.codec import (
    check_gateway,
    decode_body,
    decode_header,
    decode_receipt,
    decode_status,
    undeclared,
    unknown_fields,
    unpack,
)
from devices.wire.messages import MAX_BYTES, Batch, RawBatch, Status
from devices.wire.topics import parse

STRAP = "C0:26:DA:00:00:02"
NOON_MS = 1_735_732_800_000  # 2025-01-01T12:00Z

Change = Callable[[Any], object]


def good() -> Any:
    """Two readings, an event and a gap; as plain data, so that a test can spoil it."""
    return {
        "v": 1,
        "gateway": "hjem-3f2a",
        "outbox": "0123456789abcdef",
        "lane": "bulk",
        "after": 0,
        "first": 1,
        "last": 4,
        "sent_at": NOON_MS,
        "body": {
            "devices": [STRAP],
            "observations": {
                "seq": [1, 3],
                "device": [0, 0],
                "kinds": ["spo2", "heart_rate"],
                "kind": [0, 1],
                "value": [91, 300],
                "taken_at": [NOON_MS, NOON_MS],
            },
            "events": {"seq": [2], "device": [0], "type": ["sensor_off"], "occurred_at": [NOON_MS]},
            "gaps": {
                "seq": [4],
                "device": [0],
                "from_at": [NOON_MS],
                "to_at": [NOON_MS + 5],
                "why": ["not_connected"],
            },
        },
    }


def spoilt(change: Change) -> bytes:
    message = good()
    change(message)
    return json.dumps(message).encode()


def test_the_message_that_the_tests_spoil_is_right() -> None:
    header = decode_header(json.dumps(good()).encode())
    body = decode_body(header)
    assert [seq for seq, _ in unpack(body)] == [1, 2, 3, 4]
    assert undeclared(header, body) == 0


BAD_HEADERS: dict[str, Change] = {
    "no gateway": lambda m: m.pop("gateway"),
    "no outbox": lambda m: m.pop("outbox"),
    "outbox not hex": lambda m: m.update(outbox="0123456789ABCDEF"),
    "no last": lambda m: m.pop("last"),
    "unknown lane": lambda m: m.update(lane="express"),
    "first after last": lambda m: m.update(first=5),
    "first not after `after`": lambda m: m.update(after=1),
    "seq 0": lambda m: m.update(first=0),
    "negative mark": lambda m: m.update(after=-1),
    "seq is text": lambda m: m.update(first="1"),
    "sent in 1970": lambda m: m.update(sent_at=5_000),
    "sent after 2100": lambda m: m.update(sent_at=4_102_444_800_001),
    "lost outside": lambda m: m.update(lost=[{"first": 4, "last": 5, "why": "thinned"}]),
    "lost backwards": lambda m: m.update(lost=[{"first": 3, "last": 2, "why": "thinned"}]),
    "lost twice": lambda m: m.update(lost=[{"first": 1, "last": 2, "why": "thinned"}] * 2),
    "lost for no reason": lambda m: m.update(lost=[{"first": 1, "last": 2, "why": "mislaid"}]),
    "NaN, which is no JSON": lambda m: m["body"]["observations"].update(value=[float("nan"), 300]),
    "Infinity, which is no JSON": lambda m: m["body"]["observations"].update(value=[float("inf"), 300]),
    "version is text": lambda m: m.update(v="1"),
}


@pytest.mark.parametrize("change", BAD_HEADERS.values(), ids=BAD_HEADERS.keys())
def test_a_header_that_breaks_a_rule_cannot_be_trusted(change: Change) -> None:
    with pytest.raises(HeaderError):
        decode_header(spoilt(change))


def observations(**columns: object) -> Change:
    return lambda m: m["body"]["observations"].update(columns)


def gaps(**columns: object) -> Change:
    return lambda m: m["body"]["gaps"].update(columns)


BAD_BODIES: dict[str, Change] = {
    "body is a list": lambda m: m.update(body=[]),
    "address in small letters": lambda m: m["body"].update(devices=[STRAP.lower()]),
    "column too short": observations(value=[91]),
    "column too long": observations(taken_at=[NOON_MS] * 3),
    "optional column too short": observations(slot=[1]),
    "needed column missing": lambda m: m["body"]["observations"].pop("device"),
    "rows without seq": lambda m: m["body"]["events"].pop("seq"),
    "device out of range": observations(device=[0, 1]),
    "negative device": observations(device=[0, -1]),
    "device of an event out of range": lambda m: m["body"]["events"].update(device=[1]),
    "kind out of range": observations(kind=[0, 2]),
    "unknown kind": observations(kinds=["spo2", "aura"]),
    "seq not ascending": observations(seq=[3, 1]),
    "seq twice in a section": observations(seq=[1, 1]),
    "seq twice across sections": gaps(seq=[3]),
    "seq before first": lambda m: m.update(first=2, after=1),
    "seq after last": lambda m: m.update(last=3),
    "null with good quality": observations(value=[None, 300]),
    "null with questionable quality": observations(value=[None, 300], quality=[1, 0]),
    "value with quality no reading": observations(quality=[2, 0]),
    "null with a sign": observations(value=[None, 300], quality=[2, 0], sign=[-1, 0]),
    "spo2 above 100": observations(value=[100.1, 300]),
    "spo2 of 0": observations(value=[0, 300]),
    "heart rate above 350": observations(value=[91, 351]),
    "spo2 that only a heart could have": observations(value=[300, 300]),
    "heart rate that only an spo2 could have": observations(value=[91, 5]),
    "impossible though censored": observations(value=[101, 300], sign=[1, 0]),
    "low above value": observations(low=[92, None]),
    "low above value, every row": observations(low=[92, 300]),
    "high below value": observations(high=[90, None]),
    "high below value, every row": observations(high=[90, 300]),
    "low impossible": observations(low=[0.5, 300]),
    "high impossible": observations(high=[91, 351]),
    "low of nothing": observations(value=[None, 300], quality=[2, 0], low=[90, None]),
    "too big for a number": observations(value=[1e7, 300]),
    "n of 0": observations(n=[0, 1]),
    "negative span": observations(span_s=[-1, 0]),
    "unknown quality": observations(quality=[4, 0]),
    "unknown sign": observations(sign=[2, 0]),
    "unknown mode": observations(mode=[2, 0]),
    "taken in 1970": observations(taken_at=[0, NOON_MS]),
    "a gap that ends before it begins": gaps(to_at=[NOON_MS - 1]),
    "unknown event": lambda m: m["body"]["events"].update(type=["bored"]),
}


@pytest.mark.parametrize("change", BAD_BODIES.values(), ids=BAD_BODIES.keys())
def test_a_body_that_breaks_a_rule_is_refused_and_its_header_still_stands(change: Change) -> None:
    header = decode_header(spoilt(change))
    assert header.gateway == "hjem-3f2a"
    with pytest.raises(WireError) as refused:
        decode_body(header)
    assert not isinstance(refused.value, HeaderError)


@pytest.mark.parametrize(
    "payload", [b"", b"{", b"\xff\xfe", b"null", b"[]", b"[" * 200_000, b'{"a":' * 40_000, b"{} {}"]
)
def test_bytes_that_are_no_message_are_a_header_error(payload: bytes) -> None:
    with pytest.raises(HeaderError):
        decode_header(payload)


def test_text_that_is_not_utf8_inside_the_body_is_the_bodys_fault() -> None:
    payload = json.dumps(good()).encode().replace(b"sensor_off", b"sensor_\xff\xfe")
    with pytest.raises(WireError) as refused:
        decode_body(decode_header(payload))
    assert not isinstance(refused.value, HeaderError)


def test_a_message_longer_than_the_contract_is_not_even_parsed() -> None:
    payload = json.dumps(good()).encode()
    assert decode_header(payload + b" " * (MAX_BYTES - len(payload))).last == 4
    with pytest.raises(HeaderError, match=f"at most {MAX_BYTES}"):
        decode_header(payload + b" " * (MAX_BYTES - len(payload) + 1))


@pytest.mark.parametrize("version", [0, 2, 99])
def test_a_status_or_receipt_of_another_version_is_refused(version: int) -> None:
    status = {"v": version, "gateway": "g00", "state": "online", "outbox": "0" * 16, "started": "0" * 16}
    with pytest.raises(WireError, match=f"version {version}"):
        decode_status(json.dumps(status).encode())
    with pytest.raises(WireError, match=f"version {version}"):
        decode_receipt(json.dumps({"v": version, "gateway": "g00"}).encode())


def test_a_gateway_speaks_only_under_its_own_name() -> None:
    header = decode_header(json.dumps(good()).encode())
    check_gateway(parse("hv/1/7/hjem-3f2a/up/obs"), header)
    with pytest.raises(WireError, match=r"'hjem-3f2a'.*'hjem-0000'"):
        check_gateway(parse("hv/1/7/hjem-0000/up/obs"), header)


def test_unknown_fields_are_counted_inside_lists_too() -> None:
    status = {
        "v": 1,
        "gateway": "g00",
        "state": "online",
        "outbox": "0" * 16,
        "started": "0" * 16,
        "mood": "good",
        "devices": [{"device": STRAP, "state": "connected", "smell": 1, "noise": [2]}, {"device": STRAP, "state": "x"}],
    }
    assert decode_status(json.dumps(status).encode()).devices[0].state == "connected"
    assert unknown_fields(json.dumps(status).encode(), Status) == 3


def test_bytes_that_cannot_be_read_have_no_unknown_fields() -> None:
    assert unknown_fields(b'{"v":', Batch) == 0


def test_rows_that_are_neither_sent_nor_declared_lost_are_noticed() -> None:
    header = decode_header(spoilt(lambda m: m.update(last=9)))
    assert undeclared(header, decode_body(header)) == 5


@given(st.data())
def test_damaged_bytes_never_raise_anything_but_a_wire_error(data: st.DataObject) -> None:
    payload = bytearray(json.dumps(good()).encode())
    for _ in range(data.draw(st.integers(1, 8))):
        payload[data.draw(st.integers(0, len(payload) - 1))] = data.draw(st.integers(0, 255))
    whole = bytes(payload[: data.draw(st.integers(0, len(payload)))] if data.draw(st.booleans()) else payload)
    unknown_fields(whole, Batch)
    try:
        header: RawBatch = decode_header(whole)
        body = decode_body(header)
    except WireError:
        return
    for _, item in unpack(body):
        if isinstance(item, Observation) and item.value is not None:
            assert KINDS[item.kind].lowest <= item.value <= KINDS[item.kind].highest
