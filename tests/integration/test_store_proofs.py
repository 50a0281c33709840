"""The daily trial of the alarm path in the database: asked, answered, seen, missed; and who is not blamed."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from devices.vocabulary import NO_DEVICE, Event, EventType
from devices.wire.codec import encode
from devices.wire.messages import Lane, LinkState, Status
from devices.wire.topics import Channel
from server.alerts import proving
from server.store import commands, expiry, proofs, sessions
from tests.conftest import Database
from tests.integration.ingest_rig import OUTBOX, RUN, Rig, arrival, batch, beat, sent

pytestmark = pytest.mark.integration
# 21:59 UTC is one minute to midnight in Oslo in summer: every gateway's minute has come.
EVENING = datetime(2026, 7, 2, 21, 59, tzinfo=UTC)
SOON = EVENING + timedelta(seconds=3)
TOO_LATE = EVENING + proving.ANSWER_WITHIN + timedelta(seconds=1)


def ask_one(rig: Rig, at: datetime = EVENING) -> None:
    """gw-one is there and is asked."""
    rig.file(beat(at=at, every_s=3600), now=at)
    assert proofs.ask(rig.conn, at) == 1


def answer(rig: Rig, at: datetime, *, seq: int = 1) -> None:
    event = Event(device=NO_DEVICE, type=EventType.PROOF, occurred_at=at)
    rig.file(sent(batch([event], lane=Lane.ALARM, first=seq), at=at), now=at)


def expire(rig: Rig, at: datetime) -> None:
    expiry.expire_due(rig.conn, at, monitor_hears=True)


def carried_out(rig: Rig, at: datetime) -> None:
    """The agent says so in its heartbeat."""
    done = [id_ for (id_,) in rig.ask("select id from gateway_command")]
    said = Status(
        gateway="gw-one", state=LinkState.ONLINE, outbox=OUTBOX, started=RUN, hello=False, every_s=3600, done=done
    )
    rig.file(arrival(encode(said), Channel.STATUS, at=at), now=at)


def seen(rig: Rig, dsn: str, login: str, at: datetime) -> None:
    """As the api writes it, in the name of somebody of a team."""
    staff = rig.one("select id from staff where login = %s", login)
    with psycopg.connect(dsn) as conn:
        sessions.identify(conn, staff)
        proofs.see(conn, rig.one("select id from alarm_proof"), at)


def alerts(rig: Rig) -> list[tuple[object, ...]]:
    return rig.ask("select rule, priority, gateway_id, state from alert where rule <> 'technical:gateway_silent'")


def test_each_gateway_that_is_there_is_asked_once_a_day(rig: Rig) -> None:
    ask_one(rig)
    assert proofs.ask(rig.conn, EVENING) == 0
    (said,) = commands.still_open(rig.conn, EVENING).values()
    assert (said[0].gateway, said[1].command) == ("gw-one", "prove")
    rig.file(beat(gateway="gw-two", at=EVENING), now=EVENING)
    assert proofs.ask(rig.conn, EVENING) == 1
    tomorrow = EVENING + timedelta(days=1)
    rig.file(beat(at=tomorrow), now=tomorrow)
    assert proofs.ask(rig.conn, tomorrow) == 2


def test_nobody_is_asked_before_its_minute_of_the_day(rig: Rig) -> None:
    midnight = EVENING + timedelta(minutes=1)
    rig.file(beat(at=midnight), now=midnight)
    its_minute = midnight + timedelta(minutes=proving.minute_of_day("gw-one"))
    assert proofs.ask(rig.conn, its_minute - timedelta(seconds=1)) == 0
    assert proofs.ask(rig.conn, its_minute) == 1


def test_an_answer_is_stored_and_told_to_the_team_without_a_sound_or_a_patient(rig: Rig) -> None:
    ask_one(rig)
    answer(rig, SOON)
    assert rig.ask("select gateway_id, home_id, asked_at, made_at, stored_at, seen_at from alarm_proof") == [
        (1, 1, EVENING, SOON, SOON, None)
    ]
    assert rig.ask("select team_id, type, alert_id, body from team_log where type = 'proof'") == [
        (1, "proof", None, {"proof": 1})
    ]
    assert rig.ask("select * from event") == []
    expire(rig, TOO_LATE)
    assert alerts(rig) == []


def test_an_answer_that_comes_twice_counts_once(rig: Rig) -> None:
    ask_one(rig)
    answer(rig, SOON)
    answer(rig, SOON)
    answer(rig, SOON + timedelta(seconds=9), seq=2)  # a new run of the agent is asked again, and answers again
    assert rig.ask("select stored_at from alarm_proof") == [(SOON,)]
    assert rig.one("select count(*) from team_log where type = 'proof'") == 1


def test_a_gateway_that_has_answered_before_and_does_not_now_is_a_grey_alert_until_it_does(rig: Rig) -> None:
    yesterday = EVENING - timedelta(days=1)
    ask_one(rig, yesterday)
    answer(rig, yesterday + timedelta(seconds=2))
    ask_one(rig)
    expire(rig, TOO_LATE)
    assert alerts(rig) == [("technical:proof_missing", "grey", 1, "raised")]
    answer(rig, TOO_LATE + timedelta(hours=2), seq=2)
    assert alerts(rig) == [("technical:proof_missing", "grey", 1, "ended")]


def test_one_that_says_that_it_did_and_whose_event_does_not_come_is_an_alert_the_first_time_too(rig: Rig) -> None:
    ask_one(rig)
    carried_out(rig, SOON)
    expire(rig, TOO_LATE)
    assert alerts(rig) == [("technical:proof_missing", "grey", 1, "raised")]


def test_an_old_gateway_that_does_not_know_the_command_is_not_blamed(rig: Rig) -> None:
    ask_one(rig)
    expire(rig, TOO_LATE)
    assert alerts(rig) == []
    assert rig.ask("select stored_at from alarm_proof") == [(None,)]


def test_one_that_went_away_meanwhile_is_silent_and_is_asked_again_when_it_is_back(rig: Rig) -> None:
    ask_one(rig)
    carried_out(rig, SOON)
    rig.file(beat(at=SOON, state=LinkState.OFFLINE), now=SOON)
    expire(rig, TOO_LATE)
    assert alerts(rig) == []
    back = EVENING + timedelta(hours=23)
    rig.file(beat(at=back), now=back)
    assert proofs.ask(rig.conn, back) == 1


def test_a_screen_of_the_team_that_shows_it_at_once_proves_the_other_half(rig: Rig, database: Database) -> None:
    rig.tell("insert into staff (login, name, initials, password_hash) values ('per', 'Per Test', 'PT', 'x')")
    rig.tell("insert into staff_team values (1, 1, 'nurse'), (2, 2, 'nurse')")
    ask_one(rig)
    answer(rig, SOON)
    seen(rig, database.api, "per", SOON)
    assert rig.one("select seen_at from alarm_proof") is None, "another team's screen"
    seen(rig, database.api, "kari", SOON + timedelta(seconds=1))
    (found,) = proofs.newest(rig.conn, ["gw-one"]).values()
    assert (found.server_s, found.screen_s) == (3.0, 4.0)


def test_a_screen_that_wakes_up_hours_later_did_not_listen(rig: Rig, database: Database) -> None:
    rig.tell("insert into staff_team values (1, 1, 'nurse')")
    ask_one(rig)
    answer(rig, SOON)
    seen(rig, database.api, "kari", SOON + timedelta(hours=8))
    (found,) = proofs.newest(rig.conn, ["gw-one"]).values()
    assert (found.server_s, found.screen_s) == (3.0, None)
