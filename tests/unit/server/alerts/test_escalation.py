"""What happens to an alert that nobody takes, as a night on duty would be told. Times are those of Norway."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.vocabulary import EventType
from server.alerts import answering, escalation, lifecycle, policy, snoozing
from server.alerts.escalation import SHIPPED, Around, Chain, Chains, Part, Person, Roster, Step
from server.alerts.findings import GATEWAY_SILENT, DoorAtNight, DoseMissed, Fault, Finding, HelpCall
from server.alerts.findings import Concern as Worry
from server.alerts.hours import SHIPPED as SHIPPED_HOURS
from server.alerts.hours import Period, ServiceHours
from server.alerts.lifecycle import OPEN
from server.alerts.model import Alert, Change, Outcome, Priority, State, gateway_subject, patient_subject
from server.detection.findings import Evidence

OSLO = ZoneInfo("Europe/Oslo")
KARI, OLA, SIV = (Person(staff=n, name=name) for n, name in ((1, "Kari"), (2, "Ola"), (3, "Siv")))
NIGHT_PHONE = Person(name="Legevakten", phone="55 55 55 55")
PATIENT = patient_subject(1)
SHIFT = Roster(
    on_duty={Part.DUTY: (KARI,), Part.BACKUP: (OLA,), Part.COORDINATOR: (SIV,)},
    anybody=(KARI, OLA, SIV),
    members={1: KARI, 2: OLA, 3: SIV},
)


def at(clock: str, day: int = 3, month: int = 2) -> datetime:
    return datetime.combine(date(2026, month, day), time.fromisoformat(clock), OSLO).astimezone(UTC)


@dataclass
class Ward:
    """One alert, as the store would keep it, and whom the telephones rang for."""

    roster: Roster = SHIFT
    hours: ServiceHours | None = None
    chains: Chains | None = None
    covers: bool = False
    alert: Alert | None = None
    called: list[tuple[str, str]] = field(default_factory=list)
    rang: list[tuple[str, str]] = field(default_factory=list)

    def around(self, alert: Alert) -> Around:
        return Around(
            chains=self.chains or SHIPPED[alert.priority],
            hours=self.hours or SHIPPED_HOURS[alert.priority],
            roster=self.roster,
            covers=self.covers,
        )

    def finds(self, finding: Finding, now: datetime) -> None:
        for change in policy.decide([self.alert] if self.alert else [], [finding], now):
            self.takes(change)

    def takes(self, change: object) -> None:
        assert isinstance(change, Change), change
        had = None if self.alert is None else self.alert.owner
        before = escalation.course_of(change.alert)
        course = escalation.follow(change, before, self.around(change.alert), had=had)
        clock = f"{change.at.astimezone(OSLO):%H:%M}"
        self.called += [(clock, person.name) for person in course.calls]
        if change.rings and not course.quiet:
            self.rang.append((clock, str(change.action)))
        self.alert = replace(
            change.alert,
            id=1,
            step=course.step,
            next_at=course.next_at,
            quiet=course.quiet,
            response=course.response,
        )

    def until(self, end: datetime) -> "Ward":
        while self.alert is not None and self.alert.next_at is not None and self.alert.next_at <= end:
            self.takes(escalation.time_up(self.alert, self.around(self.alert), self.alert.next_at))
        return self

    @property
    def stands(self) -> Alert:
        assert self.alert is not None
        return self.alert


def fall(when: datetime) -> HelpCall:
    return HelpCall(subject=PATIENT, type=EventType.FALL, at=when, late=False)


def worry(when: datetime, priority: Priority = Priority.YELLOW) -> Worry:
    return Worry(
        subject=PATIENT, rule="change:spo2:low", priority=priority, at=when, began=when, evidence=Evidence(since=when)
    )


def test_a_fall_at_ten_past_two_that_nobody_answers_goes_on_until_somebody_has_it() -> None:
    ward = Ward()
    ward.finds(fall(at("02:10")), at("02:10"))
    ward.until(at("02:32"))
    assert ward.called == [
        ("02:10", "Kari"),
        ("02:13", "Ola"),
        ("02:18", "Siv"),
        ("02:23", "Ola"),  # nobody yet: from the back-up again
        ("02:28", "Siv"),
    ]
    ward.takes(lifecycle.acknowledge(ward.stands, ward.stands.rev, 3, at("02:30")))
    assert len(ward.until(at("02:44")).called) == 5


def test_a_named_phone_can_be_the_end_of_a_chain() -> None:
    steps = (*SHIPPED[Priority.RED].chains[0].steps, Step(who=NIGHT_PHONE, after=timedelta(minutes=5)))
    ward = Ward(chains=Chains(chains=(Chain(steps=steps),)))
    ward.finds(fall(at("02:10")), at("02:10"))
    ward.until(at("02:24"))
    assert ward.called[-1] == ("02:23", "Legevakten")


def test_a_red_alert_that_somebody_took_and_forgot_returns_to_her_and_then_to_the_back_up() -> None:
    ward = Ward()
    ward.finds(fall(at("02:10")), at("02:10"))
    ward.takes(lifecycle.acknowledge(ward.stands, ward.stands.rev, 1, at("02:11")))
    ward.until(at("02:33"))
    assert ward.called == [("02:10", "Kari"), ("02:26", "Kari"), ("02:31", "Ola")]
    assert (ward.stands.state, ward.stands.owner) == (State.RAISED, None)


def test_whatever_she_logs_gives_her_another_quarter_of_an_hour() -> None:
    ward = Ward()
    ward.finds(fall(at("02:10")), at("02:10"))
    ward.takes(lifecycle.acknowledge(ward.stands, ward.stands.rev, 1, at("02:11")))
    ward.takes(answering.on_my_way(ward.stands, ward.stands.rev, 1, at("02:20")))
    assert ward.until(at("02:34")).called == [("02:10", "Kari")]
    ward.takes(answering.there(ward.stands, ward.stands.rev, 1, at("02:34")))
    assert ward.stands.next_at == at("02:49")


def test_what_is_closed_awaits_nothing() -> None:
    ward = Ward()
    ward.finds(fall(at("02:10")), at("02:10"))
    ward.takes(lifecycle.handle(ward.stands, ward.stands.rev, 1, Outcome.REAL_ACTED, at("02:12")))
    assert ward.stands.next_at is None
    assert ward.until(at("09:00")).called == [("02:10", "Kari")]


def test_who_gives_it_away_is_not_the_first_to_be_called() -> None:
    ward = Ward()
    ward.finds(fall(at("02:10")), at("02:10"))
    ward.takes(lifecycle.acknowledge(ward.stands, ward.stands.rev, 1, at("02:11")))
    ward.takes(lifecycle.release(ward.stands, ward.stands.rev, 1, at("02:12")))
    assert ward.called == [("02:10", "Kari"), ("02:12", "Ola")]


def test_who_it_was_given_to_is_called_and_then_the_chain() -> None:
    ward = Ward()
    ward.finds(fall(at("02:10")), at("02:10"))
    ward.takes(lifecycle.assign(ward.stands, ward.stands.rev, 1, 3, at("02:11")))
    ward.until(at("02:15"))
    assert ward.called == [("02:10", "Kari"), ("02:11", "Siv"), ("02:14", "Kari")]


def test_the_second_call_for_help_soon_after_the_first_goes_to_a_second_person_at_once() -> None:
    ward = Ward()
    ward.finds(fall(at("02:10")), at("02:10"))
    ward.finds(fall(at("02:11")), at("02:11"))
    assert ward.called == [("02:10", "Kari"), ("02:11", "Ola")]
    ward.finds(fall(at("02:12")), at("02:12"))
    assert ward.until(at("02:16")).called[2:] == [("02:16", "Siv")]  # further presses ring, and change nothing else


def test_a_call_after_somebody_took_the_first_one_calls_two() -> None:
    ward = Ward()
    ward.finds(fall(at("02:10")), at("02:10"))
    ward.takes(lifecycle.acknowledge(ward.stands, ward.stands.rev, 1, at("02:11")))
    ward.finds(fall(at("02:20")), at("02:20"))
    assert ward.called[1:] == [("02:20", "Kari"), ("02:20", "Ola")]


def test_a_step_that_nobody_is_at_takes_no_time() -> None:
    alone = replace(SHIFT, on_duty={Part.COORDINATOR: (SIV,)})
    ward = Ward(roster=alone)
    ward.finds(fall(at("02:10")), at("02:10"))
    assert ward.called == [("02:10", "Siv")]


def test_with_nobody_on_duty_everybody_who_may_answer_is_called() -> None:
    ward = Ward(roster=Roster(on_duty={}, anybody=(SIV,), members={3: SIV}))
    ward.finds(fall(at("02:10")), at("02:10"))
    assert ward.until(at("02:16")).called == [("02:10", "Siv"), ("02:15", "Siv")]


# ---- service hours


def test_a_yellow_at_three_in_the_night_waits_for_the_morning_and_rings_then() -> None:
    ward = Ward()
    ward.finds(worry(at("03:00")), at("03:00"))
    assert (ward.rang, ward.called, ward.stands.quiet) == ([], [], True)
    assert ward.stands.next_at == at("08:00")
    ward.until(at("08:31"))
    assert ward.rang[0] == ("08:00", "morning")
    assert ward.called == [("08:00", "Kari"), ("08:30", "Ola")]
    assert not ward.stands.quiet


def test_a_yellow_at_three_rings_where_that_was_agreed() -> None:
    ward = Ward(hours=ServiceHours(periods=(Period(),)))
    ward.finds(worry(at("03:00")), at("03:00"))
    assert ward.rang == [("03:00", "raised")]


def test_what_was_agreed_to_happen_out_of_hours_stands_on_the_alert() -> None:
    agreed = ServiceHours(periods=(Period(from_=time(8), to=time(15)),), response="Ring legevakten, 116117.")
    ward = Ward(hours=agreed)
    ward.finds(worry(at("16:00")), at("16:00"))
    assert ward.stands.response == "Ring legevakten, 116117."
    ward.until(at("08:00", day=4))
    assert ward.stands.response is None


def test_a_yellow_that_turns_red_in_the_night_rings_at_once() -> None:
    ward = Ward()
    ward.finds(worry(at("03:00")), at("03:00"))
    ward.finds(worry(at("03:30"), Priority.RED), at("03:30"))
    assert ward.rang == [("03:30", "worse")]
    assert ward.called == [("03:30", "Kari")]


def test_a_yellow_that_nobody_took_in_the_evening_calls_nobody_in_the_night() -> None:
    ward = Ward()
    ward.finds(worry(at("21:50")), at("21:50"))
    ward.until(at("08:00", day=4))
    assert ward.called == [("21:50", "Kari"), ("08:00", "Kari")]


def test_a_yellow_that_came_late_makes_no_sound_and_is_called_about_when_nobody_has_looked() -> None:
    ward = Ward()
    ward.finds(DoseMissed(subject=PATIENT, at=at("10:00"), late=True), at("12:00"))
    assert (ward.called, ward.rang) == ([], [])
    ward.until(at("13:00"))
    assert ward.called == [("12:30", "Kari"), ("13:00", "Ola")]


def test_a_yellow_that_came_late_in_the_night_waits_for_the_morning() -> None:
    ward = Ward()
    ward.finds(DoseMissed(subject=PATIENT, at=at("20:00"), late=True), at("23:00"))
    ward.until(at("08:00", day=4))
    assert ward.called == [("08:00", "Kari")]


@pytest.mark.parametrize("event", [EventType.FALL, EventType.SMOKE, EventType.WATER, EventType.CO, EventType.SOS])
def test_a_call_for_help_rings_whatever_the_hours_are(event: EventType) -> None:
    ward = Ward(hours=ServiceHours(periods=()))
    ward.finds(HelpCall(subject=PATIENT, type=event, at=at("03:00"), late=False), at("03:00"))
    assert ward.rang == [("03:00", "raised")]


def test_a_door_that_opens_in_the_night_is_what_the_night_is_watched_for() -> None:
    ward = Ward()
    ward.finds(DoorAtNight(subject=PATIENT, at=at("03:00"), late=False), at("03:00"))
    assert ward.rang == [("03:00", "raised")]


# The clocks of Norway: forward on 29 March 2026 at 02:00 to 03:00, back on 25 October 2026 at 03:00 to 02:00.
def test_the_morning_comes_at_eight_also_when_the_clocks_are_changed() -> None:
    eight_to_ten = Period(from_=time(8), to=time(22))
    assert eight_to_ten.begins_after(datetime(2026, 3, 28, 23, tzinfo=UTC)) == datetime(2026, 3, 29, 6, tzinfo=UTC)
    assert eight_to_ten.begins_after(datetime(2026, 10, 24, 23, tzinfo=UTC)) == datetime(2026, 10, 25, 7, tzinfo=UTC)


def test_a_night_belongs_to_the_day_on_which_it_begins() -> None:
    friday_night = Period(weekdays=frozenset({5}), from_=time(22), to=time(7))
    assert friday_night.holds(at("23:00", day=6))  # Friday 6 February 2026
    assert friday_night.holds(at("03:00", day=7))
    assert not friday_night.holds(at("03:00", day=6))
    assert not friday_night.holds(at("23:00", day=7))


# ---- lost cover


@pytest.mark.parametrize(("silent", "called"), [("12:00", "12:30"), ("03:00", "03:15")])
def test_a_gateway_that_would_tell_of_a_fall_is_not_silent_for_long(silent: str, called: str) -> None:
    ward = Ward(covers=True)
    ward.finds(Fault(subject=gateway_subject(1), rule=GATEWAY_SILENT, at=at(silent), cause="silent"), at(silent))
    assert (ward.rang, ward.called) == ([], [])
    ward.until(at(called))
    assert ward.called == [(called, "Kari")]
    assert ward.rang == [(called, "escalated")]


def test_another_gateway_that_is_silent_calls_nobody() -> None:
    ward = Ward()
    ward.finds(Fault(subject=gateway_subject(1), rule=GATEWAY_SILENT, at=at("12:00"), cause="silent"), at("12:00"))
    assert ward.stands.next_at is None


# ---- whatever happens

DEEDS = (
    lambda alert, now: lifecycle.acknowledge(alert, alert.rev, 1, now),
    lambda alert, now: lifecycle.take_back(alert, alert.rev, 1, now),
    lambda alert, now: lifecycle.release(alert, alert.rev, 1, now),
    lambda alert, now: lifecycle.assign(alert, alert.rev, 1, 2, now),
    lambda alert, now: lifecycle.assign(alert, alert.rev, 2, 2, now),
    lambda alert, now: answering.on_my_way(alert, alert.rev, 1, now),
    lambda alert, now: answering.contact(alert, alert.rev, 1, now),
    lambda alert, now: answering.note(alert, alert.rev, 1, now, note="x"),
    lambda alert, now: snoozing.snooze(
        alert, alert.rev, 1, now + timedelta(minutes=30), "sover", now, most={Priority.RED: timedelta(hours=1)}
    ),
    lambda alert, now: snoozing.end_early(alert, alert.rev, 1, now),
    lambda alert, now: snoozing.end_early(alert, alert.rev, 2, now),
)
FOUND = (
    lambda now: worry(now),
    lambda now: worry(now, Priority.RED),
    lambda now: fall(now),
)


@settings(max_examples=150)
@given(
    first=st.sampled_from(FOUND),
    nobody=st.booleans(),
    steps=st.lists(st.tuples(st.integers(1, 400), st.sampled_from((*DEEDS, *FOUND))), max_size=12),
)
def test_nothing_red_stands_open_without_an_end_to_its_waiting(first, nobody, steps) -> None:
    now = at("20:00")
    ward = Ward(roster=Roster(on_duty={}) if nobody else SHIFT)
    ward.finds(first(now), now)
    for minutes, step in steps:
        now += timedelta(minutes=minutes)
        ward.until(now)
        if step in FOUND:
            finding = step(now)
            if finding.rule == ward.stands.rule:
                ward.finds(finding, now)
        else:
            change = step(ward.stands, now)
            if isinstance(change, Change):
                ward.takes(change)
        alert = ward.stands
        if alert.state in OPEN and alert.priority is Priority.RED:
            assert alert.next_at is not None or alert.snoozed_until is not None, ward
            assert alert.next_at is None or alert.next_at > now
        assert not (alert.quiet and alert.priority is Priority.RED)
