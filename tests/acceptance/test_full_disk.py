"""The disk of the server is really full: gateways keep what they have, and when there is room all goes on by itself."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from devices.vocabulary import Kind, Observation
from devices.wire.messages import Batch
from tests.acceptance.one_home import ROOT, Process
from tests.integration.ingest_rig import batch
from tests.integration.monitor_rig import Gateway, ask, await_true

pytestmark = [pytest.mark.acceptance, pytest.mark.mounts]

# A disk of its own, that nobody else sees, and that is gone with the last process that does.
ON_A_SMALL_DISK = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=256m tmpfs "$0" && exec "$@"']
FULL_AT = 1 << 16
EACH = 100


class SmallServer:
    def __init__(self, folder: Path) -> None:
        data, self.log = folder / "data", folder / "serve.log"
        data.mkdir()
        ready = folder / "ready.json"
        environment = {"HJEMVAKT_DATA": str(data), "HJEMVAKT_MQTT_PLAIN": "true", "PYTHONPATH": str(ROOT)}
        command = [*ON_A_SMALL_DISK, str(data), sys.executable, "-m", "server", "serve", "--ready-file", str(ready)]
        self.process = Process(name="serve", command=command, log=self.log, environment=environment)
        self.process.start()
        await_true(ready.exists, 60.0)
        told = json.loads(ready.read_text(encoding="utf-8"))
        self.http: str = told["http"]
        self.mqtt_port = int(told["mqtt"].rsplit(":", 1)[1])
        self._as_we_see_it = Path(f"/proc/{self.process.pid}/root") / data.relative_to("/")
        self.dsn: str = told["dsn"].replace(str(data), str(self._as_we_see_it))

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def fill(self) -> None:
        """Again and again: what the server throws away makes room for a moment."""
        handle = os.open(self._as_we_see_it / "filler", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            while shutil.disk_usage(self._as_we_see_it).free > 0:
                os.write(handle, bytes(FULL_AT))
        except OSError:
            return
        finally:
            os.close(handle)

    def make_room(self) -> None:
        (self._as_we_see_it / "filler").unlink()


@pytest.fixture
def small(own_place: Path) -> Iterator[SmallServer]:
    server = SmallServer(own_place)
    yield server
    server.process.stop()


def readings(first: int, began: datetime) -> Batch:
    found = [
        Observation(device="C0:77:00:00:00:01", kind=Kind.SPO2, taken_at=began + timedelta(seconds=number), value=95.0)
        for number in range(first, first + EACH)
    ]
    return batch(found, first=first, gateway="full-disk")


def test_a_server_whose_disk_was_full_takes_everything_by_itself_once_there_is_room(small: SmallServer) -> None:
    began = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
    gateway = Gateway(small.mqtt_port, "full-disk")
    try:
        gateway.send_until_confirmed(readings(1, began))
        waits = readings(1 + EACH, began)
        for _ in range(5):  # what fits into a file that is there already may still be stored
            small.fill()
            try:
                gateway.send_until_confirmed(waits, 2.0)
            except AssertionError:
                break
            waits = readings(waits.last + 1, began)
        else:
            raise AssertionError("the disk is not full")
        await_true(lambda: "make room on the disk" in small.said)
        assert httpx.get(f"{small.http}/healthz", trust_env=False).status_code == 200
        assert "broker has ended" not in small.said, "it would not come up on a full disk"
        small.make_room()
        gateway.send_until_confirmed(waits, 60.0)
        (stored,) = ask(small.dsn, "select count(*), count(distinct taken_at) from device_observation")
        assert stored == (waits.last, waits.last)
    finally:
        gateway.stop()
