"""Spot readings count at once; a questionable reading supports good ones, and alone is looked at but never red."""

import pytest

from devices.limits import Level, Limit
from devices.vocabulary import Kind, Mode, Quality, Sign
from server.detection.findings import Crossing

GLUCOSE = Limit(red_low=3.0, yellow_low=3.9, yellow_high=13.9, red_high=20.0)


def told(findings):
    return [(each.crossing, each.level) for each in findings]


@pytest.mark.parametrize(
    ("value", "level"),
    [
        (2.9, Level.RED_LOW),
        (2.94, Level.RED_LOW),  # shown as 2.9
        (2.95, Level.YELLOW_LOW),  # shown as 3.0
        (3.0, Level.YELLOW_LOW),
        (3.84, Level.YELLOW_LOW),
        (3.885, None),  # 70 mg/dL is shown as 3.9, and in range by consensus
        (13.94, None),
        (14.0, Level.YELLOW_HIGH),
        (20.04, Level.YELLOW_HIGH),
        (20.1, Level.RED_HIGH),
    ],
)
def test_a_spot_reading_beyond_a_limit_is_found_at_once(ward, reading, value, level):
    ward.watch(GLUCOSE, kind=Kind.GLUCOSE)
    findings = ward.hear([reading(at_s=0, value=value, kind=Kind.GLUCOSE, mode=Mode.SPOT)])
    assert told(findings) == ([] if level is None else [(Crossing.BEGAN, level)])


def test_lo_is_red_at_once_whatever_number_stands_in_for_it(ward, reading):
    ward.watch(GLUCOSE, kind=Kind.GLUCOSE)
    lo = reading(at_s=0, value=3.3, sign=Sign.BELOW, kind=Kind.GLUCOSE, mode=Mode.SPOT)
    (finding,) = ward.hear([lo])
    assert (finding.level, finding.evidence.sign, finding.evidence.value) == (Level.RED_LOW, Sign.BELOW, 3.3)


def test_hi_is_red_at_once(ward, reading):
    ward.watch(GLUCOSE, kind=Kind.GLUCOSE)
    hi = reading(at_s=0, value=15.0, sign=Sign.ABOVE, kind=Kind.GLUCOSE, mode=Mode.SPOT)
    assert told(ward.hear([hi])) == [(Crossing.BEGAN, Level.RED_HIGH)]


def test_control_solution_is_nobodys_blood(ward, reading):
    ward.watch(GLUCOSE, kind=Kind.GLUCOSE)
    control = reading(at_s=0, value=1.9, kind=Kind.GLUCOSE, mode=Mode.SPOT, quality=Quality.DEMONSTRATION)
    assert ward.hear([control]) == []


def test_every_further_spot_reading_outside_is_found_too(ward, reading):
    """The alert of yesterday may be handled: today's reading must not depend on it."""
    values = [(0, 85), (86_400, 86), (86_500, 89)]
    findings = [f for at_s, value in values for f in ward.hear([reading(at_s=at_s, value=value, mode=Mode.SPOT)])]
    assert told(findings) == [
        (Crossing.BEGAN, Level.RED_LOW),
        (Crossing.STILL, Level.RED_LOW),
        (Crossing.STILL, Level.YELLOW_LOW),  # 89: not far enough inside to ease, and no more than yellow itself
    ]


def test_one_spot_reading_well_inside_ends_it(ward, reading):
    ward.hear([reading(at_s=0, value=85, mode=Mode.SPOT)])
    assert told(ward.hear([reading(at_s=600, value=92, mode=Mode.SPOT)])) == [(Crossing.ENDED, Level.INSIDE)]


def test_a_spot_reading_on_the_other_side_ends_one_thing_and_begins_another(ward, reading):
    ward.watch(GLUCOSE, kind=Kind.GLUCOSE)
    spot = {"kind": Kind.GLUCOSE, "mode": Mode.SPOT}
    ward.hear([reading(at_s=0, value=2.5, **spot)])
    findings = ward.hear([reading(at_s=1200, value=22.0, **spot)])
    assert told(findings) == [(Crossing.ENDED, Level.INSIDE), (Crossing.BEGAN, Level.RED_HIGH)]


def test_the_evidence_is_what_a_nurse_can_check(ward, reading, seconds):
    (finding,) = ward.hear([reading(at_s=60, value=85, mode=Mode.SPOT)])
    evidence = finding.evidence
    assert (evidence.kind, evidence.value, evidence.limit, evidence.level) == (Kind.SPO2, 85, 88, Level.RED_LOW)
    assert (evidence.direction, seconds(evidence.since), evidence.reference) == ("low", 60, "a test")


def test_the_limit_named_is_the_one_that_was_crossed(ward, reading):
    (yellow,) = ward.hear([reading(at_s=0, value=89, mode=Mode.SPOT)])
    assert yellow.evidence.limit == 90


def test_lo_with_only_a_yellow_limit_names_that_one(ward, reading):
    ward.watch(Limit(yellow_low=3.9), kind=Kind.GLUCOSE)
    lo = reading(at_s=0, value=1.1, sign=Sign.BELOW, kind=Kind.GLUCOSE, mode=Mode.SPOT)
    (finding,) = ward.hear([lo])
    assert (finding.level, finding.evidence.limit) == (Level.RED_LOW, 3.9)


def test_a_questionable_spot_reading_beyond_red_is_yellow_at_once(ward, reading):
    doubtful = reading(at_s=0, value=79, mode=Mode.SPOT, quality=Quality.QUESTIONABLE)
    assert told(ward.hear([doubtful])) == [(Crossing.BEGAN, Level.YELLOW_LOW)]


def test_a_good_spot_reading_after_a_questionable_one_is_red(ward, reading):
    ward.hear([reading(at_s=0, value=79, mode=Mode.SPOT, quality=Quality.QUESTIONABLE)])
    assert told(ward.hear([reading(at_s=60, value=79, mode=Mode.SPOT)])) == [(Crossing.WORSE, Level.RED_LOW)]


def test_questionable_samples_alone_are_never_red_but_are_yellow_in_time(ward, every_second):
    findings = ward.hear(every_second(0, (1000, 79), quality=Quality.QUESTIONABLE))
    assert told(findings) == [(Crossing.BEGAN, Level.YELLOW_LOW)]


def test_one_good_sample_lets_questionable_ones_count_towards_red(ward, every_second):
    low = every_second(0, (1, 85)) + every_second(1, (15, 84), quality=Quality.QUESTIONABLE)
    assert told(ward.hear(low)) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_a_questionable_sample_inside_does_not_hide_a_desaturation(ward, every_second):
    torn = every_second(0, (8, 85)) + every_second(8, (2, 97), quality=Quality.QUESTIONABLE) + every_second(10, (6, 85))
    assert told(ward.hear(torn)) == [(Crossing.BEGAN, Level.RED_LOW)]


def test_questionable_samples_end_nothing(ward, every_second):
    ward.hear(every_second(0, (16, 85)))
    assert ward.hear(every_second(16, (100, 97), quality=Quality.QUESTIONABLE)) == []


def test_a_questionable_spot_reading_inside_ends_nothing(ward, reading, every_second):
    ward.hear(every_second(0, (16, 85)))
    assert ward.hear([reading(at_s=17, value=97, mode=Mode.SPOT, quality=Quality.QUESTIONABLE)]) == []
