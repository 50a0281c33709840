"""Real clock processes: killed between the acceptance and the signature; and an authority that is another program."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from devices.wire import enrolment
from server.__main__ import main
from server.store import sealing
from tests.integration.care_rig import done, get, send
from tests.integration.clocks_rig import Clocks, ending
from tests.integration.enrol_rig import Box, comes, openssl, signing
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration
SIGNERS = "select count(*) from pg_stat_activity where application_name = 'hjemvakt-signer'"


@pytest.fixture
def clocks(town: Any, tmp_path: Path) -> Iterator[Clocks]:
    sealing.read_or_make(tmp_path / "people.key")
    with ending(Clocks(town.owner, tmp_path / "clock.log", HJEMVAKT_DATA=str(tmp_path))) as made:
        yield made


def accepted(api: Any, town: Any, box: Box) -> str:
    """Its ticket."""
    answer = done(box.asks(api.client()))
    tor = api.signed_in("tor")
    (waits,) = get(tor, "/enrolments")["enrolments"]
    done(send(tor, f"/enrolments/{waits['id']}/accept", home=town.homes["anna"], name="gw-new"))
    return str(answer["ticket"])


def test_a_clock_that_is_killed_between_acceptance_and_signature_leaves_one_certificate_to_the_next(
    api: Any, town: Any, clocks: Clocks, tmp_path: Path
) -> None:
    first = clocks.start()
    await_true(lambda: town.one("select count(*) from authority") == 1)
    before = town.one("select certificate from authority")
    with psycopg.connect(town.owner) as holding:
        holding.execute("lock table certificate in share mode")  # read it may, and not write
        ticket = accepted(api, town, Box(directory=tmp_path / "box"))
        await_true(lambda: town.one(f"{SIGNERS} and wait_event_type = 'Lock'") == 1)
        clocks.kill(first)
    await_true(lambda: town.one(SIGNERS) == 0)
    assert town.sql("select state from enrolment") == [("accepted",)]
    assert town.one("select count(*) from certificate") == 0
    clocks.start()
    issued = comes(api.client(), ticket, "issued")
    assert issued["authority"] == before, "and no other authority"
    assert town.one("select count(*) from certificate") == 1


# ---- an authority that is another program

EXTENSIONS = """basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = {use}
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """What a municipality's own authority may look like: a script around openssl."""
    where = tmp_path / "authority"
    where.mkdir()
    openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", where / "key.pem")
    subject = ("-subj", "/CN=Kommunens CA", "-days", "99")
    openssl("req", "-x509", "-new", "-key", where / "key.pem", *subject, "-out", where / "ca.pem")
    uses(where, "clientAuth")
    script = where / "sign"
    script.write_text(
        """#!/bin/sh
set -e
cd "$(dirname "$0")"
[ "$1" = authority ] && exec cat ca.pem
openssl x509 -req -set_serial 0x$(openssl rand -hex 16) -CA ca.pem -CAkey key.pem -days 30 \\
    -subj "/CN=$2" -extfile extensions 2>/dev/null
"""
    )
    script.chmod(0o700)
    return script


def uses(where: Path, use: str) -> None:
    (where / "extensions").write_text(EXTENSIONS.format(use=use))


def test_another_program_may_be_the_authority_and_its_key_never_comes_here(
    api: Any, town: Any, program: Path, tmp_path: Path
) -> None:
    with signing(town.owner, command=str(program)):
        await_true(lambda: town.one("select count(*) from authority") == 1)
        issued = comes(api.client(), accepted(api, town, Box(directory=tmp_path / "box")), "issued")
    assert issued["authority"] == (program.parent / "ca.pem").read_text()
    assert town.one("select sealed_key from authority") is None
    (tmp_path / "own.pem").write_text(issued["certificate"])
    openssl("verify", "-purpose", "sslclient", "-CAfile", program.parent / "ca.pem", tmp_path / "own.pem")


def test_what_another_program_signs_wrongly_is_no_certificate_and_said_to_the_technician(
    api: Any, town: Any, program: Path, tmp_path: Path
) -> None:
    uses(program.parent, "serverAuth")
    with signing(town.owner, command=str(program)):
        await_true(lambda: town.one("select count(*) from authority") == 1)
        accepted(api, town, Box(directory=tmp_path / "box"))
        await_true(lambda: town.one("select fault from enrolment") != "")
    (waits,) = get(api.signed_in("tor"), "/enrolments")["enrolments"]
    assert waits["state"] == "accepted" and "not for TLS clients" in waits["fault"]
    assert town.one("select count(*) from certificate") == 0


# ---- what a box is born with


def test_a_box_is_born_by_a_command_with_the_fingerprint_that_openssl_says(
    api: Any, town: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HJEMVAKT_DATABASE_URL", town.owner)
    assert main(["authority", "show"]) == 1
    assert "There is no authority yet" in capsys.readouterr().err
    with signing(town.owner):
        await_true(lambda: town.one("select count(*) from authority") == 1)
    assert main(["authority", "show"]) == 0
    shown = capsys.readouterr().out
    assert shown == api.client().get("/api/v1/authority").text
    der = openssl("x509", "-outform", "DER", said=shown.encode())
    expected = openssl("dgst", "-sha256", "-r", said=der).decode().split()[0]
    assert main(["authority", "fingerprint"]) == 0
    assert capsys.readouterr().out == expected + "\n"
    file = tmp_path / "birth.json"
    label = tmp_path / "label.svg"
    given = ["--server", "https://hjemvakt.example/", "--file", str(file), "--label", str(label)]
    born = ["authority", "birth", "gw-born", *given]
    assert main(born) == 0
    code, text = capsys.readouterr().out.split()
    birth = enrolment.decode_birth(file.read_bytes())
    assert (birth.server, birth.authority, birth.code) == ("https://hjemvakt.example", expected, code)
    assert enrolment.decode_birth(text.encode()) == birth
    assert file.stat().st_mode & 0o077 == 0
    assert code in label.read_text() and "gw-born" in label.read_text()
    assert town.sql("select code, gateway from birth") == [(code, "gw-born")]
    assert main(born) == 0
    assert town.one("select count(*) from birth where code <> %s", code) == 1, "the newest code alone"
    assert main(["authority", "birth", "Not A Name", "--server", "https://a"]) == 1
    assert main(["authority", "birth", "gw-born"]) == 1
    assert "--server" in capsys.readouterr().err
