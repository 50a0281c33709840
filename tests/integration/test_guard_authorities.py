"""A broker while a new authority comes beside the old one, NATS and mosquitto, both real: it trusts both, nobody who is
in is cut off, revoked is who was revoked by either, and what the old one has signed ends with it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from server.store import authority
from server.store.sealing import Seals
from tests.integration.guard_rig import Broker, Shown, enrolled, mosquitto_guarded, nats, revoke, topic
from tests.integration.monitor_rig import await_true
from tests.programs import needed

pytestmark = pytest.mark.integration
A, B, LOST = "gw-anna", "gw-arne", "gw-cupboard"
GUARDED = {"nats": (nats, "door"), "mosquitto": (mosquitto_guarded, ".")}


@pytest.fixture(params=sorted(GUARDED))
def which(request: pytest.FixtureRequest) -> str:
    if request.param == "mosquitto":
        needed("mosquitto")
    return str(request.param)


@pytest.fixture
def home(which: str, own_place: Path) -> Path:
    return own_place / "authorities" / GUARDED[which][1]


@pytest.fixture
def broker(which: str, home: Path, town: Any, signer: None, own_place: Path, free_port: int) -> Iterator[Broker]:
    with GUARDED[which][0](town.owner, own_place / "authorities", free_port) as it:
        yield it


def trusted(home: Path) -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates((home / "authority.pem").read_bytes())


def signer_of(shown: Shown, among: list[x509.Certificate]) -> x509.Certificate:
    ours = x509.load_pem_x509_certificate(shown.pem.encode())
    by = ours.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    (signer,) = (
        each for each in among if each.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest == by
    )
    return signer


def lets_in(broker: Broker, shown: Shown, name: str) -> bool:
    with broker.client(shown, name) as client:
        await_true(lambda: client.accepted.is_set() or client.over.is_set())
        return client.accepted.is_set()


def test_both_are_trusted_and_what_the_old_one_signed_ends_with_it(broker: Broker, home: Path, town: Any) -> None:
    town.sql(
        "insert into gateway (name, home_id, bucket, enrolled) select %s, id, bucket, true from home limit 1", LOST
    )
    (first,) = trusted(home)
    anna, lost = enrolled(town, A), enrolled(town, LOST)
    with broker.client(anna, A) as old, broker.client(lost, LOST) as forgotten:
        old.comes_in().listens(topic(A, "down/receipt"))
        forgotten.comes_in()
        with town.connection() as conn:
            authority.begin(conn, Seals(bytes(32)), datetime.now(UTC))
        await_true(lambda: len(trusted(home)) == 2)
        both = trusted(home)
        (second,) = (each for each in both if each != first)
        arne = enrolled(town, B)
        assert (signer_of(anna, both), signer_of(arne, both)) == (first, second)
        broker.authority = (home / "authority.pem").read_text()
        await_true(lambda: lets_in(broker, arne, B))
        with broker.client(arne, B) as new:
            new.comes_in().listens(topic(B, "down/receipt"))
            assert not old.over.is_set()
            revoke(town, A)
            assert old.over.wait(30)
            assert not lets_in(broker, anna, A)
            assert not new.over.is_set()
        with town.connection() as conn:
            standing = authority.find(conn)
            assert standing is not None
            assert authority.end(conn, standing.oldest, datetime.now(UTC))
        await_true(lambda: trusted(home) == [second])
        assert forgotten.over.wait(30)
        await_true(lambda: not lets_in(broker, lost, LOST))
        assert lets_in(broker, arne, B)
        revoke(town, B)
        await_true(lambda: not lets_in(broker, arne, B))
