"""Who comes into the broker, as whom, and for how long: the same promises for NATS and for mosquitto, both real."""

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from server.store import authority
from tests.integration.edge_trust_rig import Authority
from tests.integration.guard_rig import (
    Broker,
    Shown,
    enrolled,
    mosquitto_guarded,
    nats,
    ours,
    revoke,
    shipped_nats,
    signed_by,
    topic,
)
from tests.integration.monitor_rig import await_true
from tests.programs import needed

pytestmark = pytest.mark.integration

A, B = "gw-anna", "gw-arne"
MONITOR, BULK = "hv_monitor_alarm", "hv_monitor_bulk"
GUARDED = {"nats": nats, "mosquitto": mosquitto_guarded}


@pytest.fixture
def told_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that looks when it was told something, and never by itself."""
    monkeypatch.setattr("server.roles.guard.LOOK_S", 3600.0)


@pytest.fixture(params=sorted(GUARDED))
def broker(
    request: pytest.FixtureRequest, town: Any, signer: None, own_place: Path, free_port: int
) -> Iterator[Broker]:
    if request.param == "mosquitto":
        needed("mosquitto")
    home = own_place / "guarded"
    with GUARDED[request.param](town.owner, home, free_port) as broker:
        yield broker


@pytest.fixture
def anna(broker: Broker, town: Any) -> Shown:
    return enrolled(town, A)


@pytest.fixture
def arne(broker: Broker, town: Any) -> Shown:
    return enrolled(town, B)


def monitor(town: Any, session: str = MONITOR) -> Shown:
    return signed_by(ours(town.owner), session)


def test_what_a_gateway_says_reaches_the_monitor_and_what_is_said_to_it_reaches_the_gateway(
    broker: Broker, town: Any, anna: Shown
) -> None:
    with broker.client(monitor(town), MONITOR) as ward, broker.client(anna, A) as gateway:
        assert ward.comes_in().listens("hv/1/+/+/up/alarm", "hv/1/+/+/up/status") == [True, True]
        assert gateway.comes_in().listens(topic(A, "down/receipt"), topic(A, "down/command")) == [True, True]
        gateway.says(topic(A, "up/alarm"), b"a fall")
        ward.hears(topic(A, "up/alarm"), b"a fall")
        ward.says(topic(A, "down/receipt"), b"stored")
        gateway.hears(topic(A, "down/receipt"), b"stored")


def test_the_configuration_of_nats_that_we_ship_lets_in_by_certificate_alone(
    town: Any, signer: None, own_place: Path, free_port: int
) -> None:
    with shipped_nats(town.owner, own_place / "shipped", free_port) as broker:
        anna = enrolled(town, A)

        def comes_in() -> bool:
            """As a gateway tries until the guard has found the broker."""
            with broker.client(anna, A) as gateway:
                await_true(lambda: gateway.accepted.is_set() or gateway.over.is_set())
                return gateway.accepted.is_set()

        await_true(comes_in)
        with broker.client(anna, A) as gateway, broker.client(anna, B) as another, broker.client(None, A) as nobody:
            assert another.stays_out()
            assert nobody.stays_out()
            assert gateway.comes_in().listens(topic(A, "down/command"), topic(B, "down/command")) == [True, False]


def test_what_was_kept_for_a_gateway_comes_when_it_listens(broker: Broker, town: Any, anna: Shown) -> None:
    with broker.client(monitor(town, BULK), BULK) as ward:
        ward.comes_in().says(topic(A, "down/config"), b"devices", retain=True)
    with broker.client(anna, A) as gateway:
        assert gateway.comes_in().listens(topic(A, "down/config")) == [True]
        gateway.hears(topic(A, "down/config"), b"devices")


def test_nobody_speaks_in_another_ones_name(broker: Broker, town: Any, anna: Shown, arne: Shown) -> None:
    """Nor by a last will."""
    with broker.client(monitor(town), MONITOR) as ward:
        ward.comes_in().listens("hv/1/+/+/up/alarm", "hv/1/+/+/up/status")
        with broker.client(arne, B, will=topic(A, "up/status")) as other:
            other.comes_in().says(topic(A, "up/alarm"), b"not a fall")
            other.says(topic(A, "down/command"), b"nor a command")
            other.says(topic(B, "up/alarm"), b"his own")
            ward.hears(topic(B, "up/alarm"), b"his own")
            other.cut()
        with broker.client(anna, A) as gateway:
            gateway.comes_in().says(topic(A, "up/alarm"), b"after the will")
            ward.hears(topic(A, "up/alarm"), b"after the will")
        assert {said for about, said in ward.heard if about.startswith(topic(A, ""))} == {b"after the will"}


@pytest.mark.parametrize("filter_", ["#", "hv/#", "hv/1/+/+/down/#", topic(A, "down/receipt"), topic(A, "up/alarm")])
def test_nobody_hears_what_is_for_another_one(
    broker: Broker, town: Any, anna: Shown, arne: Shown, filter_: str
) -> None:
    with (
        broker.client(monitor(town), MONITOR) as ward,
        broker.client(arne, B) as other,
        broker.client(anna, A) as gateway,
    ):
        other.comes_in().listens(filter_, topic(B, "down/command"))
        gateway.comes_in().says(topic(A, "up/alarm"), b"a fall")
        ward.comes_in().says(topic(A, "down/receipt"), b"for Anna")
        ward.says(topic(B, "down/command"), b"for Arne")
        other.hears(topic(B, "down/command"), b"for Arne")
        assert {about for about, _ in other.heard} == {topic(B, "down/command")}


def test_nobody_takes_another_ones_session(broker: Broker, town: Any, anna: Shown, arne: Shown) -> None:
    with broker.client(monitor(town), MONITOR) as ward, broker.client(anna, A) as gateway:
        ward.comes_in().listens("hv/1/+/+/up/alarm")
        gateway.comes_in()
        for taken in (A, MONITOR):
            with broker.client(arne, taken) as thief:
                await_true(lambda thief=thief: thief.accepted.is_set() or thief.over.is_set())  # mosquitto: as himself
        gateway.says(topic(A, "up/alarm"), b"still here")
        ward.hears(topic(A, "up/alarm"), b"still here")
        assert not gateway.over.is_set()
        assert not ward.over.is_set()


def test_a_revoked_gateway_is_cut_off_while_it_is_connected_and_stays_out(
    broker: Broker, town: Any, anna: Shown, arne: Shown
) -> None:
    with broker.client(anna, A) as stolen, broker.client(arne, B) as other:
        stolen.comes_in()
        other.comes_in()
        revoke(town, A)
        assert stolen.over.wait(30)
        assert not other.over.is_set(), "and nobody else is"
    with broker.client(anna, A) as stolen:
        assert stolen.stays_out()


def test_who_was_let_in_and_revoked_before_the_guard_looked_is_cut_off(
    told_alone: None, broker: Broker, town: Any
) -> None:
    """Nobody signals the certificate, so the guard hears of it by the gateway's question alone."""
    shown = signed_by(ours(town.owner), A)
    town.sql(
        """with asked as (
               insert into enrolment (code, key, csr, ticket_hash, asked_at, heard_at, state, gateway)
               values ('7K3M-9TQZ-2WXB', 'k', 'r', 't', now(), now(), 'issued', %s) returning id, gateway
           )
           insert into certificate (serial, gateway_id, enrolment_id, certificate, key, not_before, not_after)
           select %s, g.id, asked.id, %s, %s, now() - interval '1 hour', now() + interval '1 day'
           from asked join gateway g on g.name = asked.gateway""",
        *(A, shown.serial, shown.pem, shown.key_hash),
    )
    with broker.client(shown, A) as gateway:
        gateway.comes_in()
        revoke(town, A)
        assert gateway.over.wait(30)


def test_a_broker_that_was_too_busy_to_say_who_is_in_is_asked_again(
    told_alone: None,
    town: Any,
    signer: None,
    own_place: Path,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: Any,
) -> None:
    monkeypatch.setattr("server.doors.nats.ANSWER_LIMIT_S", 0.5)
    with (
        nats(town.owner, own_place / "busy", free_port) as broker,
        broker.client(enrolled(town, A), A) as gateway,
    ):
        gateway.comes_in()
        assert broker.pid is not None
        os.kill(broker.pid, signal.SIGSTOP)
        try:
            revoke(town, A)
            await_true(lambda: "does not answer the guard" in caplog.text)
        finally:
            os.kill(broker.pid, signal.SIGCONT)
        assert gateway.over.wait(30)


def test_the_certificate_before_ends_when_the_next_one_was_used(broker: Broker, town: Any, anna: Shown) -> None:
    """And the line that was opened with the next one goes on."""
    next_ = enrolled(town, A)
    with broker.client(anna, A) as gateway:
        gateway.comes_in()
    with broker.client(next_, A) as gateway:
        gateway.comes_in().listens(topic(A, "down/receipt"))
        with town.connection() as conn:
            conn.execute(
                "update gateway set status = jsonb_build_object('certificate', %s::text) where name = %s",
                (next_.serial, A),
            )
        await_true(lambda: town.one("select why from certificate where serial = %s", anna.serial) == "renewed")

        def is_out() -> bool:
            with broker.client(anna, A) as old:
                await_true(lambda: old.accepted.is_set() or old.over.is_set())
                return not old.accepted.is_set()

        await_true(is_out)
    with broker.client(next_, A) as gateway:
        gateway.comes_in()


def test_what_has_expired_or_is_of_another_authority_stays_out(
    broker: Broker, town: Any, anna: Shown, tmp_path: Path
) -> None:
    """As does who shows nothing; a name alone lets nobody in."""
    own = ours(town.owner)
    expired = signed_by(own, A, datetime.now(UTC) - timedelta(days=91))
    stranger = Authority.made(tmp_path / "stranger").identity(name=A)
    for shown in (expired, Shown(pem=stranger.certificate, key=stranger.key), None):
        with broker.client(shown, A) as client:
            assert client.stays_out()
    with broker.client(anna, A) as client:
        client.comes_in()


def test_the_broker_proves_itself_by_our_authority(broker: Broker, town: Any, anna: Shown, tmp_path: Path) -> None:
    """A gateway that trusts another one says nothing to it."""
    with broker.client(anna, A, trusts=Authority.made(tmp_path / "stranger").pem) as client:
        assert client.stays_out()
    with town.connection() as conn:
        assert authority.told(conn) == broker.authority
