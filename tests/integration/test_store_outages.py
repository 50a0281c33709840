"""A line fails, and many gateways are silent at once: one alert, and the list of those who have lost their alarm. Times
are those of Norway; the clock is another one in each round, as if it had been started anew."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from server.store import escalations, expiry, outages, pool
from tests.integration.ingest_rig import Rig, beat

pytestmark = pytest.mark.integration

OSLO = ZoneInfo("Europe/Oslo")
HOMES = 12
VALLEY = """
insert into duty (team_id, staff_id, part, from_at) values (1, 1, 'duty', '2026-02-01Z');
insert into staff_team values (1, 1, 'nurse');
insert into home (name, address, team_id, bucket) select 'h' || n, 'Dalen ' || n, 1, 0 from generate_series(1, 12) n;
insert into patient (reference, name, born_on, pathway, team_id, home_id, lives_alone)
select 'v' || n, 'Beboer ' || n, '1940-01-01', 'safety', 1, (select id from home where name = 'h' || n),
       case when n = 2 then false when n = 3 then true end
from generate_series(1, 12) n;
insert into patient (reference, name, born_on, pathway, team_id, home_id)
select 'v4b', 'Ektefelle 4', '1941-01-01', 'safety', 1, id from home where name = 'h4';
insert into gateway (name, home_id, bucket, enrolled, operator)
select 'dal-' || n, (select id from home where name = 'h' || n), 0, true, 'Telenor' from generate_series(1, 12) n;
insert into device (address, profile)
select 'C1:00:00:00:00:0' || n, 'pendant' from generate_series(2, 4) n;
insert into binding (device_id, slot, patient_id, valid_from)
select d.id, 0, p.id, '2025-01-01Z' from device d join patient p on p.reference = 'v' || right(d.address, 1)
where left(d.address, 2) = 'C1';
"""
OUTAGES = """select state, (evidence #>> '{numbers,gateways}')::float, evidence ->> 'place' from alert
             where rule = 'technical:outage'"""
ALONE = "select state, gateway_id from alert where rule = 'technical:gateway_silent' order by id"


def at(clock: str) -> datetime:
    return datetime.combine(date(2026, 2, 3), time.fromisoformat(clock), OSLO).astimezone(UTC)


@pytest.fixture
def rig(rig: Rig) -> Rig:
    rig.tell(VALLEY)
    return rig


def beats(rig: Rig, clock: str, *numbers: int) -> None:
    now = at(clock)
    rig.file(*(beat(at=now, gateway=f"dal-{number}", run=f"{number:016x}") for number in numbers), now=now)


def clock_looks(rig: Rig, *clocks: str) -> None:
    """Each time a clock that knows nothing of the one before."""
    for clock in clocks:
        round_of_the_clock(rig.dsn, at(clock))


def round_of_the_clock(dsn: str, now: datetime) -> None:
    with pool.connect(dsn, name="clock", autocommit=True) as conn:
        while expiry.expire_due(conn, now, monitor_hears=True):
            pass
        while escalations.go_on(conn, now):
            pass
        outages.watch(conn, now)


def called(rig: Rig) -> list[tuple[str, str]]:
    rows = rig.ask("select at, name from alert_call order by at, place")
    return [(f"{when.astimezone(OSLO):%H:%M}", name) for when, name in rows]


def test_a_line_that_fails_at_two_in_the_night(rig: Rig) -> None:
    beats(rig, "02:00", *range(1, HOMES + 1))
    # The line is gone. Two minutes later twelve homes are silent: one alert, without a sound.
    clock_looks(rig, "02:02")
    assert rig.ask(OUTAGES) == [("raised", 12, "Telenor")]
    assert rig.ask(ALONE) == []
    assert rig.ask("select body ->> 'action', body ->> 'ring' from team_log where type = 'alert'") == [
        ("raised", "false")
    ]
    # Three of them have an alarm button. A quarter of an hour is what nobody may be without it at night.
    clock_looks(rig, "02:16")
    assert called(rig) == []
    clock_looks(rig, "02:17")
    assert called(rig) == [("02:17", "Kari Test")]
    # On the list the two come first who have a button and live alone, then who has one and a husband.
    alert = rig.one("select id from alert where rule = 'technical:outage'")
    with pool.connect(rig.dsn, name="test") as conn:
        gateways, patients = outages.of_alert(conn, alert, at("02:17"))
    assert len(gateways) == HOMES
    assert [each.name for each in patients][:4] == ["Beboer 3", "Beboer 2", "Beboer 4", "Beboer 1"]
    assert [(each.has_alarm, each.lives_alone) for each in patients][:4] == [
        (True, True),
        (True, False),  # she has said that she does not
        (True, False),  # two live there
        (False, True),  # the only one of her home
    ]
    # At half past two ten homes are heard again: two are left, and she with the button is one of them.
    beats(rig, "02:30", *(number for number in range(1, HOMES + 1) if number not in (3, 7)))
    clock_looks(rig, "02:30")
    assert rig.ask(OUTAGES) == [("raised", 2, "Telenor")]
    with pool.connect(rig.dsn, name="test") as conn:
        assert outages.of_alert(conn, alert, at("02:30"))[1][0].name == "Beboer 3"
    # Then the last ones: it is over by itself, and nobody is called any more.
    beats(rig, "02:31", *range(1, HOMES + 1))
    clock_looks(rig, "02:31")
    assert rig.ask(OUTAGES) == [("ended", 2, "Telenor")]
    assert rig.one("select count(*) from outage_gateway where back_at is null") == 0
    assert rig.one("select count(*) from deadline where type = 'escalation'") == 0


def test_who_fell_silent_one_by_one_is_told_together_when_it_is_seen_that_they_are_many(rig: Rig) -> None:
    for number in range(1, 7):
        beats(rig, f"02:0{number // 2}", number)
    clock_looks(rig, "02:01:50")
    assert rig.ask(ALONE) == [("raised", rig.one("select id from gateway where name = 'dal-1'"))]
    clock_looks(rig, "02:03", "02:05")
    assert rig.ask(OUTAGES) == [("raised", 6, "Telenor")]
    assert [state for state, _ in rig.ask(ALONE)] == ["ended"] * len(rig.ask(ALONE))
    assert (
        rig.one("select action from alert_history h join alert a on a.id = h.alert_id where h.rev = 2 limit 1")
        == "grouped"
    )


def test_who_lost_her_button_first_waits_no_longer_because_others_fell_silent_after_her(rig: Rig) -> None:
    """Her gateway is silent at 01:58; at 02:02:30 it is seen that it is one of many. The quarter of an hour is hers."""
    beats(rig, "01:56", 3)
    clock_looks(rig, "01:58")
    due = rig.one("select next_at from alert where rule = 'technical:gateway_silent'")
    assert due == at("02:13")
    beats(rig, "02:00:30", 1, 5, 6, 7)
    clock_looks(rig, "02:02:30")
    assert rig.ask(OUTAGES) == [("raised", 5, "Telenor")]
    clock_looks(rig, "02:12:50")
    assert called(rig) == []
    clock_looks(rig, "02:13")
    assert called(rig) == [("02:13", "Kari Test")]


def test_who_joins_an_outage_that_stands_without_a_button_in_it_keeps_the_time_of_her_own(rig: Rig) -> None:
    beats(rig, "01:57:50", 3)
    beats(rig, "02:00", 1, 5, 6, 7, 8)
    rig.tell("update gateway set operator = 'Ice' where name = 'dal-3'")
    clock_looks(rig, "02:00", "02:02")
    assert rig.ask(OUTAGES) == [("raised", 5, "Telenor")]
    assert rig.one("select next_at from alert where rule = 'technical:outage'") is None
    # Somebody registers whose line hers is. With the next one that falls silent she is found to belong to them.
    rig.tell("update gateway set operator = 'Telenor' where name = 'dal-3'")
    beats(rig, "02:02:30", 9)
    clock_looks(rig, "02:04:30")
    assert rig.ask(OUTAGES) == [("raised", 7, "Telenor")]
    clock_looks(rig, "02:15")
    assert called(rig) == [("02:15", "Kari Test")]


def test_two_homes_and_another_operators_home_are_told_each_for_itself(rig: Rig) -> None:
    rig.tell("update gateway set operator = 'Ice' where name = 'dal-1'")
    beats(rig, "02:00", 1, 2, 3)
    clock_looks(rig, "02:02")
    assert rig.ask(OUTAGES) == []
    assert [state for state, _ in rig.ask(ALONE)] == ["raised"] * 3


def test_one_that_somebody_has_already_stays_theirs(rig: Rig) -> None:
    beats(rig, "02:00", 3)
    clock_looks(rig, "02:01:30")
    rig.tell("update alert set state = 'acknowledged', owner_id = 1, acknowledged_at = now(), rev = rev + 1")
    beats(rig, "02:01", 1, 2, 4, 5, 6, 7)
    clock_looks(rig, "02:03")
    assert rig.ask(OUTAGES) == [("raised", 6, "Telenor")]
    assert [state for state, _ in rig.ask(ALONE)] == ["acknowledged"]


def test_one_that_is_silent_again_belongs_to_it_again(rig: Rig) -> None:
    beats(rig, "02:00", *range(1, HOMES + 1))
    clock_looks(rig, "02:02")
    beats(rig, "02:02:30", 1)
    clock_looks(rig, "02:02:31", "02:04:30")
    assert rig.ask(OUTAGES) == [("raised", 12, "Telenor")]
    assert rig.ask(ALONE) == []


def test_a_clock_that_dies_in_the_middle_has_told_nothing_and_the_next_one_tells_of_all(rig: Rig) -> None:
    beats(rig, "02:00", *range(1, HOMES + 1))
    dying = pool.connect(rig.dsn, name="clock")
    expiry.expire_due(dying, at("02:02"), monitor_hears=True)
    dying.close()  # without a commit
    assert rig.ask(OUTAGES) == []
    clock_looks(rig, "02:03", "02:04")
    assert rig.ask(OUTAGES) == [("raised", 12, "Telenor")]
    assert rig.one("select count(*) from outage_gateway") == HOMES


COVERED_BUT_NOBODY_IS_CALLED = """
    select id from alert where rule = 'technical:outage' and state = 'raised'
    and (evidence #>> '{numbers,covering}')::float > 0 and next_at is null"""


def unheard(dsn: str) -> list[str]:
    """Gateways that are silent, and that no open alert tells of."""
    question = """
        select name from gateway g where state = 'silent' and operator <> ''
        and not exists (
            select from alert a left join outage_gateway o on o.alert_id = a.id and o.back_at is null
            where a.state in ('raised', 'acknowledged', 'cleared')
              and (o.gateway_id = g.id or (a.gateway_id = g.id and a.rule = 'technical:gateway_silent')))
        order by name"""
    with psycopg.connect(dsn) as conn:
        return [name for (name,) in conn.execute(question.encode())]


steps = st.lists(
    st.tuples(st.integers(20, 400), st.sets(st.integers(1, HOMES), max_size=HOMES), st.booleans()),
    min_size=1,
    max_size=6,
)


@settings(
    max_examples=15,
    phases=[Phase.generate],  # each step is a database's: to look for a shorter story would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(steps)
def test_whatever_comes_and_goes_nobody_who_is_silent_is_forgotten(rig: Rig, story) -> None:
    rig.tell(
        "truncate outage_gateway, alert_call, notice, team_log, alert_seen, alert_history, alert, deadline cascade;"
        "update gateway set state = 'never', heard_at = null; update team set head = 0;"
        # Of two lines: some fall silent together while others do so alone.
        "update gateway set operator = 'Ice' where name in ('dal-1', 'dal-2', 'dal-3')"
    )
    now = at("02:00")
    for seconds, heard, dies in story:
        now += timedelta(seconds=seconds)
        rig.file(*(beat(at=now, gateway=f"dal-{n}", run=f"{n:016x}") for n in sorted(heard)), now=now)
        if dies:
            dying = pool.connect(rig.dsn, name="clock")
            expiry.expire_due(dying, now, monitor_hears=True)
            dying.close()
        round_of_the_clock(rig.dsn, now)
        assert unheard(rig.dsn) == []
        assert rig.ask(COVERED_BUT_NOBODY_IS_CALLED) == []
        counted = rig.ask(
            """select (evidence #>> '{numbers,gateways}')::float = (
                   select count(*) from outage_gateway o where o.alert_id = alert.id and o.back_at is null)
               from alert where rule = 'technical:outage' and state in ('raised', 'acknowledged')"""
        )
        assert all(same for (same,) in counted)
