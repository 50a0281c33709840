"""Who may connect next, through which adapter, who gives way, and when a device is tried again."""

from dataclasses import replace

from devices.profiles.base import Reach
from edge.core.schedule import (
    TURN_OF_METER_S,
    TURN_OF_STREAM_S,
    Busy,
    GiveWay,
    Go,
    Phase,
    Places,
    Wish,
    back_off_s,
    next_up,
)

STREAM, SPOT = Reach.STREAM, Reach.SPOT
ONE = {"hci0": Places()}
TWO = {"hci0": Places(), "hci1": Places()}


def wish(device: str, reach: Reach = STREAM, since_s: float = 0, heard_by: tuple[str, ...] = ("hci0",)) -> Wish:
    return Wish(device=device, reach=reach, is_urgent=reach is SPOT, since_s=since_s, heard_by=heard_by)


def streams(count: int, *, adapter: str = "hci0", since_s: float = 0) -> list[Busy]:
    return [
        Busy(device=f"b{i}", reach=STREAM, is_urgent=False, adapter=adapter, phase=Phase.STREAMING, since_s=since_s + i)
        for i in range(count)
    ]


def connecting(reach: Reach, *, since_s: float = 0, phase: Phase = Phase.CONNECTING) -> Busy:
    return Busy(device="c", reach=reach, is_urgent=reach is SPOT, adapter="hci0", phase=phase, since_s=since_s)


def calm(wish: Wish) -> Wish:
    return replace(wish, is_urgent=False)


def test_a_spot_check_meter_goes_ahead_of_everything() -> None:
    assert next_up([wish("a"), wish("m", SPOT, since_s=9)], [], ONE, 9) == Go("m", "hci0")


def test_a_meter_that_is_always_on_the_air_waits_like_everybody() -> None:
    assert next_up([calm(wish("m", SPOT, since_s=9)), wish("a")], [], ONE, 9) == Go("a", "hci0")
    assert next_up([calm(wish("m", SPOT))], [connecting(STREAM)], ONE, 9) is None
    attempt = replace(connecting(SPOT), is_urgent=False)
    assert next_up([wish("m", SPOT)], [attempt], ONE, 0) == GiveWay("c")
    assert next_up([calm(wish("m", SPOT))], streams(6), ONE, 9) == Go("m", "hci0")  # in the place kept for meters


def test_among_equals_who_has_waited_longest() -> None:
    assert next_up([wish("a", since_s=5), wish("b", since_s=2)], [], ONE, 9) == Go("b", "hci0")


def test_one_stream_is_connected_at_a_time() -> None:
    assert next_up([wish("a")], [connecting(STREAM)], ONE, 9) is None


def test_a_meter_takes_the_turn_from_a_stream_that_is_still_connecting() -> None:
    assert next_up([wish("m", SPOT)], [connecting(STREAM)], ONE, 0) == GiveWay("c")
    assert next_up([wish("m", SPOT)], [connecting(STREAM, phase=Phase.GIVING_WAY)], ONE, 0) is None


def test_a_meter_that_does_not_answer_keeps_another_one_waiting_for_some_seconds_only() -> None:
    assert next_up([wish("m", SPOT)], [connecting(SPOT)], ONE, TURN_OF_METER_S) is None
    assert next_up([wish("m", SPOT)], [connecting(SPOT)], ONE, TURN_OF_METER_S + 0.1) == GiveWay("c")


def test_streams_leave_a_place_for_a_meter() -> None:
    places = {"hci0": Places(connections=3)}
    assert next_up([wish("a")], streams(2), places, 9) is None
    assert next_up([wish("a"), wish("m", SPOT)], streams(2), places, 9) == Go("m", "hci0")


def test_when_there_is_no_place_a_meter_gets_that_of_the_stream_which_had_it_longest() -> None:
    assert next_up([wish("m", SPOT)], streams(3), {"hci0": Places(connections=3)}, 9) == GiveWay("b0")


def test_more_streams_than_places_take_turns() -> None:
    places, later = {"hci0": Places(connections=3)}, TURN_OF_STREAM_S + 0.1
    assert next_up([wish("a")], streams(2), places, later) == GiveWay("b0")
    assert next_up([wish("a", since_s=later)], streams(2), places, later + 1) is None
    assert next_up([wish("a")], streams(2, since_s=later), places, later + 1) is None


def test_a_device_is_served_by_the_adapter_that_hears_it_best() -> None:
    assert next_up([wish("a", heard_by=("hci1", "hci0"))], [], TWO, 0) == Go("a", "hci1")


def test_a_full_adapter_sends_its_devices_to_the_next_best() -> None:
    assert next_up([wish("a", heard_by=("hci0", "hci1"))], streams(6), TWO, 0) == Go("a", "hci1")
    assert next_up([wish("m", SPOT, heard_by=("hci0", "hci1"))], streams(6), TWO, 0) == Go("m", "hci0")


def test_an_adapter_that_died_serves_nobody() -> None:
    assert next_up([wish("a", heard_by=("hci1", "hci0"))], [], ONE, 0) == Go("a", "hci0")
    assert next_up([wish("a", heard_by=("hci1",))], [], ONE, 0) is None


def test_adapters_connect_independently_of_each_other() -> None:
    assert next_up([wish("a", heard_by=("hci1",))], [connecting(STREAM)], TWO, 0) == Go("a", "hci1")
    assert next_up([wish("a", heard_by=("hci0", "hci1"))], [connecting(STREAM)], TWO, 0) is None  # it has its turn soon


def test_one_that_waits_does_not_keep_those_behind_it_from_another_adapter() -> None:
    wishes = [wish("a"), wish("b", since_s=5, heard_by=("hci1",))]
    assert next_up(wishes, [connecting(STREAM)], TWO, 9) == Go("b", "hci1")


def test_nobody_wants_nobody_goes() -> None:
    assert next_up([], [], ONE, 0) is None


def test_back_off_doubles_to_its_cap_and_jitter_spreads_its_upper_half() -> None:
    assert [back_off_s(n, 1.0, first_s=1, cap_s=60) for n in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert back_off_s(3, 0.0, first_s=1, cap_s=60) == 4
    assert back_off_s(10_000, 0.5, first_s=1, cap_s=60) == 45
