"""The thinning rule, promise by promise; the numbers are worked out by hand."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from devices.limits import Level
from devices.vocabulary import (
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
from edge.core.thin import MOST_HELD, Thin, fold

DEVICE = "C0:00:00:00:00:01"
START = datetime(2026, 7, 1, 10, tzinfo=UTC)
Row = tuple[float, float | None, float | None, float | None, int, float]


def at(second: float) -> datetime:
    return START + timedelta(seconds=second)


def value(second: float, number: float | None = 72.0, kind: Kind = Kind.HEART_RATE, **more: object) -> Observation:
    quality = Quality.NO_READING if number is None else Quality.GOOD
    made = Observation(
        device=DEVICE, kind=kind, taken_at=at(second), value=number, quality=quality, mode=Mode.CONTINUOUS
    )
    return replace(made, **more)  # type: ignore[arg-type]


def gap(first: float, last: float, slot: int = 0) -> Gap:
    return Gap(device=DEVICE, slot=slot, from_at=at(first), to_at=at(last), why=GapReason.NOT_CONNECTED)


class Stream:
    """A stream that has said its first value: that one goes at once."""

    def __init__(self, every_s: float = 15.0) -> None:
        self.thin = Thin(every_s)
        self.rows: list[Item] = []

    def says(self, item: Item, second: float, level: Level = Level.INSIDE) -> list[Item]:
        rows = self.thin.take(item, level, second)
        self.rows += rows
        return rows

    def pulses(self, first: int, end: int, number: float = 72.0) -> "Stream":
        for second in range(first, end):
            self.says(value(second, number), second)
        return self

    def settles(self, second: float) -> list[Item]:
        rows = self.thin.settle(second)
        self.rows += rows
        return rows

    def values(self) -> list[Row]:
        return shown(self.rows)


def shown(rows: list[Item]) -> list[Row]:
    """When, median, low, high, n, span."""
    return [
        ((row.taken_at - START).total_seconds(), row.value, row.low, row.high, row.n, row.span_s)
        for row in rows
        if isinstance(row, Observation)
    ]


def raw(second: float, number: float | None = 72.0) -> Row:
    return (second, number, None, None, 1, 0.0)


def test_fifteen_values_are_one_interval_with_median_extremes_count_and_length() -> None:
    stream = Stream()
    for second in range(15, 30):
        stream.says(value(second, 60.0 + second), second)  # 75 goes at once, then 76..89
    assert stream.settles(35) == stream.rows[1:]
    assert stream.values() == [raw(15, 75.0), (16, 82.0, 76.0, 89.0, 14, 13.0)]


def test_of_an_even_number_of_values_the_median_is_one_that_was_measured() -> None:
    assert shown(list(fold([value(0, 70.0), value(1, 75.0)]))) == [(0, 70.0, 70.0, 75.0, 2, 1.0)]


def test_a_window_is_held_back_for_a_third_of_its_length_and_five_seconds_at_most() -> None:
    assert Stream(15).pulses(0, 15).thin.due_s() == 20
    assert Stream(60).pulses(0, 15).thin.due_s() == 65
    assert Stream(6).pulses(0, 6).thin.due_s() == 8
    stream = Stream(15).pulses(0, 20)
    assert stream.values() == [raw(0)]
    assert stream.settles(19.9) == []
    assert shown(stream.settles(20)) == [(1, 72.0, 72.0, 72.0, 14, 13.0)]


def test_streams_of_any_device_have_the_same_windows() -> None:
    one, other = Stream(15).pulses(0, 14), Stream(15).pulses(9, 13)
    assert one.thin.due_s() == other.thin.due_s() == 20


def test_with_a_cadence_of_zero_every_value_goes_at_once() -> None:
    assert Stream(0).pulses(0, 3).values() == [raw(0), raw(1), raw(2)]


def test_around_a_red_value_all_is_raw_from_the_held_seconds_before_to_thirty_seconds_after() -> None:
    stream = Stream(15).pulses(0, 18)
    stream.settles(18)
    stream.says(value(18, 130.0), 18, Level.RED_HIGH)
    assert stream.values() == [raw(second) for second in range(18)] + [raw(18, 130.0)]
    stream.pulses(19, 60)
    assert stream.values()[19:] == [raw(second) for second in range(19, 49)]  # the thirtieth second is the last
    assert shown(stream.settles(65)) == [(49, 72.0, 72.0, 72.0, 11, 10.0)]


def test_at_least_five_seconds_before_a_red_value_are_raw_wherever_the_window_ends() -> None:
    for red in range(16, 46):
        stream = Stream(15).pulses(0, red)
        stream.says(value(red, 130.0), red, Level.RED_HIGH)
        assert [row[0] for row in stream.values() if row[4] == 1][-6:] == list(range(red - 5, red + 1))


def test_an_event_of_the_device_makes_the_values_around_it_raw() -> None:
    stream = Stream(15).pulses(0, 4)
    fall = Event(device=DEVICE, type=EventType.FALL, occurred_at=at(4))
    assert stream.says(fall, 4) == [value(1), value(2), value(3), fall]
    assert shown(stream.says(value(5), 5)) == [raw(5)]


def test_what_happens_elsewhere_in_the_home_can_make_the_values_around_it_raw() -> None:
    stream = Stream(15).pulses(0, 4)
    assert stream.thin.stir(4) == [value(1), value(2), value(3)]
    assert shown(stream.says(value(34), 34)) == [raw(34)]
    assert stream.says(value(35), 35) == []


def test_low_and_high_of_the_device_itself_go_at_once_with_the_seconds_before_them() -> None:
    stream = Stream(15).pulses(0, 3)
    below = value(3, 40.0, sign=Sign.BELOW)
    assert stream.says(below, 3) == [value(1), value(2), below]


def test_no_reading_is_never_part_of_a_median() -> None:
    stream = Stream(15).pulses(0, 5)
    stream.says(value(5, None), 5)
    stream.pulses(6, 15)
    stream.settles(20)
    assert stream.values() == [raw(0), (1, 72, 72, 72, 4, 3.0), raw(5, None), (6, 72, 72, 72, 9, 8.0)]


def test_questionable_values_are_kept_apart() -> None:
    stream = Stream(15).pulses(0, 5)
    for second in (5, 6):
        stream.says(value(second, 50.0, quality=Quality.QUESTIONABLE), second)
    stream.pulses(7, 15)
    rows = [row for row in stream.settles(20) if isinstance(row, Observation)]
    assert shown(list(rows)) == [(1, 72, 72, 72, 4, 3.0), (5, 50, 50, 50, 2, 1.0), (7, 72, 72, 72, 8, 7.0)]
    assert [row.quality for row in rows] == [Quality.GOOD, Quality.QUESTIONABLE, Quality.GOOD]


def test_the_devices_time_and_ours_are_not_mixed_in_an_interval() -> None:
    values = [value(0), value(1), value(2, clock=ClockTrust.CHECKED), value(3, clock=ClockTrust.CHECKED)]
    assert [row.n for row in fold(values)] == [2, 2]


def test_a_silence_ends_the_interval_and_the_first_value_after_it_goes_at_once() -> None:
    stream = Stream(15).pulses(0, 5)
    silence = gap(4, 12)
    assert stream.says(silence, 12) == [replace(value(1), low=72.0, high=72.0, n=4, span_s=3.0), silence]
    assert shown(stream.says(value(12), 12)) == [raw(12)]
    assert stream.says(value(13), 13) == []


def test_a_silence_of_one_user_does_not_end_the_interval_of_another() -> None:
    stream = Stream(15).pulses(0, 5)
    assert stream.says(gap(4, 12, slot=2), 12) == [gap(4, 12, slot=2)]


def test_contact_lost_ends_the_interval() -> None:
    stream = Stream(15).pulses(0, 5)
    off = Event(device=DEVICE, type=EventType.SENSOR_OFF, occurred_at=at(5))
    assert [type(row) for row in stream.says(off, 8)] == [Observation, Event]
    assert stream.values()[-1][4] == 4


def test_a_step_of_our_clock_ends_the_interval() -> None:
    for step in (-3600, 3600):
        stream = Stream(15).pulses(0, 5)
        assert [row[4] for row in shown(stream.says(value(5 + step), 5))] == [4]


def test_when_our_clock_is_set_what_is_held_moves_with_it() -> None:
    stream = Stream(15).pulses(0, 5)
    stream.thin.jumped(timedelta(hours=1), START)
    assert stream.says(value(3600 + 5), 5) == []
    assert shown(stream.settles(20)) == [(3601, 72, 72, 72, 5, 4.0)]
    stream.says(value(21, clock=ClockTrust.CHECKED), 21)
    stream.thin.jumped(timedelta(hours=1), START)
    assert shown(stream.thin.end()) == [raw(21)]  # the device's own time


def test_all_kinds_of_a_device_leave_together() -> None:
    stream = Stream(15)
    for second in range(15):
        stream.says(value(second, 95.0, Kind.SPO2), second)
        stream.says(value(second, 80.0, Kind.PULSE_RATE), second)
    rows = [row for row in stream.settles(20) if isinstance(row, Observation)]
    assert [(row.kind, row.n) for row in rows] == [(Kind.SPO2, 14), (Kind.PULSE_RATE, 14)]


def test_a_reading_from_the_devices_memory_goes_at_once_as_it_is() -> None:
    stream = Stream(15).pulses(0, 3)
    record = value(1, 5.5, Kind.GLUCOSE_ISF, record=7)
    assert stream.says(record, 3) == [record]


def test_every_half_hour_a_strip_of_140_beats_goes_raw() -> None:
    stream = Stream(15)
    for second in range(2 * 1800):
        stream.says(value(second, 840.0, Kind.RR_INTERVAL), second)
    stream.rows += stream.thin.end()
    starts = [row[0] for row in stream.values() if row[4] == 1]
    assert starts == [*range(140), *range(1800, 1940)]
    assert sum(row[4] for row in stream.values()) == 3600


def test_a_strip_that_breaks_begins_again_three_times_at_most() -> None:
    stream = Stream(15)
    second = 0
    for _ in range(6):
        for _ in range(100):
            stream.says(value(second, 840.0, Kind.RR_INTERVAL), second)
            second += 1
        stream.says(gap(second, second + 5), second + 5)
        second += 5
    stream.rows += stream.thin.end()
    assert sum(1 for row in stream.values() if row[4] == 1 and row[0] < 310) == 300
    assert sum(1 for row in stream.values() if row[4] == 1 and row[0] >= 315) == 3  # each the first after a silence


def test_what_is_held_is_bounded_however_long_the_interval() -> None:
    stream = Stream(3600)
    for beat in range(3 * MOST_HELD):
        stream.says(value(beat / 10), beat / 10)
        assert len(list(stream.thin.held())) < MOST_HELD
    stream.rows += stream.thin.end()
    assert sum(row[4] for row in stream.values()) == 3 * MOST_HELD


# ---- every value once

KINDS = (Kind.HEART_RATE, Kind.SPO2, Kind.RR_INTERVAL)


@st.composite
def lives(draw: st.DrawFn) -> list[tuple[float, Item, Level]]:
    """Seconds on our running clock, what is said, and how it is judged. Our wall clock may be stepped forward."""
    second, ahead_s, story = 0.0, 0.0, list[tuple[float, Item, Level]]()
    for _ in range(draw(st.integers(1, 120))):
        second += draw(st.sampled_from((0.001, 0.25, 1.0, 1.0, 1.0, 4.0, 17.0)))
        what = draw(st.sampled_from(("value",) * 14 + ("gap", "fall", "off", "step")))
        slot = draw(st.sampled_from((0, 0, 0, 1)))
        match what:
            case "gap":
                silence = replace(gap(second + ahead_s - 3, second + ahead_s), slot=slot)
                story.append((second, silence, Level.INSIDE))
            case "fall":
                story.append((second, Event(device=DEVICE, type=EventType.FALL, occurred_at=at(second)), Level.INSIDE))
            case "off":
                off = Event(device=DEVICE, slot=slot, type=EventType.SENSOR_OFF, occurred_at=at(second))
                story.append((second, off, Level.INSIDE))
            case "step":
                ahead_s += draw(st.sampled_from((0.5, 60.0)))
            case _:
                number = draw(st.sampled_from((None, 60.0, 61.0, 70.0, 95.0)))
                made = value(second + ahead_s, number, draw(st.sampled_from(KINDS)), slot=slot)
                if number is not None:
                    made = replace(made, quality=draw(st.sampled_from((Quality.GOOD, Quality.QUESTIONABLE))))
                level = draw(st.sampled_from((Level.INSIDE,) * 12 + (Level.RED_LOW,)))
                story.append((second, made, level))
    return story


@given(lives(), st.sampled_from((0.0, 1.0, 5.0, 15.0)), st.booleans())
def test_every_value_is_in_one_row_and_rows_are_ordered_and_disjoint(
    story: list[tuple[float, Item, Level]], every_s: float, settles: bool
) -> None:
    thin, rows = Thin(every_s), list[Item]()
    for second, item, level in story:
        if settles:
            rows += thin.settle(second)
        rows += thin.take(item, level, second)
    rows += thin.end()
    assert list(thin.held()) == []
    said, kept = by_stream([item for _, item, _ in story]), by_stream(rows)
    assert {stream: sum(row.n for row in found) for stream, found in kept.items()} == {
        stream: len(values) for stream, values in said.items()
    }
    for stream, found in kept.items():
        left = list(said[stream])
        for row in found:  # in the order in which they left: each takes the next values, and is what they are
            members, left = left[: row.n], left[row.n :]
            assert row.taken_at == members[0].taken_at
            assert row.taken_at + timedelta(seconds=row.span_s) == members[-1].taken_at
            assert {member.quality for member in members} == {row.quality}
            numbers = [member.value for member in members if member.value is not None]
            if row.n > 1:
                assert (row.low, row.high) == (min(numbers), max(numbers))
                assert row.value in numbers and row.low is not None and row.high is not None
                assert sum(n < row.value for n in numbers) <= row.n / 2 >= sum(n > row.value for n in numbers)
                assert row.low <= row.value <= row.high
            else:
                assert row == members[0]
    assert [item for item in rows if not isinstance(item, Observation)] == [
        item for _, item, _ in story if not isinstance(item, Observation)
    ]


def by_stream(items: list[Item]) -> dict[tuple[int, Kind], list[Observation]]:
    streams: dict[tuple[int, Kind], list[Observation]] = defaultdict(list)
    for item in items:
        if isinstance(item, Observation):
            streams[item.slot, item.kind].append(item)
    return dict(streams)
