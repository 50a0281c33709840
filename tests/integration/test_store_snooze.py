"""Alerts that were put off, in api and database: they ring again whoever dies, and everybody sees until when."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

import psycopg
import pytest

from devices.limits import Level
from devices.vocabulary import EventType, Kind
from server.alerts.findings import HelpCall
from server.alerts.model import patient_subject
from server.detection.findings import Crossing, Evidence, LimitFinding
from server.store import alerts, deadlines, expiry
from tests.integration.care_rig import done, get, refused, send

pytestmark = pytest.mark.integration
HOUR = timedelta(hours=1)


def found(town, name, direction, crossing, at, *, severity=1) -> LimitFinding:
    level = Level.INSIDE if crossing is Crossing.ENDED else Level(severity if direction == "high" else -severity)
    return LimitFinding(
        patient=town.patients[name],
        kind=Kind.GLUCOSE,
        crossing=crossing,
        direction=direction,
        level=level,
        began=at,
        at=at,
        late=False,
        evidence=Evidence(kind=Kind.GLUCOSE, direction=direction, value=15.2, limit=13.9, level=level),
    )


def tell(town, finding, at) -> None:
    """As the monitor does it."""
    subject = patient_subject(finding.patient) if isinstance(finding, LimitFinding) else finding.subject
    with town.connection() as conn:
        held = alerts.hold(conn, [subject])
        alerts.apply(conn, alerts.decided(conn, held, [finding], at), at)


def clock_looks(town, at) -> int:
    conn = town.connection()
    conn.autocommit = True
    try:
        return expiry.expire_due(conn, at, monitor_hears=False)
    finally:
        conn.close()


def screens(town) -> list[tuple[str, bool]]:
    """What the team's screens were told: action, and whether it rang."""
    return town.sql("select body ->> 'action', (body -> 'ring')::boolean from team_log order by seq")


def put_off(client, alert, rev, until, *, reason="spiser middag"):
    return send(client, f"/alerts/{alert}/snooze", rev=rev, until=until.isoformat(), reason=reason)


@pytest.fixture
def now():
    return datetime.now(UTC)


@pytest.fixture(autouse=True)
def agreed(town):
    """Yellow rings whatever the hour is while the tests run."""
    whole_days = '[{"weekdays": [1, 2, 3, 4, 5, 6, 7], "from": "00:00", "to": "00:00"}]'
    with psycopg.connect(town.owner) as conn:
        conn.execute(
            "insert into service_hours (team_id, priority, periods, set_by, set_at, reason) "
            "select id, 'yellow', %s, (select min(id) from staff), now(), 'test' from team",
            (whole_days,),
        )


@pytest.fixture
def high(town, now) -> int:
    """Arne's blood sugar is yellow high; the alert's number."""
    tell(town, found(town, "arne", "high", Crossing.BEGAN, now), now)
    return town.one("select id from alert")


def test_it_rings_again_by_itself_for_every_screen_when_the_time_is_up(town, kari, high, now):
    until = now + 2 * HOUR
    assert done(put_off(kari, high, 1, until))["owner"]["name"] == "Kari"
    assert clock_looks(town, until - timedelta(seconds=1)) == 0
    assert clock_looks(town, until) == 1
    assert screens(town) == [("raised", True), ("snoozed", False), ("snooze_over", True)]
    shown = get(kari, f"/alerts/{high}")
    assert (shown["alert"]["state"], shown["alert"]["owner"], shown["alert"]["snoozed_until"]) == ("raised", None, None)
    assert [(entry["action"], entry["note"]) for entry in shown["history"]][1] == ("snoozed", "spiser middag")
    (lease,) = shown["snoozes"]
    assert (lease["by"]["name"], lease["up_to"], lease["ended_by"], lease["ended_because"]) == (
        "Kari",
        "yellow",
        None,
        "snooze_over",
    )
    assert clock_looks(town, until + HOUR) == 0
    assert town.sql("select from deadline where type = 'snooze'") == []


def test_every_screen_of_the_team_sees_until_when_and_by_whom(town, api, kari, high, now):
    until = now + HOUR
    done(put_off(kari, high, 1, until))
    (shown,) = get(api.signed_in("ola"), "/board")["alerts"]
    assert datetime.fromisoformat(shown["snoozed_until"]) == until
    assert shown["owner"]["name"] == "Kari"
    history = get(kari, f"/alerts/{high}")["history"]
    assert datetime.fromisoformat(history[-1]["until"]) == until


def test_the_same_again_is_kept_and_makes_no_sound_and_low_rings(town, kari, high, now):
    done(put_off(kari, high, 1, now + 4 * HOUR))
    tell(town, found(town, "arne", "high", Crossing.ENDED, now + HOUR), now + HOUR)
    tell(town, found(town, "arne", "high", Crossing.BEGAN, now + 2 * HOUR), now + 2 * HOUR)
    tell(town, found(town, "arne", "low", Crossing.BEGAN, now + 3 * HOUR), now + 3 * HOUR)
    assert [ring for _, ring in screens(town)] == [True, False, False, False, True]
    assert town.sql("select rule, state from alert order by id") == [
        ("limit:glucose:high", "acknowledged"),
        ("limit:glucose:low", "raised"),
    ]


def test_red_rings_through_what_was_put_off_as_yellow_and_ends_it(town, kari, high, now):
    done(put_off(kari, high, 1, now + 4 * HOUR))
    tell(town, found(town, "arne", "high", Crossing.WORSE, now + HOUR, severity=2), now + HOUR)
    assert screens(town)[-1] == ("worse", True)
    (lease,) = get(kari, f"/alerts/{high}")["snoozes"]
    assert (lease["ended_because"], lease["ended_by"]) == ("worse", None)
    before = town.head("east")
    assert clock_looks(town, now + 4 * HOUR) == 1  # the deadline is used up, and nobody is told twice
    assert town.head("east") == before


def test_an_outage_does_not_make_a_snooze_longer(town, kari, high, now):
    until = now + HOUR
    done(put_off(kari, high, 1, until))
    with town.connection() as conn:
        deadlines.move_all(conn, now + timedelta(minutes=50))
    assert town.one("select due_at from deadline where type = 'snooze'") == until
    with town.connection() as conn:
        deadlines.move_all(conn, now + 3 * HOUR)
    assert clock_looks(town, now + 3 * HOUR) == 1
    assert screens(town)[-1] == ("snooze_over", True)


def test_a_new_end_takes_the_place_of_the_old_one_also_an_earlier_one(town, kari, high, now):
    done(put_off(kari, high, 1, now + 3 * HOUR))
    done(put_off(kari, high, 2, now + HOUR))
    assert clock_looks(town, now + HOUR) == 1
    assert screens(town)[-1] == ("snooze_over", True)
    leases = get(kari, f"/alerts/{high}")["snoozes"]
    assert [each["ended_because"] for each in leases] == ["snooze_over", "snoozed"]


def test_a_colleague_ends_it_early_and_it_is_in_the_queue_again(town, api, kari, high, now):
    done(put_off(kari, high, 1, now + 3 * HOUR))
    ended = done(send(api.signed_in("ola"), f"/alerts/{high}/snooze/end", rev=2))
    assert (ended["state"], ended["owner"], ended["snoozed_until"]) == ("raised", None, None)
    (lease,) = get(kari, f"/alerts/{high}")["snoozes"]
    assert (lease["ended_by"]["name"], lease["ended_because"]) == ("Ola", "snooze_ended")
    assert screens(town)[-1] == ("snooze_ended", True)


def test_longer_than_the_team_allows_is_refused_and_nothing_is_kept(town, kari, high, now):
    sentence = refused(put_off(kari, high, 1, now + timedelta(hours=12, minutes=5)), 422)
    assert sentence == "Your team puts a yellow alert off for at most 12 hours."
    refused(put_off(kari, high, 1, now - HOUR), 422)
    refused(send(kari, f"/alerts/{high}/snooze", rev=1, until=(now + HOUR).isoformat(), reason=" "), 422)
    refused(send(kari, f"/alerts/{high}/snooze", rev=1, until="2026-11-22T10:00:00", reason="uten sone"), 422)
    assert town.sql("select state, snoozed_until from alert") == [("raised", None)]
    assert town.sql("select from snooze") == []
    assert town.sql("select from deadline where type = 'snooze'") == []


def test_calls_for_help_and_technical_alerts_are_never_put_off(town, kari, now):
    for event in (EventType.SOS, EventType.SMOKE):
        alert = town.press("anna", event)
        assert "never put off" in refused(put_off(kari, alert, 1, now + HOUR), 422)


@pytest.mark.parametrize("statement", [
    "update alert set state = 'acknowledged', owner_id = %s, snoozed_until = now() where rule = 'call:sos'",
    "update alert set snoozed_until = now(), owner_id = %s where rule <> 'call:sos'",
])  # fmt: skip
def test_the_database_itself_puts_off_no_call_for_help_and_nothing_that_nobody_has(town, high, statement):
    town.press("anna")
    with pytest.raises(psycopg.errors.CheckViolation):
        town.sql(statement, town.staff["kari"])


def test_a_team_decides_how_long_and_that_is_kept_with_who_and_why(town, api, kari, high, now):
    siv, team = api.signed_in("siv"), town.teams["east"]
    limits = get(siv, f"/teams/{team}/snooze")
    assert [(each["priority"], each["most_min"], each["set_by"]) for each in limits["limits"]] == [
        ("yellow", 720, None),
        ("red", 0, None),
    ]
    wish = {"rev": limits["rev"], "priority": "yellow", "most_min": 60, "reason": "natt"}
    assert "Your role" in refused(send(kari, f"/teams/{team}/snooze", **wish), 403)
    decided = done(send(siv, f"/teams/{team}/snooze", **wish))
    assert (decided["limits"][0]["most_min"], decided["limits"][0]["set_by"]["name"]) == (60, "Siv")
    assert "changed after your screen" in refused(send(siv, f"/teams/{team}/snooze", **wish), 409)
    assert "at most 60 minutes" in refused(put_off(kari, high, 1, now + 2 * HOUR), 422)
    done(put_off(kari, high, 1, datetime.now(UTC) + timedelta(minutes=59)))


def test_nobody_sees_what_another_team_has_put_off(town, api, kari, high, now):
    done(put_off(kari, high, 1, now + HOUR))
    berit = api.signed_in("berit")
    assert "None of your teams" in refused(berit.get(f"/api/v1/alerts/{high}"), 404)
    assert "None of your teams" in refused(berit.get(f"/api/v1/teams/{town.teams['east']}/snooze"), 404)
    with town.connection() as conn:
        conn.execute("set local role hjemvakt_api")
        conn.execute("select set_config('hjemvakt.staff', %s, true)", (str(town.staff["berit"]),))
        for table in ("snooze", "snooze_setting", "deadline"):
            assert conn.execute(f"select from {table}".encode()).fetchall() == []


def test_two_nurses_and_the_monitor_at_once_leave_one_truth(town, api):
    """Many times over: each nurse does what she can while calls come in; nobody waits for ever, no server error, and
    history has every revision once."""
    nurses = [api.signed_in(login) for login in ("kari", "ola")]
    alert = town.press("anna")
    together = Barrier(3)
    subject = patient_subject(town.patients["anna"], home=town.homes["anna"])

    def nurse(client) -> list[int]:
        together.wait()
        statuses = []
        for deed, wish in (
            ("acknowledge", {}),
            ("on-my-way", {}),
            ("there", {}),
            ("note", {"note": "x"}),
            ("contact", {}),
            ("release", {}),
        ) * 3:
            rev = get(client, f"/alerts/{alert}")["alert"]["rev"]
            answer = send(client, f"/alerts/{alert}/{deed}", rev=rev, **wish)
            statuses.append(answer.status_code)
        return statuses

    def monitor() -> list[int]:
        together.wait()
        for _ in range(12):
            at = datetime.now(UTC)
            tell(town, HelpCall(subject=subject, type=EventType.SOS, at=at, late=False), at)
        return []

    with ThreadPoolExecutor(3) as threads:
        running = [threads.submit(nurse, client) for client in nurses] + [threads.submit(monitor)]
        statuses = [status for each in running for status in each.result(timeout=60)]
    assert set(statuses) <= {200, 409}
    assert 200 in statuses
    (rev,) = town.sql("select rev from alert")
    history = town.sql("select rev from alert_history where alert_id = %s order by rev", alert)
    assert [each for (each,) in history] == list(range(1, rev[0] + 1))
    assert town.head("east") == rev[0]
    assert town.sql("select seq from team_log order by seq") == [(seq,) for seq in range(1, rev[0] + 1)]
    (count,) = town.sql("select count from alert")
    assert count == (13,)
