"""The same thing said twice is one thing; two things that look the same are two."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from devices.profiles.base import Advert, Happening, Reading, Said, Switch
from devices.vocabulary import Event, EventType, Kind, Mode, Sign
from edge.core.dedupe import KEPT, READINGS, Adverts, Heard, Readings, Way
from edge.core.hearing import Hearing

START = datetime(2026, 7, 1, 10, tzinfo=UTC)
MOMENT = datetime(2026, 7, 1, 12, 0)  # noqa: DTZ001 - a meter's own time


def temperature(value: float = 38.4, record: int | None = None, slot: int = 0) -> Reading:
    return Reading(kind=Kind.BODY_TEMPERATURE, value=value, record=record, slot=slot)


class Ear:
    def __init__(self, remembered: str = "") -> None:
        self.readings = Readings(remembered)

    def new(self, reading: Reading, way: Way = Way.LIVE, second: float = 0, moment: datetime | None = None) -> bool:
        return self.readings.is_new(reading, moment, way, START + timedelta(seconds=second))


def test_a_reading_that_comes_as_advert_notification_and_stored_record_is_one() -> None:
    ear = Ear()
    assert ear.new(temperature(), Way.ADVERT, 0)
    assert not ear.new(temperature(), Way.LIVE, 5)
    assert not ear.new(temperature(record=7), Way.STORED, 30, MOMENT)


@pytest.mark.parametrize(
    ("other", "second"),
    [(temperature(38.5), 5), (temperature(slot=1), 5), (temperature(), 121)],
    ids=["another value", "another user", "later"],
)
def test_what_comes_another_way_is_another_reading_if_it_differs(other: Reading, second: float) -> None:
    ear = Ear()
    ear.new(temperature(), Way.ADVERT)
    assert ear.new(other, Way.LIVE, second)


def test_the_same_value_notified_twice_was_measured_twice_and_each_stored_record_is_one_of_them() -> None:
    ear = Ear()
    assert ear.new(temperature(), Way.LIVE, 0)
    assert ear.new(temperature(), Way.LIVE, 20)
    assert not ear.new(temperature(record=1), Way.STORED, 40, MOMENT)
    assert not ear.new(temperature(record=2), Way.STORED, 40, MOMENT + timedelta(minutes=1))
    assert ear.new(temperature(record=3), Way.STORED, 40, MOMENT + timedelta(minutes=2))


def test_the_same_device_time_and_value_is_the_same_reading_however_often_and_late() -> None:
    ear = Ear()
    assert ear.new(temperature(), Way.LIVE, 0, MOMENT)
    assert not ear.new(temperature(), Way.LIVE, 86_400, MOMENT)
    assert ear.new(temperature(), Way.LIVE, 86_400, MOMENT + timedelta(minutes=1))


def test_two_records_of_one_minute_with_one_value_are_two() -> None:
    ear = Ear()
    assert ear.new(temperature(record=1), Way.STORED, 0, MOMENT)
    assert ear.new(temperature(record=2), Way.STORED, 0, MOMENT)
    assert not ear.new(temperature(record=1), Way.STORED, 9, MOMENT)


def test_record_numbers_that_begin_anew_after_a_battery_change_are_new_readings() -> None:
    with_time, without = Ear(), Ear()
    for number in (1, 2, 3):
        with_time.new(temperature(36.0 + number, record=number), Way.STORED, 0, MOMENT + timedelta(days=number))
        without.new(temperature(36.0 + number, record=number), Way.STORED)
    assert with_time.new(temperature(37.0, record=1), Way.STORED, 0, MOMENT + timedelta(days=9))
    assert not with_time.new(temperature(38.0, record=2), Way.STORED, 0, MOMENT + timedelta(days=2))
    assert without.new(temperature(40.0, record=1), Way.STORED)
    assert without.new(temperature(38.0, record=2), Way.STORED)  # the same value again, in the emptied memory
    assert not without.new(temperature(40.0, record=1), Way.STORED)


def test_records_are_recognised_over_a_restart_of_the_agent() -> None:
    before = Ear()
    before.new(temperature(record=7), Way.STORED, 0, MOMENT)
    before.new(Reading(kind=Kind.GLUCOSE, value=1.1, sign=Sign.BELOW), Way.LIVE, 0, MOMENT)
    after = Ear(before.readings.kept())
    assert not after.new(temperature(record=7), Way.STORED, 0, MOMENT)
    assert not after.new(Reading(kind=Kind.GLUCOSE, value=1.1, sign=Sign.BELOW), Way.LIVE, 0, MOMENT)
    assert after.new(Reading(kind=Kind.GLUCOSE, value=1.1), Way.LIVE, 0, MOMENT)


def test_what_another_version_remembered_is_forgotten_and_no_fault() -> None:
    assert Ear('{"something": "else"}').new(temperature(record=7), Way.STORED, 0, MOMENT)


def test_what_is_remembered_is_bounded() -> None:
    ear = Ear()
    for number in range(3 * READINGS):
        assert ear.new(temperature(record=number), Way.STORED, 0, MOMENT + timedelta(minutes=number))
    assert len(ear.readings._numbered) == len(ear.readings._had) == READINGS
    assert ear.readings.kept().count("body_temperature") == KEPT


def test_what_has_neither_number_nor_time_does_not_push_out_what_has() -> None:
    ear = Ear()
    ear.new(temperature(record=1), moment=MOMENT)
    for second in range(2 * READINGS):
        ear.new(temperature(37.0 + second / 1000), Way.ADVERT, second=second * 300)
    assert not ear.new(temperature(record=1), Way.STORED, moment=MOMENT)


def test_each_live_value_of_a_stream_is_new() -> None:
    ear, pulse = Ear(), Reading(kind=Kind.HEART_RATE, value=72, mode=Mode.CONTINUOUS)
    assert [ear.new(pulse, Way.LIVE, second) for second in (0, 0, 1)] == [True] * 3


# ---- counters of encrypting advertisers


def counted(counter: int, packet_id: int | None = None) -> Advert:
    return Advert(packet_id=counter % 256 if packet_id is None else packet_id, said=(), counter=counter)


def test_a_counter_that_grows_is_new_the_same_is_a_repeat_and_an_older_one_a_replay() -> None:
    adverts = Adverts()
    verdicts = [adverts.judge(counted(counter), float(second)) for second, counter in enumerate((500, 501, 501, 500))]
    assert verdicts == [Heard.NEW, Heard.NEW, Heard.REPEAT, Heard.REPLAY]


def test_a_replay_after_a_restart_of_the_agent_is_refused() -> None:
    before = Adverts()
    before.judge(counted(500), 0)
    after = Adverts(before.counter)
    assert after.judge(counted(500), 0) is Heard.REPEAT
    assert after.judge(counted(480), 1) is Heard.REPLAY
    assert after.judge(counted(501), 2) is Heard.NEW


def test_a_counter_that_begins_anew_after_a_silence_is_a_battery_change() -> None:
    adverts = Adverts()
    adverts.judge(counted(5000), 0)
    assert adverts.judge(counted(3), 5) is Heard.REPLAY  # nobody changes a battery in five seconds
    assert adverts.judge(counted(4), 15) is Heard.NEW
    assert adverts.judge(counted(5), 16) is Heard.NEW
    assert adverts.judge(counted(4), 17) is Heard.REPLAY
    assert Adverts(5000).judge(counted(4), 0) is Heard.NEW  # changed while the agent was away


def test_a_beginning_after_which_the_old_counting_goes_on_was_a_replay_and_the_next_is_not_believed() -> None:
    adverts = Adverts()
    adverts.judge(counted(5000), 0)
    assert adverts.judge(counted(3), 20) is Heard.NEW  # an attacker plays an old one
    assert adverts.judge(counted(5001), 30) is Heard.NEW  # the device itself
    assert adverts.judge(counted(4), 60) is Heard.REPLAY
    assert adverts.judge(counted(4), 30 + 3599) is Heard.REPLAY
    assert adverts.judge(counted(4), 30 + 3600) is Heard.NEW  # silent for an hour: a new battery after all


def test_a_packet_that_is_aired_again_under_a_new_counter_is_a_repeat() -> None:
    adverts = Adverts()
    assert adverts.judge(counted(500, packet_id=9), 0) is Heard.NEW
    assert adverts.judge(counted(501, packet_id=9), 1) is Heard.REPEAT


def sealed_call(counter: int, packet_id: int | None = None, *more: Said) -> Advert:
    return Advert(packet_id=packet_id, said=(Happening(type=EventType.SOS), *more), counter=counter)


def test_a_call_for_help_is_heard_though_its_counter_went_back() -> None:
    """Some senders begin anywhere after a new battery: bthome-ble pull 357."""
    hearing = Hearing("C0:26:DF:01:23:45", ZoneInfo("Europe/Oslo"))
    at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)

    def calls(advert: Advert, second: float) -> int:
        return sum(isinstance(item, Event) for item in hearing.advert(advert, at + timedelta(seconds=second), second))

    assert calls(sealed_call(70_000, 1), 0) == 1
    assert calls(sealed_call(70_000, 1), 1) == 0  # the same press, said again
    assert calls(sealed_call(5_000, 2), 5) == 1
    assert calls(sealed_call(5_000, 2), 6) == 0
    assert calls(sealed_call(5_001, 3), 7) == 1


def test_a_call_for_help_is_heard_though_its_counter_stands_still() -> None:
    """Some senders repeat one counter with other content: bthome-ble 386."""
    hearing = Hearing("C0:26:DF:01:23:45", ZoneInfo("Europe/Oslo"))
    at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    opened = Advert(packet_id=None, said=(Switch(opened=True),), counter=9)
    hearing.advert(sealed_call(8), at, 0)
    hearing.advert(opened, at, 10)
    assert [item.type for item in hearing.advert(sealed_call(9), at, 11) if isinstance(item, Event)] == [EventType.SOS]
    assert hearing.advert(sealed_call(9), at, 12) == []
