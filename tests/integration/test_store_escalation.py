"""The clock takes alerts along their chains, over a real database: each step exactly once, whoever dies."""

from datetime import UTC, date, datetime, time, timedelta
from threading import Barrier, Thread
from zoneinfo import ZoneInfo

import pytest

from devices.limits import Level
from devices.vocabulary import EventType, Kind
from server.alerts import lifecycle
from server.alerts.escalation import Chain, Chains, Part, Step
from server.alerts.findings import GATEWAY_SILENT, SENSOR_SILENT, Fault, HelpCall
from server.alerts.hours import Period, ServiceHours
from server.alerts.lifecycle import release
from server.alerts.model import (
    Change,
    Outcome,
    Priority,
    Subject,
    device_subject,
    gateway_subject,
    patient_subject,
)
from server.detection.findings import Crossing, Evidence, LimitFinding
from server.store import alerts, chains, deadlines, escalations, expiry, pool, rolelife
from tests.integration.ingest_rig import Rig

pytestmark = pytest.mark.integration

HELP = "C0:00:00:00:00:07"
OSLO = ZoneInfo("Europe/Oslo")
PEOPLE = """
insert into staff (login, name, initials, password_hash) values ('ola', 'Ola', 'O', 'x'), ('siv', 'Siv', 'S', 'x');
insert into staff_team values (1, 1, 'nurse'), (2, 1, 'nurse'), (3, 1, 'coordinator');
insert into duty (team_id, staff_id, part, from_at)
values (1, 1, 'duty', '2026-02-01Z'), (1, 2, 'backup', '2026-02-01Z'), (1, 3, 'coordinator', '2026-02-01Z');
"""


def at(clock: str, day: int = 3) -> datetime:
    return datetime.combine(date(2026, 2, day), time.fromisoformat(clock), OSLO).astimezone(UTC)


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.tell(PEOPLE)
    return rig


def finds(rig: Rig, *findings: HelpCall | LimitFinding, now: datetime) -> None:
    with rig.conn.transaction():
        held = alerts.hold(rig.conn, [patient_subject(1)])
        alerts.apply(rig.conn, alerts.decided(rig.conn, held, findings, now), now)


def fall(now: datetime) -> HelpCall:
    return HelpCall(subject=patient_subject(1), type=EventType.FALL, at=now, late=False)


def saturation(now: datetime, level: Level = Level.YELLOW_LOW) -> LimitFinding:
    crossing = Crossing.BEGAN if level is Level.YELLOW_LOW else Crossing.WORSE
    evidence = Evidence(kind=Kind.SPO2, value=87, limit=88, level=level, direction="low", since=now)
    return LimitFinding(
        patient=1,
        kind=Kind.SPO2,
        crossing=crossing,
        direction="low",
        level=level,
        began=now,
        at=now,
        late=False,
        evidence=evidence,
    )


def goes_on(rig: Rig, now: datetime) -> None:
    while escalations.go_on(rig.conn, now):
        pass


def does(rig: Rig, change: Change | lifecycle.Conflict) -> None:
    assert isinstance(change, Change), change
    with rig.conn.transaction():
        alerts.hold_alert(rig.conn, 1)
        alerts.apply(rig.conn, [change], change.at)


def stands(rig: Rig):
    with rig.conn.transaction():
        found = alerts.hold_alert(rig.conn, 1)
    assert found is not None
    return found


def called(rig: Rig) -> list[tuple[str, str]]:
    rows = rig.ask("select at, name from alert_call order by rev, place")
    return [(f"{when.astimezone(OSLO):%H:%M}", name) for when, name in rows]


def test_a_fall_at_ten_past_two_calls_the_back_up_at_thirteen_past(rig: Rig) -> None:
    finds(rig, fall(at("02:10")), now=at("02:10"))
    goes_on(rig, at("02:12"))
    assert called(rig) == [("02:10", "Kari Test")]
    goes_on(rig, at("02:13"))
    goes_on(rig, at("02:18"))
    assert called(rig) == [("02:10", "Kari Test"), ("02:13", "Ola"), ("02:18", "Siv")]
    assert rig.ask("select action, detail -> 'called' from alert_history order by rev") == [
        ("raised", ["Kari Test"]),
        ("escalated", ["Ola"]),
        ("escalated", ["Siv"]),
    ]
    told = rig.ask("select body ->> 'action', (body -> 'ring')::bool, body -> 'called' from team_log order by seq")
    assert told == [("raised", True, [1]), ("escalated", True, [2]), ("escalated", True, [3])]
    assert rig.ask("select step, next_at from alert") == [(3, at("02:23"))]
    assert rig.ask("select part, due_at, state from deadline where type = 'escalation'") == [
        ("1", at("02:23"), "waiting")
    ]


def test_what_somebody_closed_awaits_nothing(rig: Rig) -> None:
    finds(rig, fall(at("02:10")), now=at("02:10"))
    alert = stands(rig)
    does(rig, lifecycle.handle(alert, alert.rev, 1, Outcome.REAL_ACTED, at("02:11")))
    assert rig.one("select count(*) from deadline where type = 'escalation'") == 0
    goes_on(rig, at("09:00"))
    assert called(rig) == [("02:10", "Kari Test")]


def test_who_took_it_and_logged_nothing_is_reminded_and_then_the_back_up_is_called(rig: Rig) -> None:
    finds(rig, fall(at("02:10")), now=at("02:10"))
    alert = stands(rig)
    does(rig, lifecycle.acknowledge(alert, alert.rev, 1, at("02:11")))
    for clock in ("02:26", "02:31"):
        goes_on(rig, at(clock))
    assert called(rig)[1:] == [("02:26", "Kari Test"), ("02:31", "Ola")]
    assert rig.ask("select state, owner_id from alert") == [("raised", None)]


def test_given_away_it_calls_the_next(rig: Rig) -> None:
    finds(rig, fall(at("02:10")), now=at("02:10"))
    alert = stands(rig)
    does(rig, lifecycle.acknowledge(alert, alert.rev, 1, at("02:11")))
    alert = stands(rig)
    does(rig, release(alert, alert.rev, 1, at("02:12")))
    assert called(rig)[-1] == ("02:12", "Ola")


def test_two_clocks_take_each_step_once(rig: Rig) -> None:
    finds(rig, fall(at("02:10")), now=at("02:10"))
    start = Barrier(2)

    def clock() -> None:
        with pool.connect(rig.dsn, name="clock", autocommit=True) as conn:
            for minute in range(13, 40):
                start.wait(30)
                escalations.go_on(conn, at(f"02:{minute}"))

    both = [Thread(target=clock) for _ in range(2)]
    for each in both:
        each.start()
    for each in both:
        each.join(60)
    minutes = [when for when, _ in called(rig)]
    assert minutes == ["02:10", "02:13", "02:18", "02:23", "02:28", "02:33", "02:38"]
    assert rig.one("select head from team where id = 1") == 7


def test_a_clock_that_dies_inside_a_step_has_not_taken_it(rig: Rig) -> None:
    finds(rig, fall(at("02:10")), now=at("02:10"))
    dying = pool.connect(rig.dsn, name="clock")
    escalations.go_on(dying, at("02:13"))
    dying.close()  # without a commit
    assert called(rig) == [("02:10", "Kari Test")]
    goes_on(rig, at("02:14"))
    assert called(rig)[1:] == [("02:14", "Ola")]


def test_a_monitor_that_was_down_does_not_put_the_next_step_off(rig: Rig) -> None:
    finds(rig, fall(at("02:10")), now=at("02:10"))
    deadlines.move_all(rig.conn, at("02:12"))
    goes_on(rig, at("02:13"))
    assert called(rig)[-1] == ("02:13", "Ola")


def test_the_clocks_other_work_leaves_escalation_alone(rig: Rig) -> None:
    finds(rig, fall(at("02:10")), now=at("02:10"))
    assert expiry.expire_due(rig.conn, at("03:00"), monitor_hears=True) == 0
    assert rig.one("select state from deadline where type = 'escalation'") == "waiting"


def test_a_yellow_at_three_rings_at_eight(rig: Rig) -> None:
    finds(rig, saturation(at("03:00")), now=at("03:00"))
    assert rig.ask("select quiet, next_at, step from alert") == [(True, at("08:00"), 0)]
    assert rig.ask("select (body -> 'ring')::bool from team_log") == [(False,)]
    goes_on(rig, at("07:59"))
    assert called(rig) == []
    goes_on(rig, at("08:00"))
    assert called(rig) == [("08:00", "Kari Test")]
    assert rig.ask("select (body -> 'ring')::bool, body ->> 'action' from team_log where seq = 2") == [
        (True, "morning")
    ]


def test_two_turns_for_the_worse_in_one_transaction_are_one_red_alert_that_is_awaited_once(rig: Rig) -> None:
    finds(rig, saturation(at("03:00")), saturation(at("03:00"), Level.RED_LOW), now=at("03:00"))
    assert rig.ask("select priority, quiet, step, next_at from alert") == [("red", False, 1, at("03:03"))]
    assert rig.ask("select due_at from deadline where type = 'escalation'") == [(at("03:03"),)]


def bind(rig: Rig, profile: str, *, patient: int | None = None, home: int | None = None, ended: bool = False) -> int:
    with pool.connect(rig.dsn, name="test", autocommit=True) as conn:
        row = conn.execute("insert into device (address, profile) values (%s, %s) returning id", [HELP, profile])
        (device,) = row.fetchone() or (0,)
        end = at("01:00") if ended else "infinity"
        conn.execute(
            "insert into binding (device_id, slot, patient_id, home_id, place, valid_from, valid_to)"
            " values (%s, 0, %s, %s, %s, '2025-01-01Z', %s)",
            [device, patient, home, None if home is None else "hall", end],
        )
    return int(device)


def is_silent(rig: Rig, subject: Subject, rule: str = GATEWAY_SILENT) -> datetime | None:
    """When somebody is called about it."""
    with rig.conn.transaction():
        held = alerts.hold(rig.conn, [subject])
        fault = Fault(subject=subject, rule=rule, at=at("02:00"), cause="silent")
        alerts.apply(rig.conn, alerts.decided(rig.conn, held, [fault], at("02:00")), at("02:00"))
    return rig.one("select next_at from alert order by id desc limit 1")  # type: ignore[no-any-return]


@pytest.mark.parametrize("profile", ["pendant", "bthome_sos", "bthome_fall"])
def test_a_gateway_where_somebodys_alarm_hangs_is_not_silent_for_long(rig: Rig, profile: str) -> None:
    bind(rig, profile, patient=1)
    assert is_silent(rig, gateway_subject(1, home=1)) == at("02:15")


def test_an_alarm_that_belongs_to_the_home_is_cover_too(rig: Rig) -> None:
    bind(rig, "bthome_sos", home=1)
    assert is_silent(rig, gateway_subject(1, home=1)) == at("02:15")


def test_an_alarm_itself_is_not_silent_for_long_and_another_sensor_calls_nobody(rig: Rig) -> None:
    device = bind(rig, "pendant", patient=1)
    assert is_silent(rig, device_subject(device, patient=1), SENSOR_SILENT) == at("02:15")
    rig.tell("update alert set state = 'ended', next_at = null")
    assert is_silent(rig, device_subject(1, patient=1), SENSOR_SILENT) is None


@pytest.mark.parametrize(
    ("profile", "whose"),
    [("oximeter", {"patient": 1}), ("pendant", {"patient": 2}), ("pendant", {"patient": 1, "ended": True})],
)
def test_a_gateway_where_nobody_has_an_alarm_now_calls_nobody(rig: Rig, profile: str, whose: dict[str, int]) -> None:
    bind(rig, profile, **whose)
    assert is_silent(rig, gateway_subject(1, home=1)) is None


def agree(rig: Rig, hours: ServiceHours | None, *, pathway: str | None = None) -> None:
    chains.set_hours(
        rig.conn,
        1,
        Priority.YELLOW,
        hours,
        municipality=None,
        pathway=pathway,
        by=1,
        now=at("01:00"),
        reason="Avtale",
    )


def test_the_nearest_agreement_about_hours_counts(rig: Rig) -> None:
    agree(rig, ServiceHours(periods=(Period(from_=time(8), to=time(15)),), response="Ring legevakten."))
    agree(rig, ServiceHours(periods=(Period(),)), pathway="kols")
    finds(rig, saturation(at("03:00")), now=at("03:00"))
    assert rig.ask("select quiet, response from alert") == [(False, None)]
    agree(rig, None, pathway="kols")
    team = chains.of_team(rig.conn, 1)
    assert team.hours_of(None, "kols", Priority.YELLOW).response == "Ring legevakten."
    assert chains.of_team(rig.conn, 2).hours_of(None, "kols", Priority.YELLOW).periods[0].from_ == time(8)


def test_a_team_has_chains_of_its_own_by_the_hour(rig: Rig) -> None:
    night = Chain(
        period=Period(from_=time(22), to=time(7)),
        steps=(Step(who=Part.BACKUP, after=timedelta(0)), Step(who=Part.COORDINATOR, after=timedelta(minutes=1))),
    )
    day = Chain(steps=(Step(who=Part.DUTY, after=timedelta(0)),))
    own = Chains(chains=(night, day), unlogged=timedelta(minutes=20), again=timedelta(minutes=2))
    chains.set_chains(rig.conn, 1, Priority.RED, own, by=1, now=at("01:00"), reason="Avtale")
    assert chains.own_chains(rig.conn, 1) == {Priority.RED: own}
    finds(rig, fall(at("02:10")), now=at("02:10"))
    goes_on(rig, at("02:11"))
    goes_on(rig, at("02:13"))
    assert called(rig) == [("02:10", "Ola"), ("02:11", "Siv"), ("02:13", "Siv")]
    chains.set_chains(rig.conn, 1, Priority.RED, None, by=1, now=at("03:00"), reason="Tilbake")
    assert chains.own_chains(rig.conn, 1) == {}


def test_what_stood_red_is_gone_on_with_by_whoever_leads(rig: Rig) -> None:
    """The clock role itself."""
    from server.roles.clock import Clock
    from tests.integration.monitor_rig import LIMIT_S, await_true

    now = datetime.now(UTC)
    rolelife.monitor_hears(rig.conn, now, now, {})
    finds(rig, fall(now), now=now)
    rig.tell("update deadline set due_at = now() where type = 'escalation'")
    clock = Clock(dsn=rig.dsn)
    thread = Thread(target=clock.run)
    thread.start()
    try:
        await_true(lambda: rig.one("select count(*) from alert_call") == 2)
    finally:
        clock.stop()
        thread.join(LIMIT_S)
    assert not thread.is_alive()
