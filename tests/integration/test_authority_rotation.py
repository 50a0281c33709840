"""A new authority comes beside the old one and nobody has to visit a gateway: `hjemvakt serve` with its broker over
TLS, the command, and a real agent."""

import asyncio
import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from devices.wire.enrolment import Birth, encode
from server import pki
from server.doors import BROKER
from server.doors.nats_settings import CERTIFICATE
from server.store import authority, sealing, signals
from tests.integration.agent_rig import agent
from tests.integration.enrol_rig import CODE, OTHER_CODE
from tests.integration.monitor_rig import await_true
from tests.integration.served_rig import Served, served

pytestmark = pytest.mark.integration

__all__ = ["served"]

NAME = "gw-turns"


def written(served: Served, directory: Path) -> Path:
    said = served.run("authority", "fingerprint").stdout.strip()
    birth = Birth(server=served.ready()["http"], authority=said, code=CODE)
    (directory / "birth.json").write_bytes(encode(birth))
    (directory / "data").mkdir()
    config = directory / "gateway.toml"
    config.write_text(
        'birth = "birth.json"\ndata_dir = "data"\nheartbeat_s = 1\n[radio]\nvirtual = "tcp:127.0.0.1:1"\n'
    )
    return config


def lets_in(served: Served) -> None:
    """By rows; the routes have tests of their own. Until it says that it is connected by the first authority."""
    await_true(lambda: served.one("select count(*) from enrolment where state = 'waiting'") == 1)
    served.one(
        """with town as (insert into team (name) values ('Nord') returning id),
                house as (insert into home (name, address, team_id, bucket)
                          select 'h', 'a', id, 0 from town returning id)
           update enrolment set state = 'accepted', gateway = %s, home_id = (select id from house)""",
        NAME,
    )
    served.one("select pg_notify(%s, '')", signals.Channel.TRUST)
    await_true(lambda: shows(served) == "1", 60)


def shows(served: Served) -> str | None:
    """The authority's number of the certificate that the gateway says it is connected by."""
    return str(
        served.one(
            """select c.authority_id from gateway g join certificate c on c.serial = g.status ->> 'certificate'
               where g.name = %s and g.state = 'online' and c.revoked_at is null""",
            NAME,
        )
    )


def trusted_by(directory: Path) -> int:
    kept = json.loads((directory / "data" / "identity.json").read_text())
    return str(kept["authority"]).count("BEGIN CERTIFICATE")


def broker_is_vouched_for_by(served: Served, authorities: str) -> bool:
    port = int(served.ready()["mqtt"].rpartition(":")[2])
    context = ssl.create_default_context(cadata=authorities)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 10) as line,
            context.wrap_socket(line, server_hostname="127.0.0.1"),
        ):
            return True
    except ssl.SSLCertVerificationError:
        return False


async def test_gateways_come_to_a_new_authority_by_themselves_and_the_old_one_ends(
    served: Served, tmp_path: Path
) -> None:
    config = written(served, tmp_path)

    def play() -> None:
        lets_in(served)
        first = served.run("authority", "show").stdout
        assert served.run("authority", "end").returncode != 0, "it is the only one"
        begun = served.run("authority", "begin")
        assert begun.returncode == 0, begun.stderr
        again = served.run("authority", "begin")
        assert again.returncode != 0 and "stands beside the old one already" in again.stderr
        await_true(lambda: shows(served) == "2", 90)
        await_true(lambda: served.one("select ended_at is not null from authority where id = 1") is True, 60)
        assert served.one("select sealed_key is null from authority where id = 1") is True
        second = served.run("authority", "show").stdout
        assert second.count("BEGIN CERTIFICATE") == 1 and second != first
        await_true(lambda: broker_is_vouched_for_by(served, second), 60)
        assert not broker_is_vouched_for_by(served, first)
        assert trusted_by(tmp_path) == 2, "until it renews once more"
        heard = served.one("select heard_at from gateway where name = %s", NAME)
        await_true(lambda: served.one("select heard_at from gateway where name = %s", NAME) > heard, 60)

    async with agent(config):
        await asyncio.to_thread(play)
    log = (tmp_path / "agent.log").read_text()
    assert "enrol this gateway again" not in log


async def test_the_old_authority_does_not_end_while_somebody_needs_it_unless_a_person_says_how_many_are_lost(
    served: Served, tmp_path: Path
) -> None:
    async with agent(written(served, tmp_path)):
        await asyncio.to_thread(lets_in, served)
    await_true(lambda: served.one("select state from gateway where name = %s", NAME) != "online", 60)
    box = served.run("authority", "birth", "gw-in-a-cupboard", "--server", served.ready()["http"])
    assert box.returncode == 0 and OTHER_CODE not in box.stdout
    assert served.run("authority", "begin").returncode == 0
    needed = served.run("authority", "needed").stdout.splitlines()
    assert needed == ["box gw-in-a-cupboard: give it a new birth", f"gateway {NAME}: comes when it is online"]
    refused = served.run("authority", "end")
    assert refused.returncode != 0
    assert "2 would be lost" in refused.stderr and NAME in refused.stderr and "--losing 2" in refused.stderr
    assert served.run("authority", "end", "--losing", "1").returncode != 0
    assert served.one("select count(*) from authority where ended_at is null") == 2
    ended = served.run("authority", "end", "--losing", "2")
    assert (ended.returncode, ended.stdout) == (0, "The old authority has ended. Lost with it: 2.\n")


def ended(served: Served, directory: Path) -> None:
    """Months in the dark: the gateway's certificate and the broker's are over since last week."""
    then = datetime.now(UTC) - pki.CERTIFICATE_LASTS - timedelta(days=7)
    with psycopg.connect(served.ready()["dsn"], autocommit=True) as conn:
        ours = authority.ours(conn, sealing.read(served.place / "data" / "people.key"), then)
    file = directory / "data" / "identity.json"
    kept = json.loads(file.read_text())
    old = pki.issue(ours, pki.request(kept["key"]), NAME, then)
    file.write_text(json.dumps(kept | {"certificate": old.pem}))
    served.one(
        "update certificate set serial = %s, certificate = %s, not_before = %s, not_after = %s",
        *(old.serial, old.pem, old.not_before, old.not_after),
    )
    key = pki.new_key()
    of_broker = pki.issue(ours, pki.request(key), BROKER, then, ["127.0.0.1"])
    served.stop()
    (served.place / "data" / "broker" / CERTIFICATE).write_text(of_broker.pem + key)
    served.start()


async def test_where_every_certificate_has_ended_all_is_well_again_without_a_visit(
    served: Served, tmp_path: Path
) -> None:
    config = written(served, tmp_path)

    async with agent(config):
        await asyncio.to_thread(lets_in, served)
    before = await asyncio.to_thread(served.one, "select max(id) from enrolment")
    await asyncio.to_thread(ended, served, tmp_path)

    def comes_back() -> None:
        await_true(lambda: served.one("select max(id) from enrolment") > before, 60)
        used = "select count(*) from certificate where used_at is not null and not_after > now() and revoked_at is null"
        await_true(lambda: served.one(used) == 1, 60)
        await_true(lambda: shows(served) == "1", 60)

    async with agent(config):
        await asyncio.to_thread(comes_back)
