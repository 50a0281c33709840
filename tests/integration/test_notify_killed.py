"""Real clock processes with a way out: killed between sending and noting, two side by side, and the road to a phone."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from server.store import notices
from server.store.notices import Call
from tests.integration.clocks_rig import Clocks, ending
from tests.integration.monitor_rig import await_true
from tests.integration.ways_rig import Receiver, receiver

pytestmark = pytest.mark.integration

SECRET = "hemmelig-passord"


@pytest.fixture
def gateway() -> Iterator[Receiver]:
    with receiver() as made:
        yield made


@pytest.fixture
def clocks(town: Any, gateway: Receiver, tmp_path: Path) -> Iterator[Clocks]:
    url = f"json://user:{SECRET}@127.0.0.1:{gateway.port}/send?:to={{to}}&+Idempotency-Key={{id}}"
    settings = {
        "HJEMVAKT_DATA": str(tmp_path),
        "HJEMVAKT_PUBLIC_URL": "https://hjemvakt.kommune.example",
        "HJEMVAKT_SMS_URL": url,
    }
    with ending(Clocks(town.owner, tmp_path / "clock.log", **settings)) as made:
        yield made


def reachable(town: Any, login: str, number: str) -> None:
    town.sql(
        """insert into staff_way (staff_id, way, address, lane, added_at, confirmed_at)
           values (%s, 'sms', %s, 'sms', now(), now())""",
        town.staff[login],
        number,
    )


def call(town: Any, login: str) -> None:
    with town.connection() as conn:
        alert = conn.execute("select max(id) from alert").fetchone()
        notices.call(conn, [Call(alert=alert[0], rev=99, step=9, staff=town.staff[login])], datetime.now(UTC))


def test_a_call_whose_sender_was_killed_before_it_noted_it_goes_out_again_under_the_same_name(
    town: Any, clocks: Clocks, gateway: Receiver
) -> None:
    reachable(town, "kari", "+4790000001")
    town.press("anna")
    call(town, "kari")
    gateway.held.clear()
    first = clocks.start()
    await_true(lambda: len(gateway.got) == 1)
    clocks.kill(first)
    gateway.held.set()
    assert town.sql("select state, tries, next_at > now() from notice where step = 9") == [("waiting", 1, True)]
    town.sql("update notice set next_at = now()")  # the minute in which it was the first one's is over
    clocks.start()
    await_true(lambda: town.sql("select state, tries from notice where step = 9") == [("sent", 2)])
    assert len({request.headers["Idempotency-Key"] for request in gateway.got}) == 1
    assert len(gateway.got) == 2
    assert SECRET not in clocks.said() and "+4790000001" not in clocks.said()


def test_two_clocks_beside_each_other_send_each_call_once_and_one_goes_on_without_the_other(
    town: Any, clocks: Clocks, gateway: Receiver
) -> None:
    for login, number in (("kari", "+4790000001"), ("ola", "+4790000002")):
        reachable(town, login, number)
    town.press("anna")
    first, _ = clocks.start(), clocks.start()
    call(town, "kari")
    await_true(lambda: town.one("select count(*) from notice where state = 'sent'") == 1)
    clocks.kill(first)
    call(town, "ola")
    await_true(lambda: town.one("select count(*) from notice where state = 'sent'") == 2)
    assert [json.loads(request.body)["to"] for request in gateway.got] == ["+4790000001", "+4790000002"]


def test_a_fall_reaches_the_phone_of_whoever_is_on_duty(town: Any, clocks: Clocks, gateway: Receiver) -> None:
    reachable(town, "kari", "+4790000001")
    reachable(town, "ola", "+4790000002")
    on_duty = "insert into duty (team_id, staff_id, part, from_at) values (%s, %s, 'duty', now() - interval '1 h')"
    town.sql(on_duty, town.teams["east"], town.staff["kari"])
    clocks.start()
    alert = town.press("anna")
    await_true(lambda: len(gateway.got) == 1)
    said = json.loads(gateway.got[0].body)
    assert said["to"] == "+4790000001"
    assert said["message"] == f"Rødt varsel i Hjemvakt. Åpne tavlen: https://hjemvakt.kommune.example/varsel/{alert}"
