"""`hjemvakt serve` as it starts when nobody asks for less: MQTT over TLS, for those whom it has let in."""

import os
import signal
from pathlib import Path

import psycopg
import pytest

from devices.wire import codec
from devices.wire.messages import LinkState, Status
from edge.identity import new_key, request
from server import pki
from server.store import authority, signals
from tests.integration.guard_rig import Broker, Shown
from tests.integration.monitor_rig import await_true
from tests.integration.served_rig import START_LIMIT_S, Served, served

pytestmark = pytest.mark.integration

__all__ = ["served"]


A = "gw-anna"
SHOWN = "select status ->> 'certificate' from gateway where name = %s"


def let_in(served: Served) -> Shown:
    """By rows; the routes have tests of their own."""
    key = new_key()
    asked = served.one(
        """with town as (insert into team (name) values ('Nord') returning id),
                house as (insert into home (name, address, team_id, bucket)
                          select 'h', 'a', id, 0 from town returning id)
           insert into enrolment (code, key, csr, ticket_hash, asked_at, heard_at, state, gateway, home_id)
           select '7K3M-9TQZ-2WXB', %s, %s, '\\x01', now(), now(), 'accepted', %s, id from house returning id""",
        *(pki.key_of(request(key)), request(key), A),
    )
    served.one("select pg_notify(%s, '')", signals.Channel.TRUST)
    await_true(lambda: served.one("select count(*) from certificate where enrolment_id = %s", asked) == 1)
    return Shown(pem=served.one("select certificate from certificate where enrolment_id = %s", asked), key=key)


def broker_of(served: Served) -> Broker:
    with psycopg.connect(served.ready()["dsn"]) as conn:
        pem = authority.told(conn)
    assert pem is not None
    assert served.ready()["mqtt"].startswith("mqtts://127.0.0.1:")
    return Broker(port=int(served.ready()["mqtt"].rpartition(":")[2]), authority=pem)


def heartbeat(shown: Shown) -> bytes:
    said = Status(gateway=A, state=LinkState.ONLINE, outbox="0" * 16, started="1" * 16, certificate=shown.serial)
    return codec.encode(said)


def test_a_gateway_that_was_let_in_is_heard_and_another_one_is_not(served: Served) -> None:
    """Through the death of each of those who keep the door."""
    gateway, broker = let_in(served), broker_of(served)
    with broker.client(None, A) as nobody:
        assert nobody.stays_out()
    for killed in (None, "guard", "clock", "broker"):
        if killed is not None:
            _kill(served, killed)
        await_true(lambda: _is_heard(served, broker, gateway), START_LIMIT_S)


def _is_heard(served: Served, broker: Broker, gateway: Shown) -> bool:
    served.one("update gateway set status = '{}', heard_at = null where name = %s returning 1", A)
    with broker.client(gateway, A) as client:
        await_true(lambda: client.accepted.is_set() or client.over.is_set())
        if not client.accepted.is_set():
            return False
        client.says(f"hv/1/0/{A}/up/status", heartbeat(gateway))
        try:
            await_true(lambda: served.one(SHOWN, A) == gateway.serial, 5)
        except AssertionError:
            return False
        return True


def _kill(served: Served, name: str) -> None:
    pid = served.ready()["pids"][name]
    os.kill(pid, signal.SIGKILL)
    await_true(lambda: served.ready()["pids"][name] not in (pid, None))


def test_its_files_are_its_users_alone(served: Served) -> None:
    home = Path(served.environment["HJEMVAKT_DATA"]) / "broker"
    secret = [path for path in home.rglob("*") if path.suffix in (".key", ".pem", ".conf")]
    assert {path.stat().st_mode & 0o077 for path in secret} == {0}
    assert {path.name for path in secret} >= {"guard.key", "certificate.pem", "nats.conf"}
