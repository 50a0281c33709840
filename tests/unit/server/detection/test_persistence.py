"""How long a continuous stream must be outside, and inside, before it counts: 15 s red, 15 min yellow, 15 s inside."""

import pytest

from devices.limits import Level, Limit
from devices.vocabulary import Kind, Quality
from server.detection.findings import Crossing


def told(findings):
    return [(each.crossing, each.level) for each in findings]


def test_fifteen_seconds_below_red_is_a_finding_with_the_time_of_the_first_reading(ward, every_second, seconds):
    findings = ward.hear(every_second(0, (10, 95), (16, 85)))
    assert told(findings) == [(Crossing.BEGAN, Level.RED_LOW)]
    assert (seconds(findings[0].began), seconds(findings[0].at)) == (10, 25)
    assert findings[0].rule == "limit:spo2:low"


def test_a_second_less_is_none(ward, every_second):
    assert ward.hear(every_second(0, (10, 95), (15, 85), (60, 95))) == []


def test_a_reading_inside_starts_the_count_again(ward, every_second):
    assert ward.hear(every_second(0, (14, 85), (1, 90), (14, 85), (1, 90), (15, 85))) == []
    assert told(ward.hear(every_second(45, (1, 85)))) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_exactly_the_limit_is_inside_and_one_below_is_outside(ward, every_second):
    assert ward.hear(every_second(0, (2000, 90))) == []
    assert told(ward.hear(every_second(2000, (901, 89)))) == [(Crossing.BEGAN, Level.YELLOW_LOW)]


def test_yellow_takes_fifteen_minutes(ward, every_second, seconds):
    assert ward.hear(every_second(0, (900, 89))) == []
    (finding,) = ward.hear(every_second(900, (1, 89)))
    assert (finding.level, seconds(finding.began), seconds(finding.at)) == (Level.YELLOW_LOW, 0, 900)


def test_a_patient_who_swings_between_yellow_and_red_is_yellow_after_fifteen_minutes(ward, every_second):
    swinging = every_second(0, *[(5, 87), (5, 89)] * 91)
    assert told(ward.hear(swinging)) == [(Crossing.BEGAN, Level.YELLOW_LOW)]


def test_yellow_that_turns_red_is_worse(ward, every_second):
    findings = ward.hear(every_second(0, (950, 89), (16, 87)))
    assert told(findings) == [(Crossing.BEGAN, Level.YELLOW_LOW), (Crossing.WORSE, Level.RED_LOW)]


def test_red_that_turns_yellow_has_eased_and_is_not_over(ward, every_second):
    # Red ends at 88 + 2, yellow at 90 + 2 %: 90 and 91 are between.
    findings = ward.hear(every_second(0, (16, 85), (600, 91)))
    assert told(findings) == [(Crossing.BEGAN, Level.RED_LOW), (Crossing.EASED, Level.YELLOW_LOW)]


def test_red_again_after_easing_is_found_again(ward, every_second):
    findings = ward.hear(every_second(0, (16, 85), (16, 91), (17, 85)))
    assert [each.crossing for each in findings] == [Crossing.BEGAN, Crossing.EASED, Crossing.WORSE]


def test_fifteen_seconds_well_inside_end_it(ward, every_second, seconds):
    ward.hear(every_second(0, (16, 85)))
    (finding,) = ward.hear(every_second(16, (30, 95)))
    assert (finding.crossing, finding.level) == (Crossing.ENDED, Level.INSIDE)
    assert (seconds(finding.began), seconds(finding.at)) == (16, 31)


def test_just_inside_the_limit_does_not_end_it(ward, every_second):
    ward.hear(every_second(0, (16, 85)))
    assert told(ward.hear(every_second(16, (60, 89)))) == []  # 89 is below 88 + 2
    assert told(ward.hear(every_second(76, (60, 91)))) == [(Crossing.EASED, Level.YELLOW_LOW)]
    assert told(ward.hear(every_second(136, (60, 92)))) == [(Crossing.ENDED, Level.INSIDE)]


def test_silence_ends_nothing(ward, every_second):
    ward.hear(every_second(0, (16, 85)))
    assert told(ward.hear(every_second(50_000, (1, 85)))) == [(Crossing.STILL, Level.RED_LOW)]


def test_no_reading_and_demonstration_end_nothing_and_break_nothing(ward, every_second):
    hole = every_second(8, (5, 97), quality=Quality.NO_READING) + every_second(
        13, (2, 97), quality=Quality.DEMONSTRATION
    )
    low = every_second(0, (8, 85)) + hole + every_second(15, (1, 85))
    assert told(ward.hear(low)) == [(Crossing.BEGAN, Level.RED_LOW)]
    assert ward.hear(every_second(16, (300, 97), quality=Quality.NO_READING)) == []


def test_a_hole_in_the_stream_of_more_than_a_minute_starts_the_count_again(ward, every_second):
    assert ward.hear(every_second(0, (1, 85)) + every_second(61, (15, 85))) == []


def test_a_hole_of_a_minute_does_not(ward, every_second):
    assert told(ward.hear(every_second(0, (1, 85)) + every_second(60, (1, 85)))) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_a_hole_between_two_batches_counts_as_well(ward, every_second):
    ward.hear(every_second(0, (1, 85)))
    assert ward.hear(every_second(61, (1, 85))) == []


def test_one_sample_is_never_enough_however_long_its_interval(ward, reading):
    assert ward.hear([reading(at_s=0, value=85, span_s=300)]) == []


def test_a_thinned_stream_is_no_hole(ward, reading):
    thinned = [reading(at_s=at_s, value=85, span_s=300) for at_s in (0, 300)]
    assert told(ward.hear(thinned)) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_a_swing_from_one_side_to_the_other_is_two_findings_under_two_rules(ward, every_second):
    ward.watch(Limit(red_low=41, yellow_low=50, yellow_high=110, red_high=130), kind=Kind.PULSE_RATE)
    findings = ward.hear(every_second(0, (16, 38), (16, 140), (15, 140), kind=Kind.PULSE_RATE))
    assert told(findings) == [
        (Crossing.BEGAN, Level.RED_LOW),
        (Crossing.ENDED, Level.INSIDE),
        (Crossing.BEGAN, Level.RED_HIGH),
    ]
    assert [each.rule for each in findings] == ["limit:pulse_rate:low", "limit:pulse_rate:low", "limit:pulse_rate:high"]


def test_a_band_narrower_than_twice_the_hysteresis_can_still_be_reached(ward, every_second):
    ward.watch(Limit(yellow_low=88, yellow_high=90))  # a narrow prescribed band; hysteresis 2 % would leave no inside
    ward.hear(every_second(0, (901, 87)))
    assert told(ward.hear(every_second(901, (16, 89)))) == [(Crossing.ENDED, Level.INSIDE)]


def test_a_stream_without_limits_finds_nothing(ward, every_second):
    ward.watch(None)
    assert ward.hear(every_second(0, (2000, 40))) == []


def test_new_limits_hold_from_the_next_reading_on(ward, every_second):
    ward.hear(every_second(0, (5, 91)))
    ward.panel.set_limits(1, 3, Limit(red_low=92), "set by the doctor")
    (finding,) = ward.hear(every_second(5, (16, 91)))
    assert (finding.level, finding.evidence.limit, finding.evidence.reference) == (
        Level.RED_LOW,
        92,
        "set by the doctor",
    )


def test_a_limit_that_is_taken_away_ends_a_condition_by_readings_only(ward, every_second):
    ward.hear(every_second(0, (16, 85)))
    ward.panel.set_limits(1, 3, None)
    assert ward.hear(every_second(16, (15, 85))) == []
    assert told(ward.hear(every_second(31, (1, 85)))) == [(Crossing.ENDED, Level.INSIDE)]


def test_a_stream_that_stays_outside_is_heard_of_every_half_hour(ward, every_second, seconds):
    findings = ward.hear(every_second(0, (2 * 3600, 85)))
    assert [each.crossing for each in findings] == [Crossing.BEGAN, *[Crossing.STILL] * 3]
    assert [seconds(each.at) for each in findings] == [15, 1800, 3600, 5400]
    assert {seconds(each.began) for each in findings} == {0}


@pytest.mark.parametrize(
    ("kind", "value", "limit", "hysteresis"),
    [
        (Kind.SPO2, 85, Limit(red_low=88), 2),
        (Kind.PULSE_RATE, 140, Limit(red_high=130), 5),
        (Kind.HEART_RATE, 140, Limit(red_high=130), 5),
        (Kind.GLUCOSE, 2.8, Limit(red_low=3.0), 0.3),
        (Kind.BODY_TEMPERATURE, 39.4, Limit(red_high=39.0), 0.2),
        (Kind.BODY_TEMPERATURE, 39.4, Limit(red_high=37.9), 0.2),  # 37.9 - 0.2 is a hair below 37.7 as doubles go
    ],
)
def test_a_condition_ends_only_so_far_inside(ward, every_second, kind, value, limit, hysteresis):
    """CLINICAL 8: 2 % SpO2, 5 bpm, 0.3 mmol/L; 0.2 Cel is a proposal of ours."""
    edge = limit.red_low if limit.red_low is not None else limit.red_high
    inwards = 1 if limit.red_low is not None else -1
    step = 1 if kind in (Kind.SPO2, Kind.PULSE_RATE, Kind.HEART_RATE) else 0.1
    ward.watch(limit, kind=kind)
    ward.hear(every_second(0, (16, value), kind=kind))
    almost = round(edge + inwards * (hysteresis - step), 1)
    assert told(ward.hear(every_second(16, (60, almost), kind=kind))) == []
    enough = round(edge + inwards * hysteresis, 1)
    last = ward.hear(every_second(76, (60, enough), kind=kind))
    assert last[-1].crossing in (Crossing.ENDED, Crossing.EASED)
