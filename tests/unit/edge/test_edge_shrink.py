"""What goes out of a full outbox, and in which order."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.vocabulary import Event, EventType, Gap, GapReason, Item, Kind, Mode, Observation, Quality, Sign
from edge.core.shrink import (
    ALL_GONE,
    BLOCK,
    MERGES,
    STREAMS_GONE,
    Block,
    Room,
    can_join,
    joined,
    next_to_thin,
    places,
    too_old,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEVICE = "C0:00:00:00:00:01"
MIB = 2**20


def stream(second: float, value: float | None = 93.0, **changes: object) -> Observation:
    said = {"device": DEVICE, "kind": Kind.SPO2, "taken_at": NOW + timedelta(seconds=second), "value": value}
    return Observation(**{**said, "mode": Mode.CONTINUOUS, **changes})  # type: ignore[arg-type]


def interval(second: float, low: float, median: float, high: float, n: int = 15, span_s: float = 14.0) -> Observation:
    return stream(second, median, low=low, high=high, n=n, span_s=span_s)


def spot(second: int) -> Observation:
    return stream(second, 5.5, kind=Kind.GLUCOSE, mode=Mode.SPOT)


def numbered(*items: Item) -> list[tuple[int, Item]]:
    return list(enumerate(items, 1))


def merged(*items: Item) -> list[tuple[int, Item]]:
    return places(numbered(*items), range(1, len(items) + 1), 1)


def block(number: int, days_old: float, level: int = 0) -> Block:
    return Block(number=number, accepted_at=NOW - timedelta(days=days_old), level=level)


def test_two_neighbouring_intervals_become_one_that_keeps_the_smallest_and_the_largest() -> None:
    one = joined(interval(0, 78, 92, 95), interval(15, 90, 94, 99))
    assert one == interval(0, 78, 93, 99, n=30, span_s=29.0)


def test_two_raw_values_become_an_interval_from_the_first_to_the_second() -> None:
    assert joined(stream(0, 80), stream(1, 90)) == interval(0, 80, 85, 90, n=2, span_s=1.0)


def test_the_median_of_both_is_nearer_to_that_of_the_longer_one() -> None:
    assert joined(interval(0, 90, 90, 90, n=30, span_s=29), stream(30, 96)).value == pytest.approx(90.194, abs=0.001)


def test_what_is_left_stands_in_the_last_places_and_in_order() -> None:
    assert merged(stream(0), stream(1), spot(2), stream(3), stream(4)) == [
        (3, joined(stream(0), stream(1))),
        (4, spot(2)),
        (5, joined(stream(3), stream(4))),
    ]


@pytest.mark.parametrize(
    "between",
    [
        Gap(device=DEVICE, from_at=NOW, to_at=NOW + timedelta(seconds=1), why=GapReason.NOT_CONNECTED),
        Event(device=DEVICE, type=EventType.SENSOR_OFF, occurred_at=NOW),
    ],
)
def test_nothing_is_merged_across_a_silence(between: Item) -> None:
    assert merged(stream(0), between, stream(2)) == numbered(stream(0), between, stream(2))


def test_another_devices_silence_is_not_ours() -> None:
    other = Gap(device="C0:00:00:00:00:02", from_at=NOW, to_at=NOW, why=GapReason.NOT_CONNECTED)
    assert len(merged(stream(0), other, stream(2))) == 2


@pytest.mark.parametrize(
    "second",
    [
        stream(1, None, quality=Quality.NO_READING),
        stream(1, 20, sign=Sign.BELOW),
        stream(1, record=7),
        stream(1, quality=Quality.QUESTIONABLE),
        stream(12 * 60),
        stream(-1),
    ],
)
def test_only_values_of_one_sort_that_follow_each_other_are_merged(second: Observation) -> None:
    assert not can_join(stream(0), second)
    assert can_join(stream(0), stream(1))


def test_a_value_that_is_no_number_keeps_its_place_between_two_intervals() -> None:
    low = stream(1, 20, sign=Sign.BELOW)
    assert merged(stream(0), low, stream(2), stream(3)) == [(2, stream(0)), (3, low), (4, joined(stream(2), stream(3)))]


def test_an_interval_grows_to_an_hour_and_not_further() -> None:
    half = interval(0, 90, 92, 95, n=1800, span_s=1799)
    assert can_join(half, interval(1800, 90, 92, 95, n=1800, span_s=1799))
    assert not can_join(half, interval(1800, 90, 92, 95, n=1900, span_s=1802))


ITEMS = st.builds(
    lambda kind, gap_s, value, what: (kind, gap_s, value, what),
    st.sampled_from([Kind.SPO2, Kind.PULSE_RATE]),
    st.integers(0, 20),
    st.integers(50, 100),
    st.sampled_from(["stream"] * 8 + ["spot", "gap", "no reading"]),
)


@given(st.lists(ITEMS, max_size=80), st.integers(1, MERGES))
def test_no_value_is_counted_twice_or_lost_and_none_moves_to_an_earlier_place(
    said: list[tuple[Kind, int, int, str]], times: int
) -> None:
    rows: list[tuple[int, Item]] = []
    second = 0
    for seq, (kind, gap_s, value, what) in enumerate(said, 1):
        second += gap_s
        item: Item = stream(second, value, kind=kind)
        if what == "gap":
            item = Gap(device=DEVICE, from_at=NOW, to_at=NOW + timedelta(seconds=second), why=GapReason.NOT_CONNECTED)
        elif what == "spot":
            item = spot(second)
        elif what == "no reading":
            item = stream(second, None, kind=kind, quality=Quality.NO_READING)
        rows.append((seq, item))
    left = rows
    for _ in range(times):
        left = places(left, [seq for seq, _ in left], 1)
    for kind in (Kind.SPO2, Kind.PULSE_RATE):
        before = [(s, i) for s, i in rows if isinstance(i, Observation) and i.kind is kind and i.value is not None]
        after = [(s, i) for s, i in left if isinstance(i, Observation) and i.kind is kind and i.value is not None]
        assert sum(item.n for _, item in after) == len(before)
        if before:
            values = [item.value for _, item in before if item.value is not None]
            assert min(i.value if i.low is None else i.low for _, i in after if i.value is not None) == min(values)
            assert max(i.value if i.high is None else i.high for _, i in after if i.value is not None) == max(values)
        starts = [item.taken_at for _, item in after]
        assert starts == sorted(starts)
        ends = [item.taken_at + timedelta(seconds=item.span_s) for _, item in after]
        assert all(end <= start for end, start in zip(ends, starts[1:], strict=False))
        for seq, item in after:  # at or after the place of the last value that is in it
            last = item.taken_at + timedelta(seconds=item.span_s)
            assert seq >= min(s for s, i in before if i.taken_at == last)
    others = [item for _, item in rows if not (isinstance(item, Observation) and item.mode is Mode.CONTINUOUS)]
    assert [item for _, item in left if item in others] == others


def test_of_the_blocks_that_can_be_merged_the_oldest_and_densest_is_first() -> None:
    assert next_to_thin([block(0, 3), block(1, 2), block(2, 0)], NOW) == (block(0, 3), 1)
    # Four days old and halved twice: (1 + 3.9) / 4 = 1.2; two days old, never: 1 + 2 = 3.
    assert next_to_thin([block(0, 3.9, level=2), block(1, 2), block(2, 0)], NOW) == (block(1, 2), 1)
    assert next_to_thin([block(0, 9, level=2), block(1, 0)], NOW) == (block(0, 9, level=2), 3)


def test_streams_go_only_when_nothing_can_be_merged_and_readings_and_events_last_of_all() -> None:
    full = [block(0, 9, MERGES), block(1, 8, MERGES)]
    assert next_to_thin([*full, block(2, 0, MERGES - 1)], NOW) == (block(2, 0, MERGES - 1), MERGES)
    assert next_to_thin(full, NOW) == (block(0, 9, MERGES), STREAMS_GONE)
    assert next_to_thin([block(0, 9, STREAMS_GONE), block(1, 8, MERGES)], NOW) == (block(1, 8, MERGES), STREAMS_GONE)
    gone = [block(0, 9, STREAMS_GONE), block(1, 8, STREAMS_GONE)]
    assert next_to_thin(gone, NOW) == (block(0, 9, STREAMS_GONE), ALL_GONE)
    assert next_to_thin([block(0, 9, ALL_GONE)], NOW) is None


def test_when_the_streams_of_a_block_go_readings_events_and_gaps_stay() -> None:
    fell = Event(device=DEVICE, type=EventType.DOOR_OPENED, occurred_at=NOW)
    assert places(numbered(stream(0), spot(1), stream(2), fell), range(1, 5), STREAMS_GONE) == [(3, spot(1)), (4, fell)]
    assert places(numbered(stream(0), spot(1)), range(1, 3), ALL_GONE) == []


def test_a_block_that_waited_longer_than_the_days_allowed_goes() -> None:
    room = Room(days=30)
    assert too_old([block(0, 31), block(1, 29)], room, NOW) == block(0, 31)
    assert too_old([block(1, 29)], room, NOW) is None
    assert too_old([], room, NOW) is None


def test_the_outbox_may_grow_to_its_limit_and_leaves_the_rest_of_the_system_64_mib() -> None:
    room = Room(bytes=256 * MIB)
    assert room.allowed(used=10 * MIB, free=8_000 * MIB) == 256 * MIB
    assert room.allowed(used=10 * MIB, free=100 * MIB) == 46 * MIB
    assert room.allowed(used=10 * MIB, free=60 * MIB) == 6 * MIB
    assert room.allowed(used=10 * MIB, free=0) == 1 * MIB


def test_a_block_is_a_range_of_places_that_never_moves() -> None:
    assert (block(0, 0).first, block(0, 0).last, block(1, 0).first) == (1, BLOCK, BLOCK + 1)
