"""One device's words become items: once each, changes only, silences as gaps."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from devices.profiles.base import (
    Advert,
    Contact,
    DeviceClock,
    Happening,
    Identity,
    Presence,
    Reading,
    Said,
    SessionStarted,
    Switch,
)
from devices.vocabulary import ClockTrust, Event, EventType, Gap, GapReason, Item, Kind, Mode, Observation
from edge.core.hearing import Hearing, Remembered

DEVICE = "C0:00:00:00:00:01"
START = datetime(2026, 7, 1, 10, tzinfo=UTC)
OFF, ON = Contact(on_body=False), Contact(on_body=True)


class Ear:
    """A hearing at seconds since the start."""

    def __init__(self, **remembered: object) -> None:
        self.hearing = Hearing(DEVICE, ZoneInfo("Europe/Oslo"), Remembered(**remembered))  # type: ignore[arg-type]

    def hears(self, second: float, *said: Said) -> list[Item]:
        return self.hearing.heard(said, START + timedelta(seconds=second), second)

    def advert(self, second: float, packet_id: int | None, *said: Said) -> list[Item]:
        advert = Advert(packet_id=packet_id, said=said)
        return self.hearing.advert(advert, START + timedelta(seconds=second), second)


def pulse(value: float | None = 72) -> Reading:
    return Reading(kind=Kind.HEART_RATE, value=value, mode=Mode.CONTINUOUS)


def types(items: list[Item]) -> list[EventType]:
    return [item.type for item in items if isinstance(item, Event)]


def gaps(items: list[Item]) -> list[tuple[float, float, GapReason]]:
    return [
        ((gap.from_at - START).total_seconds(), (gap.to_at - START).total_seconds(), gap.why)
        for gap in items
        if isinstance(gap, Gap)
    ]


def test_each_notification_of_a_stream_is_one_observation_at_its_arrival() -> None:
    ear = Ear()
    (item,) = ear.hears(1, pulse())
    assert item == Observation(
        device=DEVICE,
        kind=Kind.HEART_RATE,
        taken_at=START + timedelta(seconds=1),
        value=72,
        mode=Mode.CONTINUOUS,
        clock=ClockTrust.ARRIVAL,
    )


def test_two_readings_in_one_moment_stay_two() -> None:
    ear = Ear()
    first, second = ear.hears(1, pulse(70), pulse(71))
    assert isinstance(first, Observation) and isinstance(second, Observation)
    assert first.taken_at < second.taken_at


def test_a_short_silence_is_no_gap_and_a_longer_one_is() -> None:
    ear = Ear()
    for second in range(10):
        assert gaps(ear.hears(second, pulse())) == []
    assert gaps(ear.hears(11.4, pulse())) == []
    assert gaps(ear.hears(15, pulse())) == [(11.4, 15, GapReason.NOT_CONNECTED)]


def test_a_slow_stream_has_a_slow_gap() -> None:
    ear = Ear()
    second = 0.0
    for _ in range(40):
        second += 2.4
        assert gaps(ear.hears(second, pulse())) == []
    assert gaps(ear.hears(second + 5, pulse())) == []
    assert len(gaps(ear.hears(second + 12, pulse()))) == 1


def test_our_own_clock_being_set_is_no_gap() -> None:
    ear = Ear()
    ear.hears(0, pulse())
    items = ear.hearing.heard((pulse(),), START + timedelta(hours=5), 1.0)
    assert gaps(items) == []


def test_a_gap_over_a_restart_begins_at_the_last_committed_sample() -> None:
    ear = Ear(last_taken={0: START - timedelta(seconds=40)})
    assert gaps(ear.hears(2, pulse())) == [(-40, 2, GapReason.AGENT_RESTARTED)]
    assert gaps(ear.hears(3, pulse())) == []


def test_a_restart_of_a_moment_is_a_gap_too_for_what_was_said_meanwhile_is_lost() -> None:
    ear = Ear(last_taken={0: START - timedelta(seconds=0.2)})
    assert gaps(ear.hears(1, pulse())) == [(-0.2, 1, GapReason.AGENT_RESTARTED)]


def test_a_sensor_off_the_body_is_silent_about_values_but_not_gone() -> None:
    ear = Ear()
    ear.hears(0, ON, pulse())
    for second in range(1, 20):
        assert gaps(ear.hears(second, OFF)) == []
    assert gaps(ear.hears(20, ON, pulse())) == []


def test_contact_is_an_event_when_it_has_held_for_three_seconds_at_the_time_it_began() -> None:
    ear = Ear(on_body=True)
    assert types(ear.hears(0, ON, pulse())) == []
    assert types(ear.hears(1, OFF)) == []
    assert types(ear.hears(3, OFF)) == []
    assert ear.hears(4, OFF) == [
        Event(device=DEVICE, type=EventType.SENSOR_OFF, occurred_at=START + timedelta(seconds=1))
    ]
    assert types(ear.hears(5, OFF)) == []


def test_a_finger_that_shifts_is_no_event() -> None:
    ear = Ear(on_body=True)
    for second in range(0, 20, 2):
        assert types(ear.hears(second, OFF)) == []
        assert types(ear.hears(second + 1, ON, pulse())) == []


def test_contact_that_is_lost_with_the_device_silent_becomes_an_event_by_itself() -> None:
    ear = Ear(on_body=True)
    ear.hears(1, OFF)
    assert ear.hearing.due_s() == 4
    assert types(ear.hearing.settle(4)) == [EventType.SENSOR_OFF]
    assert ear.hearing.due_s() is None


def test_a_contact_known_from_before_the_restart_is_not_said_again() -> None:
    ear = Ear(on_body=False)
    assert [types(ear.hears(second, OFF)) for second in range(6)] == [[]] * 6
    ear.hears(6, ON)
    assert types(ear.hears(9, ON)) == [EventType.SENSOR_ON]


def test_a_door_is_an_event_only_when_it_changes() -> None:
    ear = Ear()
    assert types(ear.advert(0, 1, Switch(opened=False))) == [EventType.DOOR_CLOSED]
    assert types(ear.advert(5, 2, Switch(opened=False))) == []
    assert types(ear.advert(9, 3, Switch(opened=True))) == [EventType.DOOR_OPENED]
    assert types(Ear(opened=True).advert(0, 1, Switch(opened=True))) == []
    assert types(Ear(opened=False).advert(0, 1, Switch(opened=True))) == [EventType.DOOR_OPENED]


def test_each_press_is_one_event_however_often_it_is_aired() -> None:
    ear, sos = Ear(), Happening(type=EventType.SOS)
    presses = [types(ear.advert(second / 10, 7, sos)) for second in range(10)]
    assert presses == [[EventType.SOS]] + [[]] * 9
    assert types(ear.advert(1.5, 8, sos)) == [EventType.SOS]
    assert types(ear.advert(1.6, 7, sos)) == []  # a late copy of the first


def test_a_packet_id_that_comes_round_again_is_a_new_press() -> None:
    ear, sos = Ear(), Happening(type=EventType.SOS)
    ear.advert(0, 7, sos)
    assert types(ear.advert(300, 7, sos)) == [EventType.SOS]


def test_a_press_without_packet_ids_is_repeated_only_within_two_seconds() -> None:
    ear, sos = Ear(), Happening(type=EventType.SOS)
    assert [bool(ear.advert(second, None, sos)) for second in (0, 1, 2, 5)] == [True, False, False, True]


def test_smoke_that_goes_on_is_said_again_once_a_minute() -> None:
    ear, smoke = Ear(), Happening(type=EventType.SMOKE)
    said = [second for second in range(0, 150, 5) if ear.advert(second, second, smoke)]
    assert said == [0, 60, 120]


def test_a_record_that_comes_twice_is_one() -> None:
    ear = Ear()
    at = datetime(2026, 6, 30, 8, 0)  # noqa: DTZ001 - a meter's own time
    record = Reading(kind=Kind.GLUCOSE, value=5.5, record=17, device_time=at)
    assert len(ear.hears(0, record)) == 1
    assert ear.hears(1, record) == []
    again = Reading(kind=Kind.GLUCOSE, value=6.0, record=17, device_time=at + timedelta(days=1))
    assert len(ear.hears(2, again)) == 1  # the meter's memory was emptied and counts anew


def test_a_battery_level_is_said_when_it_changes() -> None:
    ear = Ear()
    levels = [(0, 90), (60, 90), (120, 89), (180, 89), (180 + 7 * 3600, 89)]
    said = [second for second, level in levels if ear.hears(second, Reading(kind=Kind.BATTERY, value=level))]
    assert said == [0, 120, 180 + 7 * 3600]
    assert ear.hearing.battery_percent == 89


def test_a_room_or_bed_is_an_event_only_when_it_changes() -> None:
    ear = Ear()
    said = [types(ear.advert(second, second, Presence(occupied=second in (1, 2)))) for second in range(4)]
    assert said == [[EventType.VACANT], [EventType.OCCUPIED], [], [EventType.VACANT]]
    assert types(Ear(occupied=True).advert(0, 1, Presence(occupied=True))) == []


def test_a_dose_and_its_box_are_told() -> None:
    (taken,) = Ear().hears(0, Happening(type=EventType.DOSE_TAKEN, slot=3))
    assert isinstance(taken, Event)
    assert (taken.type, taken.slot) == (EventType.DOSE_TAKEN, 3)


def test_two_users_of_a_device_have_silences_of_their_own() -> None:
    ear = Ear()
    one, two = (Reading(kind=Kind.SPO2, value=95, mode=Mode.CONTINUOUS, slot=slot) for slot in (1, 2))
    ear.hears(0, one, two)
    for second in range(1, 10):
        assert gaps(ear.hears(second, one)) == []
    (silence,) = [item for item in ear.hears(10, one, two) if isinstance(item, Gap)]
    assert (silence.slot, silence.from_at) == (2, START)


def test_a_replayed_advertisement_is_refused_and_counted_and_the_counter_is_remembered() -> None:
    ear, dose = Ear(), Happening(type=EventType.DOSE_TAKEN)
    news = [Advert(packet_id=counter % 256, said=(dose,), counter=counter) for counter in (500, 501)]
    assert [types(ear.hearing.advert(advert, START, 0)) for advert in news] == [[EventType.DOSE_TAKEN]] * 2
    assert ear.hearing.advert(news[0], START, 100) == []
    assert ear.hearing.replays == 1
    assert ear.hearing.learned() == {"counter": "501"}
    assert ear.hearing.learned() == {}
    again = Ear(known={"counter": "501"})
    assert again.hearing.advert(news[0], START, 0) == []
    assert again.hearing.replays == 1


def test_a_device_says_what_it_is() -> None:
    ear = Ear()
    words = (("model", "Pulse 3 "), ("serial", "0815"), ("firmware", "1.20"), ("manufacturer", "Prøve AS"))
    for what, text in words:
        assert ear.hears(0, Identity(what=what, text=text)) == []
    assert ear.hearing.model() == "Prøve AS Pulse 3 1.20"
    assert Ear(known=ear.hearing.learned()).hearing.model() == "Prøve AS Pulse 3 1.20"
    ear.hears(1, Identity(what="model", text="x" * 200))
    assert len(ear.hearing.model()) == 80


def test_a_clock_that_was_compared_corrects_the_records_that_follow() -> None:
    ear = Ear()  # 10:00 UTC is 12:00 in Oslo; the meter shows 13:00
    ear.hears(0, DeviceClock(shows=datetime(2026, 7, 1, 13, 0)))  # noqa: DTZ001
    at = datetime(2026, 6, 30, 9, 0)  # noqa: DTZ001
    (item,) = ear.hears(1, Reading(kind=Kind.GLUCOSE, value=5.5, record=17, device_time=at))
    assert isinstance(item, Observation)
    assert (item.taken_at, item.clock) == (datetime(2026, 6, 30, 6, 0, tzinfo=UTC), ClockTrust.CORRECTED)


def test_a_glucose_sensor_that_counts_from_its_start_has_times_and_comes_once() -> None:
    ear = Ear()
    start = SessionStarted(at=datetime(2026, 7, 1, 11, 0), utc_offset=timedelta(hours=2))  # noqa: DTZ001
    value = Reading(kind=Kind.GLUCOSE_ISF, value=6.1, mode=Mode.CONTINUOUS, into_session=timedelta(minutes=30))
    (item,) = [item for item in ear.hears(0, start, value) if isinstance(item, Observation)]
    assert item.taken_at == datetime(2026, 7, 1, 9, 30, tzinfo=UTC)
    assert [item for item in ear.hears(1, value) if isinstance(item, Observation)] == []  # again, from its memory


def test_another_hearing_of_a_device_goes_on_where_the_first_was() -> None:
    ear = Ear()
    ear.advert(0, 1, Switch(opened=True))
    ear.hears(1, pulse())
    other = Hearing(DEVICE, ZoneInfo("Europe/Oslo"), ear.hearing.remembered())
    assert types(other.advert(Advert(packet_id=2, said=(Switch(opened=True),)), START, 2)) == []
    silent = other.heard((pulse(),), START + timedelta(seconds=9), 9)
    assert gaps(silent) == [(1, 9, GapReason.AGENT_RESTARTED)]
