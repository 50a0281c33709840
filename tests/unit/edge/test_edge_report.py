"""What `hjemvakt-gateway status` tells a technician."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from devices.vocabulary import Event, EventType
from devices.wire.messages import Lane
from edge import status_file
from edge.config import Config, parse
from edge.lock import alone_in
from edge.outbox import Outbox
from edge.report import report
from edge.status_file import DeviceLine, StatusFile

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
GATEWAY = "hv-0001"
STRAP = DeviceLine(
    address="C0:00:00:00:00:01",
    name="belte",
    profile="heart_rate",
    state="connected",
    seen_at=NOW - timedelta(seconds=3),
    battery_percent=77,
    refused=2,
    rssi_dbm=-61,
    model="Polar H10 3.1.1",
)
FINE = StatusFile(
    gateway=GATEWAY,
    outbox="0123456789abcdef",
    pid=77,
    at=NOW - timedelta(seconds=5),
    connected=True,
    receipt_at=NOW - timedelta(seconds=12),
    waiting_alarm=0,
    waiting_bulk=0,
    set_aside=0,
    devices=[STRAP],
    troubles=[],
    config=7,
    adapters=["hci0"],
)


@dataclass
class Machine:
    data_dir: Path
    runs: bool = True
    lines: list[str] = field(default_factory=list)

    @property
    def config(self) -> Config:
        said = f'gateway = "{GATEWAY}"\nbucket = 0\nmqtt = "mqtt://127.0.0.1"\ndata_dir = "."\n'
        return parse(said, self.data_dir / "gateway.toml")

    def says(self, status: StatusFile | None = FINE, /, **changes: object) -> tuple[list[str], bool]:
        """The lines that begin with an exclamation mark, and the verdict."""
        if status is not None:
            status_file.write(self.data_dir, msgspec.structs.replace(status, **changes))
        if self.runs:
            with alone_in(self.data_dir):
                words, is_wrong = report(self.config, NOW)
        else:
            words, is_wrong = report(self.config, NOW)
        self.lines = words.splitlines()
        return [line for line in self.lines if line.startswith("!")], is_wrong


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_gateway_in_order_is_told_in_words(machine: Machine) -> None:
    assert machine.says() == ([], False)
    assert machine.lines[:6] == [
        "  Gateway hv-0001: running (pid 77), last word 5 s ago",
        "  Broker: connected",
        "  Last receipt from the server: 12 s ago",
        "  Clock: right",
        "  Configuration: version 7 of the server",
        "  Adapters: hci0",
    ]
    assert (
        "    C0:00:00:00:00:01, belte, heart_rate, Polar H10 3.1.1, seen 3 s ago, signal -61 dBm, connected, "
        "battery 77 %, 2 messages refused"
    ) in machine.lines
    assert machine.lines[-1] == "Nothing is wrong."


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"connected": False}, "! Broker: not connected"),
        ({"receipt_at": None}, "! Last receipt from the server: never"),
        ({"receipt_at": NOW - timedelta(minutes=10)}, "! Last receipt from the server: 10 minutes ago"),
        ({"at": NOW - timedelta(minutes=3)}, "! Gateway hv-0001: running (pid 77), last word 3 minutes ago"),
        ({"config_refused": "no such profile"}, "! A newer configuration is refused: no such profile"),
        ({"troubles": ["no Bluetooth"]}, "!   no Bluetooth"),
    ],
)
def test_what_is_wrong_begins_with_a_mark(machine: Machine, changes: dict[str, object], says: str) -> None:
    marked, is_wrong = machine.says(**changes)
    assert marked == [says]
    assert is_wrong
    assert machine.lines[-1] == "1 line above begins with !: look there."


@pytest.mark.parametrize(
    ("device", "says"),
    [({"battery_percent": 14}, "battery 14 %"), ({"is_bonded": False}, "NOT bonded: pair it")],
)
def test_a_device_that_needs_somebody_begins_with_a_mark(
    machine: Machine, device: dict[str, object], says: str
) -> None:
    ((line,), _) = machine.says(devices=[msgspec.structs.replace(STRAP, **device)])
    assert line.startswith("!   C0:00:00:00:00:01, belte, heart_rate") and says in line


def test_a_button_that_nobody_pressed_yet_is_not_wrong(machine: Machine) -> None:
    silent = msgspec.structs.replace(STRAP, seen_at=None, battery_percent=None, rssi_dbm=None, state="not heard")
    assert machine.says(devices=[silent]) == ([], False)
    assert any("seen never, not heard" in line for line in machine.lines)


def with_an_old_alarm(data_dir: Path) -> None:
    outbox = Outbox(data_dir / "outbox.db")
    pressed_at = NOW - timedelta(minutes=5)
    outbox.append([(Lane.ALARM, Event(device=STRAP.address, type=EventType.SOS, occurred_at=pressed_at))], pressed_at)
    outbox.close()


def test_an_alarm_that_waits_for_more_than_a_minute_is_wrong(machine: Machine) -> None:
    with_an_old_alarm(machine.data_dir)
    ((line,), _) = machine.says(waiting_alarm=1)
    assert "1 alarms and 0 other rows wait for the server, the oldest since 5 minutes ago" in line


def test_an_alarm_that_the_running_agent_knows_at_the_server_does_not_wait(machine: Machine) -> None:
    with_an_old_alarm(machine.data_dir)
    assert machine.says(waiting_alarm=0) == ([], False)
    assert any("0 alarms and 0 other rows wait for the server, 0 set aside" in line for line in machine.lines)


def test_without_an_agent_that_speaks_the_outbox_itself_says_what_waits(machine: Machine) -> None:
    with_an_old_alarm(machine.data_dir)
    marked, _ = machine.says(waiting_alarm=0, at=NOW - timedelta(minutes=3))
    assert any("1 alarms and 0 other rows wait" in line for line in marked)


def test_a_gateway_that_does_not_run_is_wrong_whatever_its_file_says(machine: Machine) -> None:
    machine.runs = False
    marked, is_wrong = machine.says()
    assert is_wrong
    assert marked[0].startswith("! Gateway hv-0001: NOT running")
    assert marked[1] == "! Broker: not connected"


def test_the_file_of_another_gateway_is_not_ours(machine: Machine) -> None:
    marked, _ = machine.says(gateway="hv-0002")
    assert marked == [f"! No agent has run with data_dir {machine.data_dir} yet."]


def test_a_file_of_an_older_agent_is_understood(machine: Machine) -> None:
    newer = {"every_s", "is_clock_set", "config", "config_refused", "adapters"}
    old = {key: value for key, value in msgspec.to_builtins(FINE).items() if key not in newer}
    for device in old["devices"]:
        for key in ("rssi_dbm", "model", "is_bonded"):
            del device[key]
    (machine.data_dir / "status.json").write_bytes(msgspec.json.encode(old))
    assert machine.says(None) == ([], False)


def test_a_directory_that_can_only_be_read_can_still_be_locked(tmp_path: Path) -> None:
    (tmp_path / "agent.lock").touch()
    (tmp_path / "agent.lock").chmod(0o444)
    with alone_in(tmp_path):
        assert (tmp_path / "agent.lock").stat().st_size == 0
