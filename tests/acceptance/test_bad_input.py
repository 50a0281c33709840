"""Bad input from every side, met by the real processes: a sentence, a count for the technician; the good goes on."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from devices.vocabulary import ClockTrust, Kind, Observation
from devices.wire.codec import encode
from devices.wire.topics import Channel
from server.alerts.findings import IDENTITY_CONFLICT
from server.roles.broker import EmbeddedBroker
from server.store.embedded import EmbeddedPostgres
from tests.acceptance.one_home import ROOT, Process, Stack, practice, signed_in, stack_of
from tests.integration.ingest_rig import batch
from tests.integration.monitor_rig import Gateway, ask, await_true

pytestmark = pytest.mark.acceptance

GATEWAY, LIAR = "bad-home", "bad-wire"
OXIMETER, STRAP, EAR, STRANGER = (f"C0:77:00:00:00:{number:02}" for number in (1, 2, 3, 99))
DEVICES = [
    {"address": OXIMETER, "profile": "oximeter", "name": "Oksymeter", "garbled": 0.5},
    {"address": STRAP, "profile": "heart_rate", "name": "Pulsbelte"},
    {"address": EAR, "profile": "thermometer", "name": "Termometer", "clock": "never_set"},
]
MEASURE = {"do": "measure", "after_s": 0, "home": GATEWAY, "device": EAR}
EPISODE = {"name": "measure", "at_s": 1, "title": "A thermometer that counts from 1970", "steps": [MEASURE]}


class Town:
    """The whole stack around one home with misbehaving sensors."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        ready = stack.ready()
        self.dsn: str = ready["dsn"]
        self.mqtt_port = int(ready["mqtt"].rsplit(":", 1)[1])
        self.technician = signed_in(stack, ready["http"], "tekniker")

    def technical(self) -> dict[str, Any]:
        found: dict[str, Any] = self.technician.get("/api/v1/technical").json()
        return found

    def refused(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for gateway in self.technical()["gateways"]:
            found |= gateway["refused"]
        return found

    def readings(self, device: str) -> list[tuple[Any, ...]]:
        """(value, taken_at, clock) of a device of the patient."""
        rows = ask(self.dsn, "select address, value, taken_at, clock from observation join device on device_id = id")
        return [row[1:] for row in rows if row[0] == device]

    def status(self) -> str:
        config = self.stack.outbox_folder(GATEWAY) / "gateway.toml"
        command = [sys.executable, "-m", "edge", "status", "--config", str(config)]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout


@pytest.fixture(scope="module")
def town(short_dir: Path) -> Iterator[Town]:
    with stack_of(short_dir, practice(GATEWAY, DEVICES, episodes=[EPISODE]), stream_s=0.2) as stack:
        stack.start_homes()
        found = Town(stack)
        with closing(found.technician):
            yield found


@pytest.fixture
def liar(town: Town) -> Iterator[Gateway]:
    it = Gateway(town.mqtt_port, LIAR)
    yield it
    it.stop()


def test_a_sensor_that_sends_garbage_is_counted_and_its_good_readings_still_come(town: Town) -> None:
    await_true(lambda: town.refused().get(OXIMETER, 0) >= 5)
    await_true(lambda: len(town.readings(OXIMETER)) >= 5 and len(town.readings(STRAP)) >= 5)
    assert STRAP not in town.refused()
    await_true(lambda: "messages refused" in town.status())
    (line,) = [line for line in town.status().splitlines() if "messages refused" in line]
    assert OXIMETER in line


def test_a_thermometer_that_counts_from_1970_has_its_reading_today_and_marked_so(town: Town) -> None:
    await_true(lambda: len(town.readings(EAR)) == 1)
    ((value, taken_at, clock),) = town.readings(EAR)
    assert 36 <= value <= 37
    assert abs(datetime.now(UTC) - taken_at) < timedelta(minutes=5)
    assert clock == ClockTrust.ARRIVAL


def lies() -> Iterator[tuple[bytes, str]]:
    """Message, and what the technician reads about it. The bodies of rows 1 to 3 cannot be read; the rest names no row
    that the server can believe, so the gateway is asked for it again."""

    def said(first: int, **change: object) -> bytes:
        told = json.loads(encode(temperatures(first)))
        told["body"]["observations"] |= change
        return json.dumps(told).encode()

    yield said(1, value=[1e9]), "body:"
    yield said(2, value=["much"]).replace(b'"much"', b"1e999"), "body:"
    yield said(3, taken_at=[0]), "body:"
    yield said(4, value=[float("nan")]), "header:"
    yield said(4, value=[float("inf")]), "header:"
    yield encode(temperatures(4))[:-9], "header:"
    yield b"\x00\xff" * 40, "header:"
    yield encode(temperatures(4, gateway="somebody-else")), "'somebody-else', its topic says 'bad-wire'"


def temperatures(first: int, gateway: str = LIAR) -> Any:
    taken_at = datetime.now(UTC).replace(microsecond=0) + timedelta(milliseconds=first)
    item = Observation(device=STRANGER, kind=Kind.BODY_TEMPERATURE, taken_at=taken_at, value=36.6)
    return batch([item], first=first, gateway=gateway)


def test_messages_that_lie_are_set_aside_with_their_reasons_and_the_good_one_after_them_is_stored(
    town: Town, liar: Gateway
) -> None:
    told = list(lies())
    for payload, _ in told:
        liar.send_bytes(payload, Channel.OBS, LIAR)
    newer = json.loads(encode(temperatures(4))) | {"mood": "good"}
    liar.send_bytes(json.dumps(newer).encode(), Channel.OBS, LIAR)
    liar.await_receipt(lambda receipt: receipt.gateway == LIAR and receipt.bulk == 4)
    page = town.technical()
    reasons = [each["reason"] for each in page["set_aside"] if each["gateway"] == LIAR]
    assert len(reasons) == len(told)
    for _, says in told:
        assert any(says in reason for reason in reasons), (says, reasons)
    assert page["set_aside_count"] == len(told)
    assert page["unassigned"] == {STRANGER: 1}
    await_true(lambda: town.technical()["unknown_fields"] == 1)


def test_two_gateways_with_one_name_are_an_alert_and_the_readings_go_on(town: Town, tmp_path: Path) -> None:
    config = (town.stack.outbox_folder(GATEWAY) / "gateway.toml").read_text(encoding="utf-8")
    kept = [line for line in config.partition("[radio]")[0].splitlines() if not line.startswith("data_dir")]
    (tmp_path / "gateway.toml").write_text(
        "\n".join([*kept, 'data_dir = "."', '[radio]\nvirtual = "tcp:127.0.0.1:1"\n']), encoding="utf-8"
    )
    command = [sys.executable, "-m", "edge", "run", "--config", str(tmp_path / "gateway.toml")]
    twin = Process(name="twin", command=command, log=tmp_path / "twin.log")
    twin.start()
    try:
        await_true(lambda: (IDENTITY_CONFLICT, "raised") in ask(town.dsn, "select rule, state from alert"))
        before = len(town.readings(STRAP))
        await_true(lambda: len(town.readings(STRAP)) > before + 5)
    finally:
        twin.stop()


class Server:
    """`hjemvakt serve` on somebody else's database and broker."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.ready_file, self.log = folder / "ready.json", folder / "serve.log"
        environment = {"HJEMVAKT_DATA": str(folder / "data"), "HJEMVAKT_MQTT_PLAIN": "true", **settings}
        command = [sys.executable, "-m", "server", "serve", "--ready-file", str(self.ready_file)]
        self.process = Process(name="serve", command=command, log=self.log, environment=environment)
        self.process.start()

    def await_words(self, words: str) -> None:
        await_true(lambda: words in self.log.read_text(encoding="utf-8"))


@pytest.fixture
def away(short_dir: Path) -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A database that is not the server's own and does not run, and its address."""
    postgres = EmbeddedPostgres(Path(tempfile.mkdtemp(dir=short_dir)) / "postgres")
    postgres.start()
    dsn = postgres.dsn()
    postgres.stop()
    yield postgres, dsn
    postgres.stop()


def test_database_and_broker_that_come_late_are_waited_for_with_a_sentence_and_a_pause_loses_nothing(
    away: tuple[EmbeddedPostgres, str], short_dir: Path, free_port: int, make_broker: Callable[[int], EmbeddedBroker]
) -> None:
    postgres, dsn = away
    folder = Path(tempfile.mkdtemp(dir=short_dir))
    url = f"mqtt://127.0.0.1:{free_port}"
    server = Server(folder, HJEMVAKT_DATABASE_URL=dsn, HJEMVAKT_MQTT_URL=url)
    try:
        server.await_words("waiting for the database; start it, or correct HJEMVAKT_DATABASE_URL")
        postgres.start()
        server.await_words(f"the broker at 127.0.0.1:{free_port} does not answer; start it, or correct HJEMVAKT_MQTT_U")
        make_broker(free_port)
        await_true(server.ready_file.exists)
        gateway = Gateway(free_port, LIAR)
        gateway.send_until_confirmed(temperatures(1))
        postgres.stop()
        gateway.send(temperatures(2))
        server.await_words("nothing was committed, trying again")
        http = json.loads(server.ready_file.read_text())["http"]
        await_true(lambda: "database does not answer" in httpx.get(f"{http}/readyz", timeout=30).text)
        postgres.start()
        gateway.send_until_confirmed(temperatures(2))
        gateway.stop()
        assert ask(dsn, "select count(*) from device_observation") == [(2,)]
        told = "select (detail #>> '{bulk,reconnects}')::int > 0 from role_life where role = 'monitor'"
        await_true(lambda: ask(dsn, told) == [(True,)])
    finally:
        server.process.stop()
    assert "Traceback" not in server.log.read_text(encoding="utf-8")


@pytest.fixture
def make_broker(short_dir: Path) -> Iterator[Callable[[int], EmbeddedBroker]]:
    made: list[EmbeddedBroker] = []

    def start(port: int) -> EmbeddedBroker:
        made.append(EmbeddedBroker(Path(tempfile.mkdtemp(dir=short_dir)) / "broker", port=port))
        made[-1].start()
        return made[-1]

    yield start
    for broker in made:
        broker.stop()
