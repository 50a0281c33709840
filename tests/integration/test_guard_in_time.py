"""What ends or is renewed while gateways are connected, at NATS and at mosquitto, both real."""

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from server.own_certificate import Held, obtain, showing
from server.pki import CERTIFICATE_LASTS
from tests.integration.guard_rig import (
    Broker,
    Client,
    Shown,
    enrolled,
    mosquitto_guarded,
    nats,
    ours,
    revoke,
    signed_by,
    topic,
)
from tests.integration.monitor_rig import LIMIT_S, await_true
from tests.programs import needed

pytestmark = pytest.mark.integration
A, B = "gw-anna", "gw-arne"
DUE = CERTIFICATE_LASTS * 2 / 3 + timedelta(hours=1)
LONGEST_S = 32
ASKED = "select count(*) from part_certificate where name = 'hv_broker'"
# MQTT 3.1.1, 3.1 and 3.2, 3.8 and 3.9: a clean session with a minute's keep-alive; a topic at most once.
CONNECT_ANNA = bytes.fromhex("10 13 0004 4d515454 04 02 003c 0007") + b"gw-anna"
ACCEPTED = bytes.fromhex("20 02 00 00")
LISTEN_TO_RECEIPTS = bytes.fromhex("82 20 0001 001b") + b"hv/1/0/gw-anna/down/receipt\0"
GRANTED = bytes.fromhex("90 03 0001 00")
READ_AGAIN = "the broker has read its settings again"
GUARDED = {"nats": (nats, "door/certificate.pem"), "mosquitto": (mosquitto_guarded, "certificate.pem")}


@pytest.fixture(params=sorted(GUARDED))
def home(request: pytest.FixtureRequest, own_place: Path, free_port: int) -> tuple[str, Path]:
    if request.param == "mosquitto":
        needed("mosquitto")
    return request.param, own_place / "in-time"


@pytest.fixture
def broker(
    home: tuple[str, Path], town: Any, signer: None, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Broker]:
    monkeypatch.setattr("server.roles.guard.LOOK_S", 0.5)
    with GUARDED[home[0]][0](town.owner, home[1], free_port) as it:
        yield it


def shown_by(broker: Broker, shown: Shown) -> int:
    """The serial number that a gateway sees."""
    with _line(broker, shown) as tls:
        return _serial(tls)


@contextmanager
def _line(broker: Broker, shown: Shown) -> Iterator[ssl.SSLSocket]:
    """To the broker, as far as TLS goes."""
    context = showing(Held(certificate=shown.pem, key=shown.key, authority=broker.authority))
    with (
        socket.create_connection(("127.0.0.1", broker.port), timeout=LIMIT_S) as line,
        context.wrap_socket(line, server_hostname="127.0.0.1") as tls,
    ):
        yield tls


def _serial(tls: ssl.SSLSocket) -> int:
    seen = tls.getpeercert(binary_form=True)
    assert seen is not None
    return x509.load_der_x509_certificate(seen).serial_number


def due_until_renewed(file: Path) -> Callable[[], datetime]:
    """The guard's clock: two months ahead as long as its certificate is the one that it had."""
    before = file.read_text()
    return lambda: datetime.now(UTC) + (DUE if file.read_text() == before else timedelta())


def test_the_broker_shows_its_next_certificate_and_goes_on(
    broker: Broker, home: tuple[str, Path], town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is in stays in."""
    anna = enrolled(town, A)
    with broker.client(anna, A) as gateway:
        gateway.comes_in().listens(topic(A, "down/receipt"))
        before = shown_by(broker, anna)
        monkeypatch.setattr("server.roles.guard._now", due_until_renewed(home[1] / GUARDED[home[0]][1]))
        await_true(lambda: shown_by(broker, anna) != before)
        assert _hears(broker, town, gateway)
        assert not gateway.over.is_set()
    with broker.client(anna, A) as gateway:
        gateway.comes_in().listens(topic(A, "down/receipt"))
        assert _hears(broker, town, gateway)


def test_who_has_not_said_its_name_yet_when_nats_reads_its_settings_is_not_thrown_out(
    own_place: Path,
    town: Any,
    signer: None,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It asks the guard about everybody then, also about who has shown a certificate and no CONNECT."""
    caplog.set_level("INFO", "server.doors.nats")
    monkeypatch.setattr("server.roles.guard.LOOK_S", 0.5)
    monkeypatch.setattr("server.doors.nats_settings.AUTH_S", 600)  # how long a CONNECT may be in coming
    home = own_place / "coming"
    with nats(town.owner, home, free_port) as broker:
        anna = enrolled(town, A)
        await_true(lambda: caplog.text.count(READ_AGAIN) == 1)  # what the broker shows from its first day
        with _line(broker, anna) as coming:
            monkeypatch.setattr("server.roles.guard._now", due_until_renewed(home / "door" / "certificate.pem"))
            await_true(lambda: caplog.text.count(READ_AGAIN) == 2)
            coming.sendall(CONNECT_ANNA)
            assert coming.recv(4) == ACCEPTED
            coming.sendall(LISTEN_TO_RECEIPTS)
            assert coming.recv(5) == GRANTED


def test_who_is_revoked_while_nobody_signs_the_brokers_next_certificate_is_cut_off(
    own_place: Path, town: Any, signer: None, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At NATS: the list of who is revoked that mosquitto reads is signed, too."""
    with nats(town.owner, own_place / "unsigned", free_port) as broker:
        anna, arne = enrolled(town, A), enrolled(town, B)
        with broker.client(anna, A) as gateway, broker.client(arne, B) as other:
            gateway.comes_in()
            other.comes_in()
            monkeypatch.setattr("server.own_certificate.parts.answer", lambda *_: None)
            monkeypatch.setattr("server.own_certificate.obtain", partial(obtain, limit_s=600))
            before = town.one(ASKED)
            monkeypatch.setattr("server.roles.guard._now", lambda: datetime.now(UTC) + DUE)
            await_true(lambda: town.one(ASKED) != before)
            revoke(town, A)
            assert gateway.over.wait(30)
            assert not other.over.is_set()


def _hears(broker: Broker, town: Any, gateway: Client) -> bool:
    with broker.client(signed_by(ours(town.owner), "hv_monitor_alarm"), "hv_monitor_alarm") as monitor:
        monitor.comes_in().says(topic(A, "down/receipt"), b"stored")
    gateway.hears(topic(A, "down/receipt"), b"stored")
    return True


def lasting(town: Any, seconds: float) -> Shown:
    """In force, and not for long."""
    ends = datetime.now(UTC) + timedelta(seconds=seconds)
    shown = signed_by(ours(town.owner), A, ends - CERTIFICATE_LASTS)
    town.sql(
        """with asked as (
               insert into enrolment (code, key, csr, ticket_hash, asked_at, heard_at, state, gateway)
               values ('7K3M-9TQZ-2WXB', %s, 'r', %s, now(), now(), 'issued', %s) returning id, gateway
           )
           insert into certificate (serial, gateway_id, enrolment_id, certificate, key, not_before, not_after)
           select %s, g.id, asked.id, %s, %s, now() - interval '1 day', %s
           from asked join gateway g on g.name = asked.gateway""",
        *(shown.serial, shown.serial.encode(), A, shown.serial, shown.pem, shown.key_hash, ends.replace(microsecond=0)),
    )
    return shown


def test_a_gateway_whose_certificate_ends_while_it_is_connected_is_cut_off_and_nobody_else(
    broker: Broker, town: Any
) -> None:
    """On a machine that is so busy that it had ended before the gateway was in, with one that lasts longer."""
    arne = enrolled(town, B)
    with broker.client(arne, B) as other:
        other.comes_in()
        seconds = 2
        while not _comes_in_and_is_cut(broker, lasting(town, seconds)):
            seconds *= 2
            assert seconds <= LONGEST_S
        assert not other.over.is_set()


def _comes_in_and_is_cut(broker: Broker, shown: Shown) -> bool:
    with broker.client(shown, A) as gateway:
        assert gateway.over.wait(30)
        return gateway.accepted.is_set()
