"""A municipality's own authority, by configuration alone: the clock runs its program, and everything else follows."""

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from server import pki
from server.child import end, spawn
from server.doors import BROKER
from server.doors.nats_settings import CERTIFICATE
from server.pki import CERTIFICATE_LASTS
from server.signing import ASK_AGAIN, TURN_AGAIN
from server.store import authority, parts
from tests.api_process import ENDS, ROOT
from tests.integration.enrol_rig import openssl, signing
from tests.integration.guard_rig import enrolled, mosquitto_guarded, revoke, topic
from tests.integration.monitor_rig import await_true
from tests.programs import needed

pytestmark = pytest.mark.integration
A, B = "gw-anna", "gw-arne"
PROGRAM = """#!/bin/sh
# What a municipality's own authority may look like: the words of the runbook around openssl.
set -e
cd "$(dirname "$0")"
word=$1; shift
echo "$word $*" >> asked
case $word in
authority) [ ! -d new ] || cat new/ca.pem; exec cat ca.pem ;;
revoke)
    while read -r serial; do
        printf 'R\\t491231235959Z\\t250101000000Z\\t%s\\tunknown\\t/CN=gone\\n' "$(even "$serial")"
    done > index.txt
    [ ! -d new ] || (cp index.txt new; cd new; openssl ca -config ../ca.cnf -gencrl -crldays 60)
    exec openssl ca -config ca.cnf -gencrl -crldays 60 ;;
serve) name=$1; shift; use=serverAuth,clientAuth ;;
sign) name=$1; shift; use=clientAuth ;;
esac
newest() { openssl x509 -in new/ca.pem -outform DER | sha256sum | cut -d' ' -f1; }
[ ! -d new ] || [ "$(newest)" != "$HJEMVAKT_SIGN_BY" ] || cd new
{ echo "basicConstraints = critical, CA:FALSE"; echo "keyUsage = critical, digitalSignature"
  echo "extendedKeyUsage = $use"; echo "subjectKeyIdentifier = hash"; echo "authorityKeyIdentifier = keyid"
  names=; for host; do case $host in
      *[!0-9.]*) names="$names${names:+,}DNS:$host" ;;
      *) names="$names${names:+,}IP:$host" ;;
  esac; done
  [ -z "$names" ] || echo "subjectAltName = $names"; } > "extensions.$$"
openssl x509 -req -set_serial 0x$(openssl rand -hex 16) -CA ca.pem -CAkey key.pem -days DAYS \\
    -subj "/CN=$name" -extfile "extensions.$$" 2>/dev/null
"""
EVEN = """even() {
    upper=$(echo "$1" | tr a-f A-F)
    [ $((${#upper} % 2)) = 0 ] && echo "$upper" || echo "0$upper"
}
"""
CA_CONFIG = """[ca]
default_ca = own
[own]
database = index.txt
certificate = ca.pem
private_key = key.pem
default_md = sha256
"""


def made(where: Path, name: str) -> None:
    where.mkdir()
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", where / "key.pem")
    subject = ("-subj", f"/CN={name}", "-days", "99")
    openssl("req", "-x509", "-new", "-key", where / "key.pem", *subject, "-out", where / "ca.pem")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    where = tmp_path / "authority"
    made(where, "Kommunens CA")
    (where / "ca.cnf").write_text(CA_CONFIG)
    script = where / "sign"
    text = PROGRAM.replace("set -e\n", f"set -e\n{EVEN}", 1)
    script.write_text(text.replace("DAYS", str(CERTIFICATE_LASTS.days)))
    script.chmod(0o700)
    return script


@pytest.fixture
def clock(town: Any, program: Path, tmp_path: Path) -> Iterator[None]:
    """The role as it is started, told by its environment."""
    given = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(ROOT),
        "HJEMVAKT_DATABASE_URL": town.owner,
        "HJEMVAKT_DATA": str(tmp_path),
        "HJEMVAKT_AUTHORITY_COMMAND": str(program),
    }
    with (tmp_path / "said").open("wb") as said:
        process = spawn(
            [sys.executable, "-P", "-m", "server", "clock"], directory=tmp_path, output=said.fileno(), environment=given
        )
    try:
        await_true(lambda: town.one("select count(*) from authority") == 1)
        yield
    finally:
        end(process, steps=ENDS)


def test_the_broker_and_its_gateways_live_by_it_and_whom_it_revokes_is_out(
    town: Any, clock: None, program: Path, own_place: Path, free_port: int
) -> None:
    needed("mosquitto")
    with mosquitto_guarded(town.owner, own_place / "another", free_port) as broker:
        assert broker.authority.strip() == (program.parent / "ca.pem").read_text().strip()
        anna, arne = enrolled(town, A), enrolled(town, B)
        with broker.client(anna, A) as stolen, broker.client(arne, B) as other:
            assert stolen.comes_in().listens(topic(A, "down/command")) == [True]
            other.comes_in()
            revoke(town, A)
            assert stolen.over.wait(30)
            assert not other.over.is_set()
        with broker.client(anna, A) as stolen:
            assert stolen.stays_out()
    asked = {line.split()[0] for line in (program.parent / "asked").read_text().splitlines()}
    assert asked == {"authority", "sign", "serve", "revoke"}


def vouches(authority: Path, shown: str, where: Path) -> bool:
    """openssl's word."""
    (where / "shown.pem").write_text(shown)
    try:
        openssl("verify", "-CAfile", authority, where / "shown.pem")
    except AssertionError:
        return False
    return True


def test_its_next_certificate_comes_beside_the_one_before_and_nobody_is_shut_out(
    town: Any, program: Path, own_place: Path, free_port: int, tmp_path: Path
) -> None:
    needed("mosquitto")
    later = timedelta()
    old, new, home = program.parent / "ca.pem", program.parent / "new" / "ca.pem", own_place / "turned"
    with ExitStack() as stack:
        with signing(town.owner, command=str(program)):
            broker = stack.enter_context(mosquitto_guarded(town.owner, home, free_port))
            anna, arne = enrolled(town, A), enrolled(town, B)
        made(new.parent, "Kommunens neste CA")
        stack.enter_context(signing(town.owner, command=str(program), now=lambda: datetime.now(UTC) + later))
        await_true(lambda: (home / "authority.pem").read_text().count("BEGIN CERTIFICATE") == 2)
        assert vouches(old, (home / CERTIFICATE).read_text(), tmp_path)
        with broker.client(anna, A, trusts=old.read_text()) as knows_the_old_one:
            knows_the_old_one.comes_in()
        renewed = enrolled(town, B)
        assert vouches(new, renewed.pem, tmp_path) and not vouches(old, renewed.pem, tmp_path)
        assert needing(town) == [A, B], "until it has come in with it"
        with broker.client(renewed, B) as knows_both, broker.client(anna, A) as stolen:
            knows_both.comes_in()
            stolen.comes_in()
            revoke(town, A)
            assert stolen.over.wait(30)
            assert not knows_both.over.is_set()
        town.sql("update certificate set used_at = now() where serial = %s", renewed.serial)
        assert needing(town) == []
        later += TURN_AGAIN
        await_true(lambda: town.one("select ended_at is not null from authority where id = 1") is True, 60)
        await_true(lambda: vouches(new, (home / CERTIFICATE).read_text(), tmp_path), 60)
        with broker.client(renewed, B, trusts=new.read_text()) as knows_the_new_one:
            knows_the_new_one.comes_in()
    assert pki.read(arne.pem).serial != renewed.serial


def needing(town: Any) -> list[str]:
    with town.connection() as conn:
        kept = authority.find(conn)
        assert kept is not None
        return [each.name for each in authority.needing(conn, kept.oldest, datetime.now(UTC))]


def test_a_new_certificate_of_its_is_noticed_while_the_clock_runs(town: Any, program: Path) -> None:
    later = timedelta()
    with signing(town.owner, command=str(program), now=lambda: datetime.now(UTC) + later):
        await_true(lambda: town.one("select count(*) from authority") == 1)
        made(program.parent / "new", "Kommunens neste CA")
        later += ASK_AGAIN
        await_true(lambda: town.one("select count(*) from authority where ended_at is null") == 2)


def test_what_it_signs_by_the_other_one_of_two_is_no_certificate(town: Any, program: Path) -> None:
    """A broker with a certificate of the new authority would be a stranger to each gateway that knows the old one."""
    made(program.parent / "new", "Kommunens neste CA")
    text = program.read_text()
    program.write_text(text.replace('!= "$HJEMVAKT_SIGN_BY" ] || cd new', "= none ] || cd new"))
    with signing(town.owner, command=str(program)):
        await_true(lambda: town.one("select count(*) from authority") == 2)
        csr = pki.request(pki.new_key())
        asking = parts.Asking(name=BROKER, key=pki.key_of(csr), csr=csr, hosts=["localhost"])
        with town.connection() as conn:
            parts.ask(conn, asking, datetime.now(UTC))
        await_true(lambda: "of another authority" in (fault(town, asking) or ""))


def fault(town: Any, asking: parts.Asking) -> str | None:
    with town.connection() as conn:
        answer = parts.answer(conn, asking)
    assert answer is None or answer.certificate is None
    return None if answer is None else answer.fault
