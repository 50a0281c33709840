"""A thinned stream: an interval begins at its time, covers its span, and is as old as its end."""

from dataclasses import replace

from devices.limits import Level, Limit
from server.detection.findings import Crossing

CADENCE_S = 15
SPAN_S = 14  # the first of 15 values a second to the last


def test_intervals_of_five_minutes_and_raw_values_after_them_are_one_stream(ward, reading):
    """Without the end of the last interval, the first raw value would come after five minutes of silence."""
    below = [reading(at_s=at_s, value=89, span_s=299) for at_s in (0, 300)]
    raw = [reading(at_s=600 + second, value=89) for second in range(302)]
    found = [finding for part in (below[:1], below[1:], raw) for finding in ward.drain(part)]
    assert [(each.crossing, each.level) for each in found] == [(Crossing.BEGAN, Level.YELLOW_LOW)]
    assert (found[0].at - found[0].began).total_seconds() == 900


def test_where_an_interval_ended_outlives_the_process(ward, new_ward, reading):
    ward.drain([reading(at_s=0, value=89, span_s=299)])
    after = new_ward()
    after.states = dict(ward.states)  # as the database holds them
    after.watch(Limit(red_low=88, yellow_low=90))
    found = after.drain([reading(at_s=300, value=89, span_s=299), *_raw(reading, 600, 301)])
    assert [each.crossing for each in found] == [Crossing.BEGAN]


def test_a_silence_after_an_interval_counts_from_its_end(ward, reading):
    ward.drain([reading(at_s=0, value=85, span_s=SPAN_S)])
    assert ward.drain([reading(at_s=SPAN_S + 61, value=85, span_s=SPAN_S)]) == []
    kept = ward.drain([reading(at_s=SPAN_S + 61 + SPAN_S + 60, value=85, span_s=SPAN_S)])
    assert [each.crossing for each in kept] == [Crossing.BEGAN]


def test_an_interval_that_ends_now_is_now_however_long_it_is(ward, reading):
    ward.drain([reading(at_s=0, value=85, span_s=299)], now_s=300)
    (finding,) = ward.drain([reading(at_s=300, value=85, span_s=299)], now_s=605)
    assert (finding.crossing, finding.late) == (Crossing.BEGAN, False)


def test_what_an_interval_of_now_began_is_no_thing_of_the_past_although_it_is_over(ward, reading):
    low = [reading(at_s=at_s, value=85, span_s=299) for at_s in (0, 300)]
    found = ward.drain([*low, *_raw(reading, 600, 17, value=95)], now_s=617)
    assert [(each.crossing, each.late) for each in found] == [(Crossing.BEGAN, False), (Crossing.ENDED, False)]


def test_an_interval_that_ended_long_ago_is_late(ward, reading):
    pair = [reading(at_s=at_s, value=85, span_s=SPAN_S) for at_s in (0, CADENCE_S)]
    (finding,) = ward.drain(pair, now_s=CADENCE_S + SPAN_S + 121)
    assert finding.late
    (on_time,) = _fresh(ward, pair, shift_s=3600)
    assert not on_time.late


def test_the_evidence_of_an_interval_says_its_extremes_and_that_of_a_single_reading_does_not(ward, reading):
    pair = [reading(at_s=at_s, value=85, span_s=SPAN_S, low=81, high=87) for at_s in (0, CADENCE_S)]
    (finding,) = ward.drain(pair)
    assert (finding.evidence.value, finding.evidence.low, finding.evidence.high) == (85, 81, 87)
    assert finding.evidence.span_s == SPAN_S
    (ended,) = ward.drain(_raw(reading, 40, 17, value=95))
    assert (ended.evidence.low, ended.evidence.high, ended.evidence.span_s) == (None, None, None)


def _raw(reading, from_s, count, value=89):
    return [reading(at_s=from_s + second, value=value) for second in range(count)]


def _fresh(ward, pair, *, shift_s):
    ward.drain([replace(pair[0], at_s=at_s, value=96, span_s=0) for at_s in (200, 216)])
    moved = [replace(each, at_s=each.at_s + shift_s) for each in pair]
    return ward.drain(moved, now_s=moved[-1].at_s + SPAN_S + 120)
