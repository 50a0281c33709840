import struct
from datetime import UTC, datetime
from importlib.resources import files

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.vocabulary import ClockTrust, Event, EventType, Kind, Observation, Quality
from devices.wire.codec import pack
from devices.wire.messages import Batch, Body, Lane, Lost, LostWhy
from server.store import arrays, queries
from server.store.rows import (
    Rows,
    Section,
    by_patient_key,
    gather,
    is_patients,
    kept,
    newest_per_stream,
)
from server.store.watermark import Verdict, judge, missing

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
NOW_US = 1_772_452_800_000_000  # date -u -d 2026-03-02T12:00Z +%s, in microseconds
DEVICE = "C0:00:00:00:00:01"
BUTTON = "C0:00:00:00:00:02"
IDS = {DEVICE: 11, BUTTON: 12}


def header(*, after: int, first: int, last: int, lost: tuple[Lost, ...] = (), body: Body | None = None) -> Batch:
    return Batch(
        gateway="gw-1",
        outbox="0" * 16,
        lane=Lane.BULK,
        after=after,
        first=first,
        last=last,
        sent_at=NOW_US // 1000,
        lost=list(lost),
        body=body or Body(),
    )


def spo2(ago_s: int, value: float | None = 95) -> Observation:
    taken_at = datetime.fromtimestamp(NOW.timestamp() - ago_s, UTC)
    quality = Quality.GOOD if value is not None else Quality.NO_READING
    return Observation(device=DEVICE, kind=Kind.SPO2, taken_at=taken_at, value=value, quality=quality)


@pytest.mark.parametrize(
    ("mark", "verdict"),
    [(0, Verdict.TOO_EARLY), (9, Verdict.TOO_EARLY), (10, Verdict.FILE), (14, Verdict.FILE), (15, Verdict.REPEATED)],
)
def test_a_batch_is_filed_only_when_everything_before_it_is(mark: int, verdict: Verdict) -> None:
    assert judge(mark, header(after=10, first=11, last=15)) is verdict


@given(st.permutations(range(6)), st.integers(1, 4))
def test_whatever_the_order_of_arrival_no_row_is_filed_twice_or_left_behind(order: list[int], times: int) -> None:
    batches = [header(after=3 * n, first=3 * n + 1, last=3 * n + 3) for n in range(6)]
    mark, filed = 0, list[int]()
    for n in order * (times + 5):  # a gateway sends again what is not confirmed
        if judge(mark, batches[n]) is Verdict.FILE:
            filed += [seq for seq in range(batches[n].first, batches[n].last + 1) if seq > mark]
            mark = batches[n].last
    assert filed == list(range(1, 19))


def test_rows_neither_sent_nor_declared_are_named() -> None:
    body = pack([(12, spo2(1)), (13, spo2(2)), (18, spo2(3))])
    lost = (Lost(first=15, last=16, why=LostWhy.THINNED),)
    batch = header(after=10, first=11, last=20, lost=lost, body=body)
    assert list(missing(10, batch, body)) == [(11, 11), (14, 14), (17, 17), (19, 20)]
    assert list(missing(13, batch, body)) == [(14, 14), (17, 17), (19, 20)]


def test_a_whole_batch_lacks_nothing() -> None:
    body = pack([(n, spo2(n)) for n in range(1, 6)])
    assert list(missing(0, header(after=0, first=1, last=5, body=body), body)) == []


def rows_of(*items: Observation | Event, mark: int = 0) -> Rows:
    body = pack(list(enumerate(items, start=1)))
    return gather([Section(body=body, mark=mark, received_us=NOW_US)], IDS)


def test_columns_say_what_the_message_said() -> None:
    rows = rows_of(spo2(60), spo2(30, None), Event(device=BUTTON, type=EventType.SOS, occurred_at=NOW))
    assert rows.taken_at.view(np.int64).tolist() == [NOW_US - 60_000_000, NOW_US - 30_000_000]
    assert rows.device_id.tolist() == [11, 11]
    assert rows.kind.tolist() == [3, 3]
    assert rows.value[0] == 95 and np.isnan(rows.value[1])
    assert np.isnan(rows.low).all()
    assert rows.clock.tolist() == [ClockTrust.ARRIVAL, ClockTrust.ARRIVAL]
    assert rows.n.tolist() == [1, 1]


def test_rows_at_or_below_the_mark_are_not_taken_again() -> None:
    assert rows_of(spo2(3), spo2(2), spo2(1), mark=2).taken_at.view(np.int64).tolist() == [NOW_US - 1_000_000]


def test_each_key_once_in_its_order_and_the_first_to_arrive_stays() -> None:
    rows = rows_of(spo2(10, 90), spo2(30, 91), spo2(10, 92), spo2(20, 93))
    assert by_patient_key(rows).value.tolist() == [91, 93, 90]


def test_the_newest_of_each_stream() -> None:
    rows = rows_of(spo2(10, 90), spo2(30, 91), spo2(20, 93))
    patients = np.array([1, 1, 2], np.int32)
    newest = newest_per_stream(by_patient_key(rows.bound(patients, patients * 0)))
    assert (newest.patient_id.tolist(), newest.value.tolist()) == ([1, 2], [90, 93])


@pytest.mark.parametrize(
    ("ago_s", "has_room"), [(0, True), (400 * 86_400, True), (400 * 86_400 + 1, False), (-600, True), (-601, False)]
)
def test_there_is_room_for_four_hundred_days_and_ten_minutes_ahead(ago_s: int, has_room: bool) -> None:
    assert kept(rows_of(spo2(ago_s))).tolist() == [has_room]


def test_only_a_bound_persons_own_measurement_is_a_patients_reading() -> None:
    battery = Observation(device=DEVICE, kind=Kind.BATTERY, taken_at=NOW, value=50)
    control = Observation(device=DEVICE, kind=Kind.GLUCOSE, taken_at=NOW, value=5, quality=Quality.DEMONSTRATION)
    rows = rows_of(battery, control, spo2(1), spo2(2))
    bound = rows.bound(np.array([7, 7, 7, 0], np.int32), np.zeros(4, np.int32))
    assert is_patients(bound).tolist() == [False, False, True, False]


def test_an_array_on_the_wire_is_as_postgresql_sends_it() -> None:
    # By hand from array_send: one dimension, no nulls, element type int4 (23), two elements from index 1.
    expected = struct.pack("!iiIii", 1, 0, 23, 2, 1) + struct.pack("!ii", 4, -5) + struct.pack("!ii", 4, 7)
    assert arrays.to_wire(np.array([-5, 7], np.int32)) == expected


def test_an_instant_counts_microseconds_from_the_year_2000() -> None:
    wire = arrays.to_wire(np.array(["2000-01-01T00:00:00.000001"], "datetime64[us]"))
    assert wire[-8:] == (1).to_bytes(8, "big")


def test_no_instant_is_minus_infinity() -> None:
    # DT_NOBEGIN in src/include/datatype/timestamp.h is PG_INT64_MIN.
    assert arrays.to_wire(np.array(["NaT"], "datetime64[us]"))[-8:] == b"\x80" + bytes(7)


@given(st.lists(st.integers(-(2**31), 2**31 - 1)), st.sampled_from(["int32", "int64", "float64", "datetime64[us]"]))
def test_what_goes_out_as_an_array_comes_back(values: list[int], name: str) -> None:
    column = np.array(values, np.int64).astype(name)
    back = arrays.from_wire(arrays.to_wire(column), arrays.ELEMENTS[name].array_oid)
    assert back.dtype == column.dtype
    assert back.tolist() == column.tolist()


def test_every_statement_has_a_name_and_a_purpose() -> None:
    topics = [entry.name for entry in (files("server.store") / "sql").iterdir() if entry.name.endswith(".sql")]
    assert len(topics) > 5
    for topic in topics:
        assert queries.load(topic.removesuffix(".sql"))


def test_a_statement_without_a_purpose_is_refused() -> None:
    with pytest.raises(AssertionError, match="purpose"):
        queries.parse("-- name: look\nselect 1", "test")
    with pytest.raises(AssertionError, match="twice"):
        queries.parse("-- name: look\n-- why\nselect 1\n-- name: look\n-- why\nselect 2", "test")
