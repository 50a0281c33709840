"""Readings that come long after they were taken are judged with their own times, and never shown as now."""

from datetime import timedelta

import pytest

from devices.limits import Level, Limit
from devices.vocabulary import Mode, Quality
from server.detection.findings import Crossing

LATER_S = 7200


def told(findings):
    return [(each.crossing, each.level, each.late) for each in findings]


def test_a_desaturation_that_is_over_is_said_once_with_its_worst_level_and_its_own_times(ward, every_second, seconds):
    night = every_second(0, (60, 95), (60, 87), (60, 95))
    (finding,) = ward.drain(night, now_s=LATER_S)
    assert told([finding]) == [(Crossing.HAS_BEEN, Level.RED_LOW, True)]
    assert (seconds(finding.began), seconds(finding.at)) == (60, 135)  # until 15 s inside


def test_several_that_are_over_are_one_finding(ward, every_second, seconds):
    night = every_second(0, (60, 85), (60, 95), (60, 84), (60, 95))
    (finding,) = ward.drain(night, now_s=LATER_S)
    assert (finding.crossing, seconds(finding.began), seconds(finding.at)) == (Crossing.HAS_BEEN, 0, 195)


def test_what_the_newest_old_reading_still_says_keeps_its_level_and_is_late(ward, every_second):
    findings = ward.drain(every_second(0, (60, 95), (60, 87)), now_s=LATER_S)
    assert told(findings) == [(Crossing.BEGAN, Level.RED_LOW, True)]


def test_what_began_long_ago_and_is_so_now_is_not_late(ward, every_second, seconds):
    findings = ward.drain(every_second(0, (1200, 87)), now_s=1200)
    assert told(findings) == [(Crossing.BEGAN, Level.RED_LOW, False), (Crossing.STILL, Level.RED_LOW, False)]
    assert {seconds(each.began) for each in findings} == {0}


def test_a_backlog_in_pieces_says_with_its_first_fresh_reading_that_it_is_so_now(ward, every_second):
    assert told(ward.drain(every_second(0, (600, 87)), now_s=1200)) == [(Crossing.BEGAN, Level.RED_LOW, True)]
    rest = ward.drain(every_second(600, (601, 87)), now_s=1201)
    assert told(rest) == [(Crossing.STILL, Level.RED_LOW, False)]


def test_a_standing_condition_that_ended_in_the_backlog_ends(ward, every_second):
    ward.hear(every_second(0, (16, 85)))
    assert told(ward.drain(every_second(16, (60, 95)), now_s=LATER_S)) == [(Crossing.ENDED, Level.INSIDE, True)]


def test_a_standing_condition_that_was_worse_and_ended_says_both(ward, every_second):
    ward.hear(every_second(0, (901, 89)))
    findings = ward.drain(every_second(901, (60, 85), (60, 95)), now_s=LATER_S)
    assert told(findings) == [(Crossing.HAS_BEEN, Level.RED_LOW, True), (Crossing.ENDED, Level.INSIDE, True)]


def test_an_episode_of_now_after_an_old_one_is_told_as_it_is(ward, every_second):
    findings = ward.drain(every_second(0, (60, 85), (600, 95), (60, 84)), now_s=720)
    assert told(findings) == [(Crossing.HAS_BEEN, Level.RED_LOW, True), (Crossing.BEGAN, Level.RED_LOW, False)]


@pytest.mark.parametrize(("age_s", "late"), [(120, False), (121, True)])
def test_late_means_more_than_two_minutes_old(ward, reading, age_s, late):
    (finding,) = ward.drain([reading(at_s=0, value=80, mode=Mode.SPOT)], now_s=age_s)
    assert finding.late is late


def test_months_of_a_meters_memory_are_one_finding_per_side_and_the_newest_as_it_is(ward, reading):
    memory = [reading(at_s=day * 86_400, value=95 - 10 * (day % 2), mode=Mode.SPOT) for day in range(90)]
    findings = ward.drain(memory, now_s=90 * 86_400)
    assert told(findings) == [
        (Crossing.HAS_BEEN, Level.RED_LOW, True),
        (Crossing.BEGAN, Level.RED_LOW, True),  # the newest of them, of yesterday
    ]


def test_an_old_red_spot_reading_behind_newer_ones_is_shown_and_moves_nothing(ward, reading, seconds):
    ward.hear([reading(at_s=1000, value=95, mode=Mode.SPOT)])
    before = ward.states[1, 3]
    (finding,) = ward.drain([reading(at_s=500, value=80, mode=Mode.SPOT)], now_s=1001)
    assert told([finding]) == [(Crossing.HAS_BEEN, Level.RED_LOW, True)]
    assert seconds(finding.began) == seconds(finding.at) == 500
    assert ward.states[1, 3] == before


@pytest.mark.parametrize(
    "what",
    [
        {"value": 89, "mode": Mode.SPOT},
        {"value": 80, "mode": Mode.SPOT, "quality": Quality.QUESTIONABLE},
        {"value": 80, "mode": Mode.CONTINUOUS},
        {"value": 95, "mode": Mode.SPOT},
    ],
)
def test_any_other_old_reading_behind_newer_ones_says_nothing(ward, reading, what):
    ward.hear([reading(at_s=1000, value=95, mode=Mode.SPOT)])
    assert ward.drain([reading(at_s=500, **what)], now_s=1001) == []


def test_a_row_of_a_batch_that_is_out_of_order_finds_its_place(ward, every_second, seconds):
    low = every_second(0, (16, 85))
    (finding,) = ward.drain([*low[8:], *low[:8]])
    assert (seconds(finding.began), seconds(finding.at)) == (0, 15)


def test_what_is_so_now_comes_before_what_has_been(ward, reading):
    ward.watch(Limit(red_low=88), patient=2)
    old = [reading(at_s=0, value=80, mode=Mode.SPOT), reading(at_s=60, value=95, mode=Mode.SPOT)]
    now = [reading(at_s=3600, value=80, mode=Mode.SPOT, patient=2)]
    assert [each.patient for each in ward.drain([*old, *now])] == [2, 1]


def test_the_times_of_a_finding_are_utc(ward, reading):
    (finding,) = ward.drain([reading(at_s=0, value=80, mode=Mode.SPOT)])
    assert finding.at.utcoffset() == timedelta(0)


def test_two_devices_can_speak_of_the_same_instant(ward, reading):
    ward.hear([reading(at_s=10, value=95, mode=Mode.SPOT)])
    (finding,) = ward.hear([reading(at_s=10, value=80, mode=Mode.SPOT)])
    assert finding.crossing is Crossing.BEGAN
