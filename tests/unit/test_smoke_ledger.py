"""The smoke run's own arithmetic: it must see every kind of error that it exists to find."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))
from ledger import Account, Entry, Gap, balance  # type: ignore[import-not-found]

BELT, METER = "C0:11:00:00:00:02", "C0:22:00:00:00:01"


def beats(*at_ms: int, value: float = 70.0) -> list[Entry]:
    return [Entry(device=BELT, what="heart_rate", value=value, at_ms=at) for at in at_ms]


def account(
    said: list[Entry], stored: list[Entry], gaps: list[Gap] | None = None, kills: list[int] | None = None
) -> Account:
    (device,) = {entry.device for entry in said}
    return balance(said, {device: len(stored)}, stored, gaps or [], kills or [])[device]


def test_a_stream_that_arrived_whole_balances_although_each_was_stamped_a_little_later() -> None:
    found = account(beats(1000, 2000, 3000), beats(1030, 2004, 3200))
    assert (found.said, found.stored, found.doubled, found.lost) == (3, 3, 0, [])


def test_a_reading_that_never_came_is_lost_and_undeclared_without_a_gap() -> None:
    found = account(beats(1000, 2000, 9000), beats(1030, 9004))
    assert [entry.at_ms for entry in found.undeclared] == [2000]


def test_a_reading_stored_twice_with_another_time_is_doubled() -> None:
    found = account(beats(1000, 9000), beats(1030, 1900, 9010))
    assert found.doubled == 1


def test_a_recorded_gap_that_began_at_the_kill_excuses_what_it_covers() -> None:
    said = beats(1000, 2000, 3000, 4000, 5000)
    found = account(said, beats(1010, 2010, 5010), [Gap(device=BELT, from_ms=2010, to_ms=5010)], [2500])
    assert len(found.lost) == 2
    assert found.undeclared == []


def test_a_gap_that_began_long_before_the_kill_lost_more_than_a_second() -> None:
    said = beats(1000, 2000, 3000, 4000, 5000)
    found = account(said, beats(1010, 5010), [Gap(device=BELT, from_ms=1010, to_ms=5010)], [4500])
    assert len(found.undeclared) == 3


def test_the_one_that_was_lost_among_equal_values_is_the_one_that_nobody_stands_close_to() -> None:
    said = beats(1000, 1100, 1200, 1300, 1400, 5000)
    found = account(said, beats(1102, 1203, 1301, 1404, 5001), [Gap(device=BELT, from_ms=400, to_ms=1000)], [500])
    assert [entry.at_ms for entry in found.lost] == [1000]
    assert found.undeclared == []


def test_readings_that_were_held_up_together_are_neither_lost_nor_doubled() -> None:
    found = account(beats(1000, 1100, 1200, 1300), beats(1420, 1421, 1422, 1423))
    assert (found.lost, found.doubled) == ([], 0)


def test_a_gap_of_another_device_excuses_nothing() -> None:
    found = account(beats(1000, 2000, 9000), beats(1010, 9010), [Gap(device=METER, from_ms=1010, to_ms=9010)])
    assert len(found.undeclared) == 1


def record(at_ms: int, value: float = 5.5) -> Entry:
    return Entry(device=METER, what="glucose", value=value, at_ms=at_ms, memory=True)


def test_a_device_with_memory_may_lose_nothing_whatever_gap_is_recorded() -> None:
    found = account([record(1000), record(2000)], [record(1000)], [Gap(device=METER, from_ms=0, to_ms=9000)], [1500])
    assert [entry.at_ms for entry in found.undeclared] == [2000]


def test_a_record_stored_under_a_time_it_never_had_is_doubled() -> None:
    found = account([record(1000)], [record(1000), record(1700)])
    assert found.doubled == 1
