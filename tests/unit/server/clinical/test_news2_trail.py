"""NEWS2 over time, from readings with their partial scores of chart 1."""

from datetime import UTC, datetime, timedelta

from devices.vocabulary import Kind
from server.clinical.news2 import Consciousness, Reading, Scale2Choice, Seen
from server.clinical.news2_trail import Measured, trail, worst_of_each

EIGHT = datetime(2026, 2, 1, 8, 0, tzinfo=UTC)


def at(minute: float) -> datetime:
    return EIGHT + timedelta(minutes=minute)


def measured(kind: Kind, value: float, minute: float) -> Measured:
    return Measured(kind=kind, reading=Reading(value=value, at=at(minute)))


def nobody(_: datetime) -> None:
    return None


def follow(*given: Measured, scale_2=nobody, since: datetime = EIGHT, air_at=(0.0,), alert_at=(0.0,)):
    return trail(
        given,
        on_oxygen=[Seen(value=False, at=at(minute)) for minute in air_at],
        consciousness=[Seen(value=Consciousness.ALERT, at=at(minute)) for minute in alert_at],
        scale_2=scale_2,
        since=since,
    )


def a_round(minute: float, *, spo2: float = 96, pulse: float = 80):
    return (
        measured(Kind.RESPIRATORY_RATE, 16, minute),
        measured(Kind.SPO2, spo2, minute + 1),
        measured(Kind.SYSTOLIC, 120, minute + 2),
        measured(Kind.PULSE_RATE, pulse, minute + 3),
        measured(Kind.BODY_TEMPERATURE, 37.0, minute + 4),
    )


def totals(points):
    return [point.score.total for point in points]


def test_a_round_within_a_quarter_is_one_point_as_of_its_last_reading():
    (point,) = follow(*a_round(5))
    assert (point.score.at, point.score.total) == (at(9), 0)


def test_a_round_across_a_quarter_is_computable_once_it_is_complete():
    assert totals(follow(*a_round(12))) == [None, 0]  # until 8:14 without pulse and temperature


def test_the_later_of_two_readings_in_a_quarter_counts():
    points = follow(*a_round(0), measured(Kind.SPO2, 91, 10))
    assert totals(points) == [3]


def test_an_older_reading_that_is_given_later_does_not_replace_the_newer_one():
    points = follow(measured(Kind.SPO2, 96, 12), *a_round(0, spo2=91))
    assert totals(points) == [0]


def test_what_is_from_before_the_time_asked_for_is_remembered_but_not_shown():
    points = follow(*a_round(0), measured(Kind.PULSE_RATE, 112, 40), since=at(30))
    assert totals(points) == [2]


def test_a_parameter_of_an_hour_ago_makes_no_total():
    points = follow(*a_round(0), measured(Kind.PULSE_RATE, 80, 61))
    assert totals(points) == [0, None]
    assert points[-1].score.missing == ()


def test_a_heart_rate_and_a_pulse_are_the_same_parameter():
    points = follow(*a_round(0, pulse=112), measured(Kind.HEART_RATE, 80, 14))
    assert totals(points) == [0]


def test_scale_2_is_that_of_the_moment_at_which_saturation_was_measured():
    chosen = Scale2Choice(by=1, at=at(20))

    def scale_2(then: datetime) -> Scale2Choice | None:
        return chosen if chosen.applies(then) else None

    points = follow(*a_round(0, spo2=90), *a_round(30, spo2=90), scale_2=scale_2)
    assert totals(points) == [3, 0]


def test_of_each_hour_the_worst_total_stays_and_one_that_is_no_total_only_when_there_is_no_other():
    known = follow(*a_round(0), *a_round(15, spo2=91), measured(Kind.PULSE_RATE, 80, 62))
    assert totals(known) == [0, 3, None]
    assert totals(worst_of_each(known, timedelta(hours=1))) == [3, None]
    assert totals(worst_of_each(known, timedelta(hours=2))) == [3]
