"""The smoke run's own arithmetic: it must see every kind of error that it exists to find."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "deploy"))
from ledger import Account, Entry, Gap, Stored, balance  # type: ignore[import-not-found]

BELT, METER = "C0:11:00:00:00:02", "C0:22:00:00:00:01"


def beats(*at_ms: int, value: float = 70.0) -> list[Entry]:
    return [Entry(device=BELT, what="heart_rate", value=value, at_ms=at) for at in at_ms]


def kept(*rows: Entry) -> list[Stored]:
    return [Stored(device=row.device, what=row.what, value=row.value, at_ms=row.at_ms) for row in rows]


def interval(at_ms: int, span_ms: int, n: int, low: float, value: float, high: float) -> Stored:
    return Stored(device=BELT, what="heart_rate", at_ms=at_ms, span_ms=span_ms, n=n, low=low, value=value, high=high)


def account(
    said: list[Entry],
    stored: list[Entry] | list[Stored],
    gaps: list[Gap] | None = None,
    kills: list[int] | None = None,
) -> Account:
    (device,) = {entry.device for entry in said}
    rows = [row if isinstance(row, Stored) else kept(row)[0] for row in stored]
    accepted = {device: sum(row.n for row in rows)}
    return balance(said, accepted, rows, gaps or [], kills or [])[device]


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


# ---- intervals

PULSES = [70.0, 75.0, 72.0, 71.0, 90.0]
SAID = [beats(1000 * second, value=pulse)[0] for second, pulse in enumerate(PULSES, 1)]


def test_an_interval_stands_for_the_values_that_it_counts() -> None:
    found = account(SAID, [kept(SAID[0])[0], interval(2020, 3010, 4, 71, 72, 90)])
    assert (found.said, found.accepted, found.stored) == (5, 5, 5)
    assert (found.doubled, found.lost, found.untrue) == (0, [], 0)


def test_a_value_that_is_in_no_interval_is_lost() -> None:
    found = account(SAID, [interval(1020, 3010, 4, 70, 71, 75)])
    assert [entry.value for entry in found.undeclared] == [90.0]


def test_a_value_that_is_in_an_interval_and_stands_alone_too_is_doubled() -> None:
    found = account(SAID, [interval(1020, 4010, 5, 70, 72, 90), kept(beats(3020, value=72.0)[0])[0]])
    assert found.doubled == 1


def test_an_interval_with_a_wrong_median_or_a_lost_extreme_is_untrue() -> None:
    assert account(SAID, [interval(1020, 4010, 5, 70, 75, 90)]).untrue == 1
    assert account(SAID, [interval(1020, 4010, 5, 60, 72, 90)]).untrue == 1
    assert account(SAID, [interval(1020, 4010, 5, 70, 72, 95)]).untrue == 1


def test_values_of_an_interval_need_not_come_evenly() -> None:
    held_up = [*beats(1000, 1100, 1200), *beats(4000, 4100)]
    assert account(held_up, [interval(1010, 3100, 5, 70, 70, 70)]).lost == []


def test_what_was_lost_beside_an_interval_is_excused_by_its_gap_only() -> None:
    gap = Gap(device=BELT, from_ms=3010, to_ms=6000)
    found = account(SAID, [interval(1020, 1990, 3, 70, 72, 75)], [gap], [3500])
    assert [entry.value for entry in found.lost] == [71.0, 90.0]
    assert (found.undeclared, found.untrue) == ([], 0)


def test_a_value_outside_an_intervals_extremes_is_not_one_of_its_values() -> None:
    low, high = beats(3000, value=60.0), beats(3000, value=99.0)
    for outside in (low, high):
        found = account([*SAID[:2], *outside], [interval(1020, 1990, 3, 70, 72, 75)])
        assert (len(found.undeclared), found.doubled) == (1, 1)
