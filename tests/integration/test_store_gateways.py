from datetime import datetime, timedelta

import pytest

from devices.wire.messages import LinkState
from server.store import expiry, rolelife
from tests.integration.ingest_rig import NOW, OUTBOX, Rig, batch, beat, receipt_of, seconds, sent

pytestmark = pytest.mark.integration

OTHER_OUTBOX = "00000000000000cc"
NEXT_RUN = "00000000000000dd"
GRACE = seconds(75)  # two and a half of the 30 s that the rig's gateways promise


def state(rig: Rig) -> str:
    return str(rig.one("select state from gateway where name = 'gw-one'"))


def open_rules(rig: Rig) -> list[str]:
    return [rule for (rule,) in rig.ask("select rule from alert where state in ('raised', 'acknowledged') order by id")]


def expire(rig: Rig, after: timedelta, *, monitor_hears: bool = True) -> int:
    return expiry.expire_due(rig.conn, NOW + after, monitor_hears=monitor_hears)


def test_a_heartbeat_tells_the_team_that_a_gateway_is_there(rig: Rig) -> None:
    rig.file(beat())
    assert rig.ask("select state, state_since, heard_at from gateway where id = 1") == [("online", NOW, NOW)]
    assert rig.ask("select team_id, type, body from team_log") == [(1, "gateway", {"gateway": "gw-one"})]


def test_a_heartbeat_that_says_nothing_new_is_no_news(rig: Rig) -> None:
    for n in range(3):
        rig.file(beat(at=NOW + seconds(n)))
    assert rig.one("select count(*) from team_log") == 1
    assert rig.ask("select state_since, heard_at from gateway where id = 1") == [(NOW, NOW + seconds(2))]


def test_a_gateway_that_says_hello_is_told_what_is_committed(rig: Rig) -> None:
    rig.file(sent(batch([], first=1, last=3)))
    assert rig.file(beat()).receipts == []
    receipt = receipt_of(rig.file(beat(hello=True)))
    assert (receipt.outbox, receipt.alarm, receipt.bulk) == (OUTBOX, 0, 3)
    assert receipt.epoch == rig.one("select epoch from installation")


def test_the_last_will_marks_at_once_and_alerts_only_at_the_deadline(rig: Rig) -> None:
    rig.file(beat())
    rig.file(beat(state=LinkState.LOST, at=NOW + seconds(5)))
    assert state(rig) == "lost"
    assert expire(rig, GRACE - seconds(1)) == 0
    assert open_rules(rig) == []
    assert expire(rig, GRACE) == 1
    assert open_rules(rig) == ["technical:gateway_silent"]
    assert rig.ask("select began_at, priority from alert") == [(NOW, "grey")]


def test_a_line_that_drops_for_a_moment_alerts_nobody(rig: Rig) -> None:
    rig.file(beat())
    rig.file(beat(state=LinkState.LOST, at=NOW + seconds(5)))
    rig.file(beat(at=NOW + seconds(8)))
    assert expire(rig, GRACE) == 0
    assert (state(rig), open_rules(rig)) == ("online", [])


def test_silence_closes_by_itself_when_the_gateway_is_back(rig: Rig) -> None:
    rig.file(beat())
    expire(rig, GRACE)
    assert state(rig) == "silent"
    rig.file(beat(at=NOW + seconds(300)))
    assert open_rules(rig) == []
    assert rig.ask("select state, condition_ended_at from alert") == [("ended", NOW + seconds(300))]
    assert expire(rig, seconds(300) + GRACE) == 1
    assert rig.one("select count(*) from alert") == 2


def test_a_goodbye_is_not_an_excuse(rig: Rig) -> None:
    rig.file(beat(state=LinkState.OFFLINE))
    assert state(rig) == "offline"
    expire(rig, GRACE)
    assert open_rules(rig) == ["technical:gateway_silent"]


def test_a_will_that_comes_after_the_next_run_is_ignored(rig: Rig) -> None:
    rig.file(beat(), beat(run=NEXT_RUN, at=NOW + seconds(1)), beat(state=LinkState.LOST, at=NOW + seconds(20)))
    assert state(rig) == "online"


def test_a_will_does_not_wake_a_silent_gateway(rig: Rig) -> None:
    rig.file(beat())
    expire(rig, GRACE)
    rig.file(beat(state=LinkState.LOST, at=NOW + seconds(90)))
    assert (state(rig), open_rules(rig)) == ("silent", ["technical:gateway_silent"])
    rig.file(beat(at=NOW + seconds(100)))
    assert open_rules(rig) == []


def test_heartbeats_out_of_a_full_mailbox_do_not_bring_the_deadline_forward(rig: Rig) -> None:
    rig.file(beat(at=NOW))
    rig.file(beat(at=NOW - seconds(60)))
    assert rig.one("select due_at from deadline") == NOW + GRACE


def test_a_gateway_that_promises_to_beat_faster_is_held_to_that(rig: Rig) -> None:
    rig.file(beat(every_s=3600))
    rig.file(beat(at=NOW + seconds(10), every_s=30))
    assert rig.one("select due_at from deadline") == NOW + seconds(10) + GRACE


def test_a_gateway_that_is_no_more_does_not_end_the_watch_over_the_others(rig: Rig) -> None:
    rig.file(beat(), beat(gateway="gw-two"))
    rig.tell("update subject set reference = '999' where reference = '1'")
    assert expire(rig, GRACE) == 2
    assert rig.ask("select rule, gateway_id from alert") == [("technical:gateway_silent", 2)]


def test_two_outboxes_that_take_turns_are_two_gateways_with_one_identity(rig: Rig) -> None:
    for n, outbox in enumerate((OUTBOX, OTHER_OUTBOX, OUTBOX)):
        assert open_rules(rig) == []
        rig.file(beat(outbox=outbox, at=NOW + seconds(n)))
    assert open_rules(rig) == ["technical:identity_conflict"]


def test_a_new_disk_in_a_gateway_is_no_conflict(rig: Rig) -> None:
    for n, outbox in enumerate((OUTBOX, OUTBOX, OTHER_OUTBOX, OTHER_OUTBOX)):
        rig.file(beat(outbox=outbox, at=NOW + seconds(n)))
    assert open_rules(rig) == []


def test_an_identity_conflict_is_over_when_one_of_them_has_kept_quiet(rig: Rig) -> None:
    for n, outbox in enumerate((OUTBOX, OTHER_OUTBOX, OUTBOX)):
        rig.file(beat(outbox=outbox, at=NOW + seconds(n)))
    for n in range(3, 800, 30):
        rig.file(beat(at=NOW + seconds(n)))
    expire(rig, timedelta(minutes=9))
    assert open_rules(rig) == ["technical:identity_conflict"]
    expire(rig, timedelta(minutes=11))
    assert open_rules(rig) == []


def test_a_gateway_that_nobody_enrolled_is_silent_without_an_alert(rig: Rig) -> None:
    rig.file(beat(gateway="gw-unknown"))
    assert expire(rig, GRACE) == 1
    assert rig.one("select state from gateway where name = 'gw-unknown'") == "silent"
    assert rig.one("select count(*) from alert") == 0


def test_nobody_is_silent_while_nobody_listens(rig: Rig) -> None:
    rig.file(beat(), beat(gateway="gw-two"))
    assert expire(rig, timedelta(hours=1), monitor_hears=False) == 0
    assert rig.one("select count(*) from alert") == 0


def test_a_restart_of_the_monitor_raises_one_note_per_team_and_no_silences(rig: Rig) -> None:
    gateways = [f"gw-{n:03}" for n in range(40)]
    for name in gateways:
        rig.tell("insert into gateway (name, home_id, bucket, enrolled) values (%s, 1, 7, true)", name)
    rolelife.monitor_hears(rig.conn, NOW, NOW, {})
    rig.file(*(beat(gateway=name) for name in gateways))
    back = NOW + timedelta(minutes=30)
    rolelife.monitor_hears(rig.conn, back, back, {})
    assert expire(rig, timedelta(minutes=30, seconds=74)) == 0
    assert rig.ask("select team_id, rule, began_at from alert order by team_id") == [
        (1, "technical:monitor_was_down", NOW),
        (2, "technical:monitor_was_down", NOW),
    ]
    assert expire(rig, timedelta(minutes=30) + GRACE) == len(gateways)
    expire(rig, timedelta(minutes=41))
    assert not set(open_rules(rig)) & {"technical:monitor_was_down"}


def test_a_quick_restart_of_the_monitor_is_no_news(rig: Rig) -> None:
    rolelife.monitor_hears(rig.conn, NOW, NOW, {})
    rolelife.monitor_hears(rig.conn, NOW + seconds(10), NOW + seconds(9), {})
    assert rig.one("select count(*) from alert") == 0


def test_a_monitor_that_stays_away_is_told_once(rig: Rig) -> None:
    rolelife.monitor_hears(rig.conn, NOW, NOW, {})
    for n in range(16, 20):
        assert watch(rig, rolelife.MONITOR, n) == NOW
    assert rig.ask("select count(*), max(count) from alert") == [(2, 1)]


def watch(rig: Rig, role: str, after_s: float) -> datetime | None:
    return rolelife.watch(rig.conn, role, NOW + seconds(after_s), watched_since=NOW)


def test_a_monitor_that_never_came_up_is_told_and_gateways_are_not_blamed(rig: Rig) -> None:
    assert watch(rig, rolelife.MONITOR, 15) is None
    assert watch(rig, rolelife.MONITOR, 16) == NOW
    assert rig.ask("select team_id, rule from alert order by 1") == [
        (1, "technical:monitor_was_down"),
        (2, "technical:monitor_was_down"),
    ]
    rolelife.monitor_hears(rig.conn, NOW + seconds(60), NOW, {})
    assert watch(rig, rolelife.MONITOR, 61) is None
    expire(rig, timedelta(minutes=11))
    assert open_rules(rig) == []


def test_a_clock_that_stands_still_is_told_until_it_goes_again(rig: Rig) -> None:
    """Without it no silence would be noticed, and nobody would know."""
    rolelife.clock_leads(rig.conn, NOW, NOW)
    assert watch(rig, rolelife.CLOCK, 15) is None
    assert watch(rig, rolelife.CLOCK, 16) == NOW
    watch(rig, rolelife.CLOCK, 18)
    assert rig.ask("select s.reference, a.count, a.began_at from alert a join subject s on s.id = a.subject_id") == [
        ("clock@1", 1, NOW),
        ("clock@2", 1, NOW),
    ]
    rolelife.clock_leads(rig.conn, NOW + seconds(60), NOW)
    expire(rig, timedelta(minutes=11))
    assert open_rules(rig) == []


def test_a_first_start_is_no_news(rig: Rig) -> None:
    rolelife.monitor_hears(rig.conn, NOW, NOW, {})
    rolelife.clock_leads(rig.conn, NOW, NOW)
    assert rig.one("select count(*) from alert") == 0
