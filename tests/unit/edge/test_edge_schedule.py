"""Who may connect next, and when a device is tried again."""

from devices.profiles.base import Reach
from edge.core.schedule import Busy, Places, Wish, back_off_s, next_up

STREAM, SPOT = Reach.STREAM, Reach.SPOT


def wish(device: str, reach: Reach = STREAM, since_s: float = 0) -> Wish:
    return Wish(device=device, reach=reach, since_s=since_s)


def busy(count: int, *, connecting: Reach | None = None) -> list[Busy]:
    taken = [Busy(device=f"b{i}", reach=STREAM, is_connecting=False) for i in range(count)]
    return taken if connecting is None else [*taken, Busy(device="c", reach=connecting, is_connecting=True)]


def test_a_spot_check_meter_goes_ahead_of_everything() -> None:
    assert next_up([wish("a"), wish("m", SPOT, since_s=9)], [], Places()) == "m"


def test_among_equals_who_has_waited_longest() -> None:
    assert next_up([wish("a", since_s=5), wish("b", since_s=2)], [], Places()) == "b"


def test_one_stream_is_connected_at_a_time() -> None:
    assert next_up([wish("a")], busy(0, connecting=STREAM), Places()) is None


def test_a_meter_does_not_wait_for_a_streams_attempt() -> None:
    assert next_up([wish("m", SPOT)], busy(0, connecting=STREAM), Places()) == "m"
    assert next_up([wish("m", SPOT)], busy(0, connecting=SPOT), Places()) is None


def test_streams_leave_a_place_for_a_meter() -> None:
    places = Places(connections=3)
    assert next_up([wish("a")], busy(2), places) is None
    assert next_up([wish("a"), wish("m", SPOT)], busy(2), places) == "m"
    assert next_up([wish("m", SPOT)], busy(3), places) is None


def test_nobody_wants_nobody_goes() -> None:
    assert next_up([], [], Places()) is None


def test_back_off_doubles_to_its_cap_and_jitter_spreads_its_upper_half() -> None:
    assert [back_off_s(n, 1.0, first_s=1, cap_s=60) for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert back_off_s(3, 0.0, first_s=1, cap_s=60) == 4
    assert back_off_s(10_000, 0.5, first_s=1, cap_s=60) == 45
