"""What Prometheus is told: that it is true of the rows, that it names nobody, and who may read it."""

import json
import re
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from devices.vocabulary import EventType, Kind, Observation
from devices.wire.messages import Lane
from server import metrics
from server.roles.monitor import Monitor
from tests.integration.care_rig import refused
from tests.integration.ingest_rig import OXIMETER, batch
from tests.integration.monitor_rig import Gateway, await_true, running
from tests.integration.walk_entries import NOW

pytestmark = pytest.mark.integration
ELSEWHERE = {"X-Forwarded-For": "192.0.2.7"}  # as a proxy on this machine says it of somebody
PROMISED = (
    "hjemvakt_role_silence_seconds",
    "hjemvakt_receipt_lag_seconds",
    "hjemvakt_outbox_rows",
    "hjemvakt_alert_to_screen_seconds",
    "hjemvakt_alarm_proof_seconds",
    "hjemvakt_gateways",
    "hjemvakt_set_aside_messages",
    "hjemvakt_lost_rows",
    "hjemvakt_alert_waits_seconds",
    "hjemvakt_alerts_unseen",
    "hjemvakt_late",
    "hjemvakt_calls_lost",
)


@pytest.fixture
def said(api) -> Any:
    """The value of a sample; None: it is not there."""

    def ask(name: str, **labels: str) -> float | None:
        text = api.client().get("/metrics").raise_for_status().text
        found = [
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"hjemvakt_{name}" and sample.labels == labels
        ]
        assert len(found) <= 1
        return found[0] if found else None

    return ask


def heartbeat(town, gateway: str, state: str, **status: Any) -> None:
    town.sql("update gateway set state = %s, status = %s where name = %s", state, json.dumps(status), gateway)


def lane(messages: int, within: list[int], lag_s: float) -> dict[str, Any]:
    counts = {"messages": messages, "readings": 20 * messages, "turned_away": 3, "unknown_fields": 1}
    return counts | {"within": within, "lag_s": lag_s}


def test_it_says_what_each_promise_stands_at(api, town, said):
    heartbeat(town, "gw-anna", "online", waiting_alarm=2, waiting_bulk=40, troubles=["deaf"])
    heartbeat(town, "gw-berta", "silent", waiting_bulk=500)
    gateway = town.one("select id from gateway where name = 'gw-anna'")
    town.sql("insert into lost_rows values (%s, 'aa', 'bulk', 11, 15, 'thinned', now())", gateway)
    for age in ("1 minute", "2 days"):
        town.sql("insert into set_aside (at, topic, reason, payload) values (now() - %s::interval, 't', 'r', 'p')", age)
    depot = (
        "insert into gateway (name, bucket, enrolled, state, depot_team_id) values ('gw-depot', 0, true, 'silent', %s)"
    )
    town.sql(depot, town.teams["east"])
    assert (said("gateways", state="online"), said("gateways", state="silent")) == (1, 1)
    assert said("gateways_troubled") == 1
    assert (said("outbox_rows", lane="alarm"), said("outbox_rows", lane="bulk")) == (2, 540)
    assert said("outbox_rows_most", lane="bulk") == 500
    assert said("lost_rows") == 5
    assert (said("set_aside_messages"), said("set_aside_last_hour_messages")) == (2, 1)


def test_an_alert_waits_and_is_unseen_until_a_screen_and_a_nurse_have_it(api, town, said):
    id_ = town.press("anna", EventType.SOS, at=NOW - timedelta(minutes=2))
    raised = town.one("select raised_at from alert where id = %s", id_)
    assert said("alerts_open", priority="red", state="raised") == 1
    assert said("alerts_unseen", priority="red") == 1
    waits = said("alert_waits_seconds", priority="red")
    assert waits > 0 and said("alert_unseen_seconds", priority="red") >= waits
    assert said("alert_to_screen_seconds", quantile="0.5") is None  # none was shown: that is not 0
    row = (id_, town.staff["kari"], raised + timedelta(seconds=4))
    town.sql("insert into alert_seen (alert_id, screen, staff_id, seen_at) values (%s, 's', %s, %s)", *row)
    assert said("alerts_unseen", priority="red") == 0
    assert said("alert_to_screen_seconds", quantile="0.5") == pytest.approx(4)
    town.sql("update alert set state = 'acknowledged', owner_id = %s", town.staff["kari"])
    assert said("alert_waits_seconds", priority="red") == 0
    assert said("alerts_open", priority="red", state="acknowledged") == 1
    town.sql("delete from alert_seen")
    assert said("alerts_unseen", priority="red") == 0  # whoever took it by telephone has it


def test_the_way_of_alarms_is_measured_by_its_daily_trials(api, town, said):
    for number, (stored, seen) in enumerate(((2, 3), (4, None), (None, None))):
        name = f"gw-trial-{number}"
        gateway = town.one("insert into gateway (name, bucket, enrolled) values (%s, 0, true) returning id", name)
        asked = NOW - timedelta(minutes=10)
        at = [None if after is None else asked + timedelta(seconds=after) for after in (stored, seen)]
        town.sql(
            """insert into alarm_proof (gateway_id, day, command, asked_at, stored_at, seen_at)
               values (%s, current_date, 'c', %s, %s, %s)""",
            *(gateway, asked, *at),
        )
    town.sql(
        """insert into alarm_proof (gateway_id, day, command, asked_at, until_at)
           values (%s, current_date, 'tried', %s, %s)""",
        *(gateway, asked, NOW),
    )  # a technician's, at the same gateway
    assert [said("alarm_proofs", outcome=each) for each in ("asked", "stored", "seen")] == [3, 2, 1]
    assert said("alarm_proof_seconds", hop="server", quantile="0.5") == pytest.approx(3)
    assert said("alarm_proof_seconds", hop="server", quantile="1") == pytest.approx(4)
    assert said("alarm_proof_seconds", hop="screen", quantile="1") == pytest.approx(3)


def test_what_nobody_looked_at_in_time_is_counted_with_its_age(api, town, said):
    assert (said("late", what="assessments"), said("late_seconds", what="assessments")) == (0, 0)
    due = NOW - timedelta(minutes=7)
    for kind, faults in ((3, 0), (4, 2)):
        town.sql(
            "insert into assessment (patient_id, kind, due_at, since, rev, faults) values (%s, %s, %s, %s, 1, %s)",
            *(town.patients["anna"], kind, due, due, faults),
        )
    assert said("late", what="assessments") == 1
    assert said("late_seconds", what="assessments") >= 420
    assert said("assessments_failing") == 1


def test_the_monitor_says_how_long_receipts_took(api, town, said):
    detail = {"alarm": lane(5, [4, 0, 0, 1, 0, 0, 0, 0, 0, 0], 0.6), "bulk": lane(2, [0] * 9 + [2], 90.0)}
    alive = NOW - timedelta(seconds=30)
    town.sql(
        "insert into role_life values ('monitor', %s, %s, %s)", alive, alive, json.dumps(detail | {"publisher": {}})
    )
    assert said("role_silence_seconds", role="monitor") >= 30
    assert said("role_silence_seconds", role="clock") is None
    assert said("messages_total", lane="alarm") == 5
    assert said("messages_turned_away_total", lane="bulk") == 3
    assert said("receipt_lag_seconds_bucket", lane="alarm", le="0.05") == 4
    assert said("receipt_lag_seconds_bucket", lane="alarm", le="0.5") == 5
    assert said("receipt_lag_seconds_bucket", lane="bulk", le="30.0") == 0
    assert said("receipt_lag_seconds_count", lane="bulk") == 2
    assert said("receipt_lag_seconds_sum", lane="bulk") == 90


@pytest.mark.parametrize(("lane_of", "name"), [(Lane.ALARM, "alarm"), (Lane.BULK, "bulk")])
def test_the_lag_is_that_of_the_real_monitor(api, town, broker, said, lane_of, name):
    reading = Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=NOW, value=95)
    with running(Monitor(dsn=town.owner, mqtt_url=broker.url)), ExitStack() as stack:
        gateway = Gateway(broker.port, "gw-anna")
        stack.callback(gateway.stop)
        gateway.send_until_confirmed(batch([reading], lane=lane_of, gateway="gw-anna"))
        await_true(lambda: (said("receipt_lag_seconds_count", lane=name) or 0) >= 1)
    assert 0 < said("receipt_lag_seconds_sum", lane=name) < 30


def test_a_monitor_of_the_edition_before_says_no_lag_and_breaks_nothing(api, town, said):
    old = {"messages": 7, "turned_away": 0, "unknown_fields": 0}
    town.sql("insert into role_life values ('monitor', now(), now(), %s)", json.dumps({"alarm": old}))
    assert said("messages_total", lane="alarm") == 7
    assert said("receipt_lag_seconds_count", lane="alarm") is None


def test_every_promise_has_its_figure_and_every_figure_its_words(api):
    text = api.client().get("/metrics").text
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert set(PROMISED) <= set(families)
    for name, family in families.items():
        assert re.fullmatch(r"hjemvakt_[a-z_]+", name) and family.documentation and family.type != "unknown"


def test_the_database_tells_no_figure_that_has_no_name_here_and_no_word_that_no_label_has(api, town):
    """Else it would be left out without a word."""
    alert = town.press("anna", EventType.FALL)
    town.sql("insert into role_life values ('clock', now(), now(), '{}')")
    town.sql(
        """insert into notice
               (purpose, alert_id, rev, step, phone, way, lane, state, made_at, due_at, next_at, ended_at)
           values ('alert', %s, 1, 0, '+4791234567', 'sms', 'sms', 'dead', now(), now(), now(), now())""",
        alert,
    )
    town.sql("insert into monitor values ('m', 'h', now(), now(), true)")
    told = [
        row
        for function in ("installation_figures(now())", "monitor_figures()")
        for row in town.sql(f"select figure, which from {function}")  # noqa: S608
    ]
    assert {figure for figure, _ in told} == set(metrics.GAUGES)
    for figure, which in told:
        labels = metrics.GAUGES[figure].labels.values()
        assert len(which) == len(labels) and all(w in words for w, words in zip(which, labels, strict=True)), figure


def test_no_metric_names_anybody(api, town):
    """Not by label, not by value: a row of each sort of name is there to be told."""
    for name in town.patients:
        heartbeat(town, f"gw-{name}", "silent", troubles=[f"cannot hear the meter of {name}"])
        town.press(name)
        topic = f"hv/1/0/gw-{name}/up/obs"
        town.sql(
            "insert into set_aside (at, gateway, topic, reason, payload) values (now(), %s, %s, %s, %s)",
            *(f"gw-{name}", topic, name, name.encode()),
        )
    text = api.client().get("/metrics").text.lower()
    people = {*town.patients, *town.staff, *town.teams, *town.homes}
    names = [*people, "gw-", "storgata", "p-1", "aa:bb", *(row[0] for row in town.sql("select name from home"))]
    assert [name for name in names if re.search(rf"\b{re.escape(name.lower())}\b", text)] == []
    values = {
        value for family in text_string_to_metric_families(text) for s in family.samples for value in s.labels.values()
    }
    known = {word for gauge in metrics.GAUGES.values() for words in gauge.labels.values() for word in words}
    assert {value for value in values - known if not re.fullmatch(r"[\d.]+|\+inf", value)} == set()


def test_from_this_machine_it_is_open_and_from_elsewhere_it_is_not(api):
    client = api.client()
    assert client.get("/metrics").status_code == 200
    assert refused(client.get("/metrics", headers=ELSEWHERE), 401)
    for header in ("Forwarded", "X-Real-IP"):
        assert refused(client.get("/metrics", headers={header: "for=127.0.0.1"}), 401)


@pytest.mark.parametrize(("login", "status"), [("tore", 200), ("kari", 403)])
def test_of_staff_who_look_after_equipment_may_read_it(api, town, login, status):
    town.add_staff("tore", east="technician")
    assert api.signed_in(login).get("/metrics", headers=ELSEWHERE).status_code == status


@pytest.mark.usefixtures("impatient")
def test_a_database_that_is_away_is_a_figure(database, town):
    from tests.integration.conftest import Api

    lost = Api(database_url="postgresql://nobody@127.0.0.1:1/none")
    lost.start()
    try:
        with httpx.Client(base_url=lost.url, trust_env=False, timeout=60) as client:
            text = client.get("/metrics").raise_for_status().text
    finally:
        lost.stop()
    found = {family.name: family.samples[0].value for family in text_string_to_metric_families(text)}
    assert (found["hjemvakt_database_up"], found["hjemvakt_screens"]) == (0, 0)
    assert "hjemvakt_gateways" not in found


async def test_open_boards_are_counted(api, town, said):
    nurse = api.signed_in("kari")
    board = nurse.get("/api/v1/board").json()
    async with api.live(nurse) as socket:
        await socket.send(
            json.dumps({"type": "hello", "epoch": board["epoch"], "cursors": board["cursors"], "screen": "a" * 16})
        )
        await socket.recv()
        assert said("screens") == 1
    await_true(lambda: said("screens") == 0)
