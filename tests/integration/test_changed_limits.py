"""A limit that staff change reaches readings that keep coming in, and the alert says what it rests on."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest

from devices.limits import Limit
from devices.vocabulary import Kind, Observation
from server.clinical.pathways import Pathway
from server.roles.broker import EmbeddedBroker
from server.roles.clock import Clock
from server.roles.monitor import Monitor
from server.store import facts, settings
from tests.integration.ingest_rig import NOW, OXIMETER, Rig, batch, sent
from tests.integration.monitor_rig import LIMIT_S, Gateway, await_true, running

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)
BELOW_93 = Limit(yellow_low=93)
OPEN_ALERTS = (
    "select priority, (evidence ->> 'limit')::float8, evidence ->> 'reference' from alert where rule = 'limit:spo2:low'"
)
SET = {"by": 1, "now": NOW, "reason": "Dr. Test"}


def measure(rig: Rig, value: float, *, minute: int, seq: int) -> None:
    at = NOW + minute * MINUTE
    rig.file(sent(batch([Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=at, value=value)], first=seq)), now=at)


def test_a_limit_counts_from_when_the_monitor_has_heard_of_it_and_is_named_in_the_alert(rig: Rig) -> None:
    measure(rig, 91, minute=0, seq=1)
    settings.set_limit(rig.conn, 1, Kind.SPO2, BELOW_93, **SET)
    measure(rig, 91, minute=1, seq=2)
    assert rig.ask(OPEN_ALERTS) == []
    rig.watch.forget({2})
    measure(rig, 91, minute=2, seq=3)
    assert rig.ask(OPEN_ALERTS) == []
    rig.watch.forget({1})  # what the signal does
    measure(rig, 91, minute=3, seq=4)
    assert rig.ask(OPEN_ALERTS) == [("yellow", 93, "Personal limit, set 2026-03-02: Dr. Test")]


@pytest.mark.parametrize("looser", [Limit(yellow_low=85), Limit()])
def test_an_alert_ends_with_the_first_reading_inside_the_new_limit_and_stays_for_a_nurse(
    rig: Rig, looser: Limit
) -> None:
    measure(rig, 89, minute=0, seq=1)
    settings.set_limit(rig.conn, 1, Kind.SPO2, looser, **SET)
    rig.watch.forget({1})
    state = "select state, condition_ended_at from alert where rule = 'limit:spo2:low'"
    assert rig.ask(state) == [("raised", None)]
    measure(rig, 89, minute=1, seq=2)
    assert rig.ask(state) == [("cleared", NOW + MINUTE)]


def test_what_is_set_back_leaves_the_pathways_limit(rig: Rig) -> None:
    settings.set_limit(rig.conn, 1, Kind.SPO2, BELOW_93, **SET)
    settings.set_limit(rig.conn, 1, Kind.SPO2, None, **SET)
    measure(rig, 91, minute=0, seq=1)
    assert rig.ask(OPEN_ALERTS) == []


def test_on_oxygen_above_what_was_prescribed_is_an_alert_too(rig: Rig) -> None:
    """CLINICAL.md 3: with 88-92 % prescribed and oxygen yellow above 92, red from 97 on."""
    said = {"by": 1, "at": NOW - MINUTE, "now": NOW - MINUTE}
    facts.say(rig.conn, 1, facts.SaturationRange(low_percent=88, high_percent=92), **said, reason="Dr. Test")
    measure(rig, 97, minute=0, seq=1)
    assert rig.ask("select rule from alert") == []
    facts.say(rig.conn, 1, facts.OxygenAgreed(on=True, litres_per_min=2), **said)
    rig.watch.forget()
    measure(rig, 97, minute=1, seq=2)
    ((rule, priority, reference),) = rig.ask("select rule, priority, evidence ->> 'reference' from alert")
    assert (rule, priority) == ("limit:spo2:high", "red")
    assert reference.startswith("Prescribed 88-92 % on oxygen 2 L/min, 2026-03-02; Echevarria")


def test_a_teams_limit_is_for_all_its_patients_of_that_pathway(rig: Rig) -> None:
    settings.set_pathway_limit(rig.conn, 1, Pathway.KOLS, Kind.SPO2, BELOW_93, **SET)
    settings.set_pathway_limit(rig.conn, 2, Pathway.KOLS, Kind.SPO2, Limit(), **SET)
    measure(rig, 91, minute=0, seq=1)
    assert [priority for priority, _, _ in rig.ask(OPEN_ALERTS)] == ["yellow"]


class Town:
    """A monitor and a clock at work, and a patient who measures all the time."""

    def __init__(self, rig: Rig, gateway: Gateway) -> None:
        self.rig = rig
        self._gateway = gateway
        self._seq = count(1)

    def measures(self, value: float) -> None:
        reading = Observation(device=OXIMETER, kind=Kind.SPO2, taken_at=datetime.now(UTC), value=value)
        seq = next(self._seq)
        self._gateway.send(batch([reading], first=seq))
        self._gateway.await_receipt(lambda receipt: receipt.bulk >= seq)

    def until_an_alert(self, value: float) -> None:
        def is_there() -> bool:
            self.measures(value)
            return bool(self.rig.ask(OPEN_ALERTS))

        await_true(is_there)


@pytest.fixture
def town(rig: Rig, broker: EmbeddedBroker) -> Iterator[Town]:
    clock = Clock(dsn=rig.dsn)
    thread = threading.Thread(target=clock.run)
    thread.start()
    try:
        with running(Monitor(dsn=rig.dsn, mqtt_url=broker.url)):
            gateway = Gateway(broker.port, "gw-one")
            yield Town(rig, gateway)
            gateway.stop()
    finally:
        clock.stop()
        thread.join(LIMIT_S)
        assert not thread.is_alive()


def test_a_limit_set_while_readings_come_in_counts_without_a_restart(town: Town) -> None:
    town.measures(91)
    settings.set_limit(town.rig.conn, 1, Kind.SPO2, BELOW_93, by=1, now=datetime.now(UTC), reason="Dr. Test")
    town.until_an_alert(91)
    assert town.rig.ask(OPEN_ALERTS)[0][:2] == ("yellow", 93)


def test_a_range_that_was_prescribed_for_later_counts_when_its_time_has_come(town: Town) -> None:
    town.measures(91)
    now = datetime.now(UTC)
    begins = now + timedelta(seconds=2)
    range_ = facts.SaturationRange(low_percent=94, high_percent=98)
    facts.say(town.rig.conn, 1, range_, by=1, at=begins, now=now, reason="Dr. Test")
    while datetime.now(UTC) < begins:
        town.measures(91)
        assert town.rig.ask(OPEN_ALERTS) == [] or datetime.now(UTC) >= begins
    town.until_an_alert(91)
    assert town.rig.ask(OPEN_ALERTS)[0][:2] == ("red", 92)
