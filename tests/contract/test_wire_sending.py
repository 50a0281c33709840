"""Nothing leaves that the other side would refuse, and what is sent is what is read."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.errors import WireError
from devices.vocabulary import (
    KINDS,
    ClockTrust,
    Event,
    EventType,
    Gap,
    GapReason,
    Item,
    Kind,
    Mode,
    Observation,
    Quality,
    Sign,
)
from devices.wire.codec import decode_body, decode_header, decode_receipt, decode_status, encode, pack, unpack
from devices.wire.columns import to_millis
from devices.wire.messages import MAX_ROWS, Batch, DeviceHealth, Lane, LinkState, Message, Receipt, Status

STRAP = "C0:26:DA:00:00:02"
NOON = datetime(2025, 1, 1, 12, tzinfo=UTC)


def batch_of(items: list[tuple[int, Item]]) -> Batch:
    return Batch(
        gateway="hjem-3f2a",
        outbox="0123456789abcdef",
        lane=Lane.BULK,
        after=0,
        first=1,
        last=max([seq for seq, _ in items], default=1),
        sent_at=to_millis(NOON),
        body=pack(items),
    )


def reading(seq: int, **changes: Any) -> tuple[int, Item]:
    facts: dict[str, Any] = {"device": STRAP, "kind": Kind.SPO2, "taken_at": NOON, "value": 91.0}
    return seq, Observation(**(facts | changes))


def test_a_batch_has_at_most_a_thousand_rows() -> None:
    rows = [reading(seq) for seq in range(1, MAX_ROWS + 1)]
    assert len(unpack(decode_body(decode_header(encode(batch_of(rows)))))) == MAX_ROWS
    with pytest.raises(WireError, match="at most 1000"):
        pack([*rows, reading(MAX_ROWS + 1)])


def test_a_batch_has_at_most_256_devices() -> None:
    rows = [reading(n + 1, device=f"C0:26:DA:00:{n >> 8:02X}:{n & 255:02X}") for n in range(257)]
    assert len(pack(rows[:256]).devices) == 256
    with pytest.raises(WireError, match="at most 256"):
        pack(rows)


@pytest.mark.parametrize(
    "changes",
    [
        {"value": None},
        {"value": float("nan")},
        {"value": float("inf")},
        {"value": 101},
        {"low": float("nan")},
        {"low": 92},
        {"high": 90},
        {"low": 0.5},
        {"high": 101},
        {"quality": Quality.NO_READING},
        {"value": None, "quality": Quality.NO_READING, "sign": Sign.BELOW},
        {"taken_at": datetime(1970, 1, 1, tzinfo=UTC)},
        {"device": "not an address"},
        {"slot": 256},
        {"n": 0},
    ],
    ids=str,
)
def test_nothing_leaves_the_gateway_that_the_server_would_refuse(changes: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        encode(batch_of([reading(1, **changes)]))


@pytest.mark.parametrize("order", [(2, 1), (1, 3, 2), (1, 1)])
def test_rows_are_packed_in_the_order_of_their_numbers_only(order: tuple[int, ...]) -> None:
    with pytest.raises(WireError, match=r"ascend|twice"):
        pack([reading(seq) for seq in order])


def test_a_time_without_a_zone_never_gets_a_number() -> None:
    with pytest.raises(TypeError):
        pack([reading(1, taken_at=datetime(2025, 1, 1, 12))])  # noqa: DTZ001 - the fault itself


def test_the_version_is_written_in_every_message() -> None:
    """A default that is left out would be read as version 2 by the side that speaks 2."""
    sent = encode(Receipt(gateway="hjem-3f2a", epoch="a"))
    assert json.loads(sent)["v"] == 1


WHOLE: list[Message] = [
    Receipt(gateway="hjem-3f2a", outbox="0" * 16, epoch="a", alarm=4, bulk=9),
    Status(
        gateway="hjem-3f2a",
        state=LinkState.ONLINE,
        outbox="0" * 16,
        started="1" * 16,
        devices=[DeviceHealth(device=STRAP, state="connected")],
    ),
]


def test_receipts_and_heartbeats_come_back_as_they_were_sent() -> None:
    receipt, status = WHOLE
    assert decode_receipt(encode(receipt)) == receipt
    assert decode_status(encode(status)) == status


ADDRESSES = st.sampled_from([STRAP, "C0:26:DA:00:00:01", "A4:C1:38:00:00:09"])
INSTANTS = st.integers(0, 10**11).map(lambda ms: NOON + timedelta(milliseconds=ms))
SLOTS = st.integers(0, 255)
CLOCKS = st.sampled_from(ClockTrust)


@st.composite
def an_observation(draw: st.DrawFn) -> Observation:
    kind = draw(st.sampled_from(Kind))
    numbers = st.floats(KINDS[kind].lowest, KINDS[kind].highest)
    quality = draw(st.sampled_from(Quality))
    low, value, high = sorted([draw(numbers), draw(numbers), draw(numbers)])
    thin = draw(st.booleans()) and quality is not Quality.NO_READING
    return Observation(
        device=draw(ADDRESSES),
        slot=draw(SLOTS),
        kind=kind,
        taken_at=draw(INSTANTS),
        value=None if quality is Quality.NO_READING else value,
        low=low if thin else None,
        high=high if thin else None,
        n=draw(st.integers(1, 1_000_000)),
        span_s=draw(st.floats(0, 86_400)),
        quality=quality,
        sign=Sign.EXACT if quality is Quality.NO_READING else draw(st.sampled_from(Sign)),
        clock=draw(CLOCKS),
        mode=draw(st.sampled_from(Mode)),
        record=draw(st.none() | st.integers(0, 2**32)),
    )


EVENTS = st.builds(
    Event, device=ADDRESSES, slot=SLOTS, type=st.sampled_from(EventType), occurred_at=INSTANTS, clock=CLOCKS
)


@st.composite
def a_gap(draw: st.DrawFn) -> Gap:
    start, end = sorted([draw(INSTANTS), draw(INSTANTS)])
    return Gap(device=draw(ADDRESSES), slot=draw(SLOTS), from_at=start, to_at=end, why=draw(st.sampled_from(GapReason)))


@given(st.lists(an_observation() | EVENTS | a_gap(), min_size=1, max_size=20))
def test_what_a_gateway_sends_is_what_the_server_reads(items: list[Item]) -> None:
    numbered = list(enumerate(items, start=1))
    header = decode_header(encode(batch_of(numbered)))
    assert unpack(decode_body(header)) == numbered
