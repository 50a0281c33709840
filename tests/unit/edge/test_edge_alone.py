"""With the line down the gateway gives the alarm at home."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from devices.limits import Level
from devices.vocabulary import Event, EventType, Kind, Mode, Observation, Quality
from devices.wire.messages import Lane
from edge.core import alone
from edge.core.alone import MOST, Alone, Ring
from server.clinical.limits import PERSISTENCE

STRAP, BUTTON, METER = "C0:00:00:00:00:01", "C0:00:00:00:00:02", "C0:00:00:00:00:03"
START = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)


class Night:
    """A gateway that is told things, each at a second of the night."""

    def __init__(self) -> None:
        self.alone = Alone()
        self.seqs: Iterator[int] = count(1)

    def at(self, now_s: float) -> datetime:
        return START + timedelta(seconds=now_s)

    def press(self, now_s: float, what: EventType = EventType.SOS) -> int:
        """The row that it got."""
        event = Event(device=BUTTON, type=what, occurred_at=self.at(now_s))
        self.alone.heard(event, Level.INSIDE, self.at(now_s), now_s)
        seq = next(self.seqs)
        self.alone.kept([(Lane.ALARM, seq, event)])
        return seq

    def spo2(
        self,
        now_s: float,
        level: Level,
        *,
        quality: Quality = Quality.GOOD,
        mode: Mode = Mode.CONTINUOUS,
        kind: Kind = Kind.SPO2,
        taken_s: float | None = None,
    ) -> Observation:
        taken_at = self.at(now_s if taken_s is None else taken_s)
        value = None if quality is Quality.NO_READING else 80.0
        reading = Observation(device=STRAP, kind=kind, taken_at=taken_at, value=value, quality=quality, mode=mode)
        self.alone.heard(reading, level, self.at(now_s), now_s)
        return reading

    def reds(self, first_s: int, last_s: int) -> None:
        for now_s in range(first_s, last_s + 1):
            self.spo2(now_s, Level.RED_LOW)

    def rings(self, now_s: float, *, is_alone: bool = True) -> list[Ring]:
        return self.alone.due(is_alone, now_s)


def test_a_call_for_help_with_the_line_down_rings_at_once_and_is_told_once() -> None:
    night = Night()
    night.press(0)
    (ring,) = night.rings(0)
    assert (ring.cause.device, ring.cause.what, ring.since) == (BUTTON, EventType.SOS, START)
    told = night.alone.rang(ring, night.at(1))
    assert told == Event(device=BUTTON, type=EventType.LOCAL_ALARM, occurred_at=night.at(1))
    (again,) = night.rings(60)
    assert night.alone.rang(again, night.at(61)) is None


def test_an_alarm_given_at_home_is_heard_every_minute_for_ten_minutes() -> None:
    night = Night()
    night.press(0)
    heard_at = [now_s for now_s in range(2000) for _ in night.rings(now_s)]
    assert heard_at == [60 * n for n in range(11)]
    assert night.alone.is_open()  # nobody knows yet


def test_an_action_that_did_not_work_is_not_told_as_an_alarm_that_was_given() -> None:
    night = Night()
    night.press(0)
    night.rings(0)  # and `rang` is not called
    (again,) = night.rings(60)
    assert night.alone.rang(again, night.at(60)) is not None


def test_with_the_line_up_nothing_rings_when_the_receipt_comes_in_time() -> None:
    night = Night()
    seq = night.press(0)
    assert night.rings(9, is_alone=False) == []
    night.alone.arrived(Lane.ALARM, seq)
    assert night.rings(3600, is_alone=False) == []


def test_an_alarm_that_was_sent_and_not_receipted_within_ten_seconds_rings() -> None:
    night = Night()
    seq = night.press(0)
    assert night.rings(9.9, is_alone=False) == []
    night.alone.arrived(Lane.ALARM, seq - 1)
    night.alone.arrived(Lane.BULK, seq)  # another lane's numbers
    assert len(night.rings(10, is_alone=False)) == 1


def test_pressing_again_and_again_neither_delays_the_alarm_nor_hides_the_last_press() -> None:
    night = Night()
    seqs = [night.press(4 * n) for n in range(4)]
    night.alone.arrived(Lane.ALARM, seqs[0])
    assert night.rings(13, is_alone=False) == []  # the second has a second left
    assert len(night.rings(14, is_alone=False)) == 1
    night.alone.arrived(Lane.ALARM, seqs[2])
    assert night.alone.is_open()
    night.alone.arrived(Lane.ALARM, seqs[3])
    assert not night.alone.is_open()


def test_a_press_while_it_rings_is_the_same_episode_and_a_later_one_a_new_one() -> None:
    night = Night()
    night.press(0)
    (ring,) = night.rings(0)
    assert night.alone.rang(ring, START)
    night.press(500)
    assert [night.alone.rang(each, night.at(500)) for each in night.rings(500)] == [None]
    assert len(night.rings(1090)) == 1  # ten minutes from the last press
    night.press(2000)
    (anew,) = night.rings(2000)
    assert night.alone.rang(anew, night.at(2000)) is not None


def test_an_endless_row_of_presses_is_bounded_and_still_waits_for_the_newest() -> None:
    night = Night()
    seqs = [night.press(n / 100) for n in range(1000)]
    night.alone.arrived(Lane.ALARM, seqs[-2])
    assert len(night.rings(30, is_alone=False)) == 1
    night.alone.arrived(Lane.ALARM, seqs[-1])
    assert not night.alone.is_open()


def test_when_the_server_has_it_or_a_person_does_the_ringing_ends() -> None:
    night = Night()
    seq = night.press(0)
    night.rings(0)
    night.alone.arrived(Lane.ALARM, seq)
    assert night.rings(60) == [] and not night.alone.is_open()
    night.press(100)
    night.rings(100)
    night.alone.acknowledged(BUTTON, EventType.FALL)
    assert night.alone.is_open()
    night.alone.acknowledged(BUTTON, EventType.SOS)
    assert night.rings(160) == [] and not night.alone.is_open()


def test_an_alarm_that_got_through_while_the_buzzer_worked_is_still_told_as_given_here() -> None:
    night = Night()
    seq = night.press(0)
    (ring,) = night.rings(0)
    night.alone.arrived(Lane.ALARM, seq)
    assert night.alone.rang(ring, night.at(5)) is not None


@pytest.mark.parametrize("what", [EventType.DOSE_MISSED, EventType.DOOR_OPENED, EventType.SENSOR_OFF])
def test_what_is_no_call_for_help_is_silent(what: EventType) -> None:
    night = Night()
    night.press(0, what)
    assert night.rings(3600) == []


def test_one_red_sample_at_night_does_not_ring_and_fifteen_seconds_do() -> None:
    # CLINICAL.md 8: 15 s for red on continuous streams
    night = Night()
    night.reds(0, 14)
    assert night.rings(14) == []
    night.spo2(15, Level.RED_LOW)
    (ring,) = night.rings(15)
    assert (ring.cause.device, ring.cause.what) == (STRAP, Kind.SPO2)


def test_a_spot_reading_beyond_red_rings_at_once() -> None:
    night = Night()
    night.spo2(0, Level.RED_HIGH, mode=Mode.SPOT)
    assert len(night.rings(0)) == 1


@pytest.mark.parametrize("level", [Level.INSIDE, Level.YELLOW_LOW, Level.RED_HIGH])
def test_a_sample_elsewhere_starts_the_fifteen_seconds_again(level: Level) -> None:
    night = Night()
    night.reds(0, 10)
    night.spo2(11, level)
    night.reds(12, 26)
    assert night.rings(26) == []
    night.spo2(27, Level.RED_LOW)
    assert len(night.rings(27)) == 1


def test_a_silence_of_more_than_a_minute_starts_the_fifteen_seconds_again() -> None:
    night = Night()
    night.spo2(0, Level.RED_LOW)
    night.spo2(61, Level.RED_LOW)
    assert night.rings(61) == []
    night.spo2(121, Level.RED_LOW)
    assert len(night.rings(121)) == 1


def test_two_readings_in_a_row_of_a_five_minute_glucose_sensor_are_enough() -> None:
    night = Night()
    night.spo2(0, Level.RED_LOW, kind=Kind.GLUCOSE_ISF)
    assert night.rings(299) == []
    night.spo2(300, Level.RED_LOW, kind=Kind.GLUCOSE_ISF)
    assert len(night.rings(300)) == 1


def test_a_doubtful_reading_supports_a_good_one_and_begins_and_ends_nothing_alone() -> None:
    night = Night()
    for now_s in range(60):
        night.spo2(now_s, Level.RED_LOW, quality=Quality.QUESTIONABLE)
    assert night.rings(60) == []
    night.spo2(60, Level.RED_LOW)
    for now_s in range(61, 76):
        night.spo2(now_s, Level.RED_LOW, quality=Quality.QUESTIONABLE)
    assert len(night.rings(75)) == 1
    for now_s in range(76, 120):
        night.spo2(now_s, Level.INSIDE, quality=Quality.QUESTIONABLE)
    assert night.alone.is_open()


@pytest.mark.parametrize("quality", [Quality.NO_READING, Quality.DEMONSTRATION])
def test_no_reading_and_demonstrations_neither_ring_nor_end(quality: Quality) -> None:
    night = Night()
    night.spo2(0, Level.RED_LOW, quality=quality, mode=Mode.SPOT)
    assert night.rings(0) == []
    night.spo2(1, Level.RED_LOW, mode=Mode.SPOT)
    night.rings(1)
    night.spo2(2, Level.INSIDE, quality=quality, mode=Mode.SPOT)
    assert night.alone.is_open()


def test_a_reading_out_of_a_meters_memory_is_no_danger_now() -> None:
    night = Night()
    night.spo2(0, Level.RED_LOW, mode=Mode.SPOT, taken_s=-3600)
    assert night.rings(0) == []


def test_red_that_comes_and_goes_is_one_episode_until_it_was_inside_for_fifteen_seconds() -> None:
    night = Night()
    night.reds(0, 20)
    (ring,) = night.rings(20)
    assert night.alone.rang(ring, night.at(20))
    for now_s in range(21, 36):
        night.spo2(now_s, Level.INSIDE)
    night.reds(36, 80)
    assert [night.alone.rang(each, START) for each in night.rings(80)] == [None]
    for now_s in range(81, 97):
        night.spo2(now_s, Level.INSIDE)
    assert not night.alone.is_open() and night.rings(140) == []
    night.reds(200, 215)
    (anew,) = night.rings(215)
    assert night.alone.rang(anew, night.at(215)) is not None


def test_yellow_does_not_end_a_red_episode() -> None:
    night = Night()
    night.spo2(0, Level.RED_LOW, mode=Mode.SPOT)
    night.rings(0)
    for now_s in range(1, 60):
        night.spo2(now_s, Level.YELLOW_LOW)
    assert night.alone.is_open()


def test_red_with_the_line_up_is_the_servers_and_rings_only_if_the_row_does_not_arrive() -> None:
    night = Night()
    night.reds(0, 14)
    red = night.spo2(15, Level.RED_LOW)
    night.alone.kept([(Lane.BULK, 7, red)])
    assert night.rings(44, is_alone=False) == []
    night.alone.arrived(Lane.BULK, 7)
    night.reds(16, 100)
    assert night.rings(100, is_alone=False) == []
    assert night.rings(100, is_alone=True) == []  # the line went down afterwards: the server knows

    late = Night()
    late.reds(0, 15)
    assert len(late.rings(45, is_alone=False)) == 1


def test_an_interval_that_contains_the_red_reading_tells_the_server_of_it() -> None:
    night = Night()
    night.reds(0, 15)
    before = Observation(device=STRAP, kind=Kind.SPO2, taken_at=START, value=80.0, n=15, span_s=14.0)
    night.alone.kept([(Lane.BULK, 1, before)])
    night.alone.arrived(Lane.BULK, 1)
    assert len(night.rings(15)) == 1  # it ended a second before
    with_it = Observation(device=STRAP, kind=Kind.SPO2, taken_at=START, value=80.0, n=16, span_s=15.0)
    night.alone.kept([(Lane.BULK, 2, with_it)])
    night.alone.arrived(Lane.BULK, 2)
    assert not night.alone.is_open()


def test_rows_of_an_outbox_that_was_replaced_prove_nothing() -> None:
    night = Night()
    seq = night.press(0)
    night.alone.renumbered()
    night.alone.arrived(Lane.ALARM, seq)
    assert len(night.rings(10, is_alone=False)) == 1


def test_two_users_of_one_meter_are_two_matters() -> None:
    night = Night()
    for slot in (1, 2):
        reading = Observation(device=METER, slot=slot, kind=Kind.GLUCOSE, taken_at=START, value=2.0)
        night.alone.heard(reading, Level.RED_LOW, START, 0)
    assert {ring.cause.slot for ring in night.rings(0)} == {1, 2}


def test_what_says_nothing_for_half_a_day_is_forgotten_and_memory_is_bounded() -> None:
    night = Night()
    night.press(0)
    night.rings(0)
    night.rings(12 * 3600 + 1)
    assert not night.alone.is_open()
    for number in range(2 * MOST):
        event = Event(device=f"C1:00:00:00:{number >> 8:02X}:{number & 255:02X}", type=EventType.SOS, occurred_at=START)
        night.alone.heard(event, Level.INSIDE, START, 50_000)
    assert len(night.rings(50_000)) == MOST


def test_the_numbers_are_those_of_the_server() -> None:
    assert (
        PERSISTENCE.red_s,
        PERSISTENCE.ends_s,
        PERSISTENCE.longest_gap_s,
    ) == (alone.RED_S, alone.ENDS_S, alone.LONGEST_GAP_S)


def test_a_demonstration_does_not_support_what_a_reading_began() -> None:
    night = Night()
    night.spo2(0, Level.RED_LOW)
    for now_s in range(1, 30):
        night.spo2(now_s, Level.RED_LOW, quality=Quality.DEMONSTRATION)
    assert night.rings(30) == []


def test_a_clock_that_is_put_right_does_not_make_a_reading_seem_unsent() -> None:
    night = Night()
    night.reds(0, 14)
    red = night.spo2(15, Level.RED_LOW)
    night.alone.jumped(timedelta(days=-2))
    night.alone.kept([(Lane.BULK, 1, replace(red, taken_at=red.taken_at - timedelta(days=2)))])
    night.alone.arrived(Lane.BULK, 1)
    assert night.rings(60) == []
