"""What time it is at a gateway whose own clock may stand in 1970, and what happens to what was taken by it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from devices.vocabulary import ClockTrust, Event, EventType, Gap, GapReason, Item, Kind, Observation
from edge.core.own_time import NOT_BEFORE, OwnTime
from edge.core.shift import shifted

TRUE = datetime(2026, 7, 1, 10, tzinfo=UTC)
UNSET = datetime(1970, 1, 1, tzinfo=UTC)
KNOWN = datetime(2026, 6, 1, tzinfo=UTC)
NOTHING = timedelta()


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def woken(wall: datetime, known: datetime = KNOWN) -> OwnTime:
    time = OwnTime(wall, NOTHING)
    time.learn(known, wall, NOTHING)
    return time


def test_without_a_battery_time_goes_on_from_what_the_outbox_saw_last() -> None:
    time = woken(UNSET)
    assert time.read(UNSET + s(60), False, s(60)) == (KNOWN + s(60), NOTHING)
    assert not time.is_set
    assert time.contradicts(UNSET + s(60))


def test_an_outbox_that_saw_nothing_yet_starts_with_the_age_of_this_software() -> None:
    assert OwnTime(UNSET, NOTHING).read(UNSET, False, NOTHING) == (NOT_BEFORE, NOTHING)


def test_when_network_time_comes_the_error_is_found_and_told_once() -> None:
    time = woken(UNSET)
    time.read(UNSET + s(60), False, s(60))
    assert time.read(TRUE, True, s(61)) == (TRUE, TRUE - (KNOWN + s(61)))
    assert time.is_set
    assert time.read(TRUE + s(1), True, s(62)) == (TRUE + s(1), NOTHING)


def test_the_start_of_this_run_moves_with_the_error() -> None:
    time = woken(UNSET)
    assert time.began_at == KNOWN
    time.read(TRUE, True, s(60))
    assert time.began_at == TRUE - s(60)


def test_when_network_time_never_comes_the_servers_receipt_sets_the_clock() -> None:
    time = woken(UNSET)
    time.hear(TRUE, s(100))
    assert time.read(UNSET + s(101), False, s(101)) == (TRUE + s(1), TRUE - (KNOWN + s(100)))
    assert time.is_set


def test_the_wall_clock_wins_over_the_receipt_once_it_agrees() -> None:
    time = woken(UNSET)
    time.hear(TRUE - s(2), s(100))  # it was two seconds under way
    time.read(UNSET, False, s(100))
    for second in range(101, 140):
        at, jumped = time.read(TRUE + s(second - 100), True, s(second))
        assert jumped == NOTHING
    assert at == TRUE + s(39)


def test_of_several_receipts_the_quickest_counts() -> None:
    time = woken(UNSET)
    time.hear(TRUE, s(100))
    time.hear(TRUE + s(1), s(131))  # half a minute under way
    assert time.read(UNSET, False, s(131))[0] == TRUE + s(31)


def test_a_clock_that_boots_with_the_time_of_the_last_shutdown_is_put_right_too() -> None:
    time = woken(KNOWN + s(5))  # a file keeps it: plausible, and 30 days late
    assert not time.is_set
    time.hear(TRUE, s(10))
    at, jumped = time.read(KNOWN + s(15), False, s(10))
    assert (at, jumped) == (TRUE, TRUE - (KNOWN + s(15)))


def test_what_the_outbox_saw_last_may_itself_have_been_in_the_future() -> None:
    time = woken(TRUE, known=TRUE + timedelta(days=400))
    time.hear(TRUE, NOTHING)
    assert time.read(TRUE, True, NOTHING) == (TRUE, -timedelta(days=400))


@pytest.mark.parametrize("step_s", [-90.0, -3.0, -0.2, 0.2, 3.0, 90.0])
def test_a_step_of_a_set_clock_makes_no_disorder_no_gap_and_no_jump(step_s: float) -> None:
    time = woken(TRUE)
    times = [time.read(TRUE, True, NOTHING)[0]]
    for tenth in range(1, 12_000):
        running = s(tenth / 10)
        at, jumped = time.read(TRUE + running + s(step_s), True, running)
        assert jumped == NOTHING
        times.append(at)
    assert all(s(0.08) < later - earlier < s(0.12) for earlier, later in pairwise(times))
    assert times[-1] == TRUE + s(1199.9 + step_s)


def test_a_wall_clock_that_jumps_when_nobody_vouches_for_it_is_not_followed() -> None:
    time = woken(TRUE)
    time.read(TRUE, True, NOTHING)
    at, jumped = time.read(TRUE + timedelta(days=300), False, s(1))
    assert (at, jumped) == (TRUE + s(1), NOTHING)
    assert time.contradicts(TRUE + timedelta(days=300))


def test_the_servers_word_counts_more_than_network_time() -> None:
    time = woken(TRUE)
    time.hear(TRUE, NOTHING)
    assert time.read(TRUE + timedelta(hours=5), True, NOTHING)[0] == TRUE


def test_a_server_from_before_this_software_is_not_believed() -> None:
    time = woken(TRUE)
    time.hear(datetime(2001, 1, 1, tzinfo=UTC), NOTHING)
    assert time.read(TRUE, False, NOTHING) == (TRUE, NOTHING)


BY = timedelta(days=30)
DEVICE = "C0:00:00:00:00:01"


def reading(at: datetime, clock: ClockTrust) -> Observation:
    return Observation(device=DEVICE, kind=Kind.SPO2, taken_at=at, value=93, clock=clock)


@pytest.mark.parametrize(
    ("clock", "moves"),
    [
        (ClockTrust.ARRIVAL, True),
        (ClockTrust.CORRECTED, True),
        (ClockTrust.CHECKED, False),
        (ClockTrust.DEVICE, False),
    ],
)
def test_a_reading_moves_if_its_time_was_reckoned_by_our_clock(clock: ClockTrust, moves: bool) -> None:
    item = reading(KNOWN + s(5), clock)
    assert shifted(item, BY, KNOWN) == (reading(KNOWN + s(5) + BY, clock) if moves else item)


def test_a_record_from_before_the_start_moves_if_it_was_corrected_by_our_clock() -> None:
    item = reading(KNOWN - timedelta(days=2), ClockTrust.CORRECTED)
    assert shifted(item, BY, KNOWN) == reading(KNOWN - timedelta(days=2) + BY, ClockTrust.CORRECTED)


def test_a_gap_from_the_run_before_keeps_its_beginning() -> None:
    gap = Gap(device=DEVICE, from_at=KNOWN - s(9), to_at=KNOWN + s(9), why=GapReason.AGENT_RESTARTED)
    moved = shifted(gap, BY, KNOWN)
    assert isinstance(moved, Gap)
    assert (moved.from_at, moved.to_at) == (KNOWN - s(9), KNOWN + s(9) + BY)


def test_a_gap_never_ends_before_it_begins() -> None:
    gap = Gap(device=DEVICE, from_at=KNOWN - s(9), to_at=KNOWN + s(9), why=GapReason.AGENT_RESTARTED)
    moved = shifted(gap, -BY, KNOWN)
    assert isinstance(moved, Gap)
    assert moved.from_at == moved.to_at == KNOWN + s(9) - BY


@pytest.mark.parametrize("item", [Event(device=DEVICE, type=EventType.SOS, occurred_at=KNOWN - s(1))])
def test_what_is_older_than_this_run_stays(item: Item) -> None:
    assert shifted(item, BY, KNOWN) == item
