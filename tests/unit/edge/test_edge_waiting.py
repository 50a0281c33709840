"""What waits for the disk: bounded, alarms last to go, and what went is said."""

from datetime import UTC, datetime, timedelta

from devices.vocabulary import Event, EventType, Gap, GapReason, Item, Kind, Mode, Observation
from devices.wire.messages import Lane
from edge.core.waiting import Waiting

START = datetime(2026, 7, 1, 10, tzinfo=UTC)
STRAP, OTHER = "C0:00:00:00:00:01", "C0:00:00:00:00:02"


def pulse(second: float, device: str = STRAP, span_s: float = 0.0) -> Observation:
    at = START + timedelta(seconds=second)
    return Observation(device=device, kind=Kind.HEART_RATE, taken_at=at, value=72, mode=Mode.CONTINUOUS, span_s=span_s)


def weight(second: float) -> Observation:
    return Observation(device=OTHER, kind=Kind.WEIGHT, taken_at=START + timedelta(seconds=second), value=72)


def sos(second: float) -> Event:
    return Event(device=OTHER, type=EventType.SOS, occurred_at=START + timedelta(seconds=second))


def rows(waiting: Waiting) -> list[Item]:
    return [item for _, item in waiting.take(1000)]


def test_alarms_leave_first_and_each_lane_in_order() -> None:
    waiting = Waiting()
    for item in (pulse(1), pulse(2)):
        waiting.put(Lane.BULK, item)
    waiting.put(Lane.ALARM, sos(3))
    assert waiting.take(5) == [(Lane.ALARM, sos(3)), (Lane.BULK, pulse(1)), (Lane.BULK, pulse(2))]
    assert len(waiting) == 0


def test_the_oldest_stream_values_go_first_then_other_bulk_and_alarms_last() -> None:
    waiting = Waiting(most=3)
    waiting.put(Lane.ALARM, sos(0))
    waiting.put(Lane.BULK, weight(1))
    for second in (2, 3, 4):
        waiting.put(Lane.BULK, pulse(second))
    assert rows(waiting) == [sos(0), weight(1), pulse(4)]
    for second in (5, 6, 7):
        waiting.put(Lane.ALARM, sos(second))
    waiting.put(Lane.BULK, weight(8))
    waiting.put(Lane.ALARM, sos(9))
    assert rows(waiting) == [sos(6), sos(7), sos(9)]


def test_what_went_is_declared_for_each_device_once() -> None:
    waiting = Waiting(most=1)
    for item in (pulse(1, span_s=14), pulse(20, span_s=14), pulse(5, OTHER), pulse(50)):
        waiting.put(Lane.BULK, item)
    assert waiting.dropped == 3

    def gap(device: str, first: float, last: float) -> Gap:
        begin, end = (START + timedelta(seconds=second) for second in (first, last))
        return Gap(device=device, from_at=begin, to_at=end, why=GapReason.NOT_WRITTEN)

    assert waiting.declare() == [gap(STRAP, 1, 34), gap(OTHER, 5, 5)]
    assert waiting.declare() == []


def test_what_could_not_be_written_is_the_first_again() -> None:
    waiting = Waiting()
    for second in range(4):
        waiting.put(Lane.BULK, weight(second))
    waiting.put_back(waiting.take(2))
    assert rows(waiting) == [weight(second) for second in range(4)]


def test_what_a_stream_said_together_is_never_divided() -> None:
    waiting = Waiting()
    said = [pulse(1), pulse(1), pulse(1), pulse(1, OTHER), weight(2)]
    for item in said:
        waiting.put(Lane.BULK, item)
    assert [item for _, item in waiting.take(1)] == said[:3]


def test_what_waits_moves_when_our_clock_is_set() -> None:
    waiting = Waiting()
    waiting.put(Lane.ALARM, sos(1))
    waiting.put(Lane.BULK, pulse(2))
    waiting.jumped(timedelta(hours=1), START)
    assert rows(waiting) == [sos(3601), pulse(3602)]
