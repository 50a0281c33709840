"""mosquitto of Debian, with the configuration that we ship, in a directory and at a port of its own."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.integration.monitor_rig import await_true
from tests.ports import listens
from tests.programs import environment, needed

SHIPPED = Path(__file__).parents[2] / "deploy" / "mosquitto"


@contextmanager
def mosquitto(home: Path, port: int) -> Iterator[Path]:
    """`home` has what the guard brings; the pid file."""
    program = needed("mosquitto")
    pid_file, log = home / "mosquitto.pid", home / "mosquitto.log"
    text = (SHIPPED / "hjemvakt.conf").read_text(encoding="utf-8")
    text = text.replace("/var/lib/hjemvakt-guard", str(home)).replace("/run/mosquitto/mosquitto.pid", str(pid_file))
    text = text.replace("/var/lib/mosquitto/", f"{home}/")
    assert text.count("\nlistener 8883\n") == 1
    text = text.replace("\nlistener 8883\n", f"\nlistener {port} 127.0.0.1\n")
    (home / "hjemvakt.conf").write_text(f"{text}\nlog_dest file {log}\nuser {_user()}\n")
    for name in ("hjemvakt.acl", "nothing.acl"):
        shutil.copy(SHIPPED / name, home / name)
    with log.open("wb") as output:
        broker = subprocess.Popen(
            [program, "-c", home / "hjemvakt.conf"],
            env=environment("mosquitto"),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        await_true(lambda: listens(port) or broker.poll() is not None)
        assert broker.poll() is None, log.read_text()
        yield pid_file
    finally:
        broker.terminate()
        broker.wait(30)


def _user() -> str:
    return "root" if os.geteuid() == 0 else ""
