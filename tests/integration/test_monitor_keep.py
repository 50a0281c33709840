"""What keeps the parts of an installation running goes on whatever happens to one of them."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from server.child.keep import Keeper, Role
from tests.integration.monitor_rig import await_true

pytestmark = pytest.mark.integration

WAITS = [sys.executable, "-c", "import time; time.sleep(600)"]
Keeps = Callable[..., Keeper]


@pytest.fixture
def keeps() -> Iterator[Keeps]:
    with ExitStack() as stack:

        def keep(program: Role, on_restart: Callable[[], None] = lambda: None) -> Keeper:
            keeper = Keeper("part", program, on_restart=on_restart)
            stack.callback(keeper.stop)
            keeper.start()
            return keeper

        yield keep


def told(pid: int | None) -> str:
    """What a process was told of the broker."""
    try:
        given = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((each.decode() for each in given if each.startswith(b"BROKER=")), "")


def test_a_part_that_knows_an_old_address_is_told_the_new_one(tmp_path: Path, keeps: Keeps) -> None:
    known = {"BROKER": "old"}
    part = Role(WAITS, directory=tmp_path, environment=lambda: dict(known))
    keeps(part)
    first = part.pid
    await_true(lambda: told(first) == "BROKER=old")
    known["BROKER"] = "new"
    await_true(lambda: told(part.pid) == "BROKER=new")
    assert part.pid != first


@pytest.mark.parametrize("fault", [RuntimeError("our own"), OSError("disk full")])
def test_a_fault_while_a_part_is_put_back_does_not_end_its_watch(
    tmp_path: Path, keeps: Keeps, fault: Exception
) -> None:
    part = Role(WAITS, directory=tmp_path, environment=dict)
    restarts: list[int | None] = []

    def write_ready_file() -> None:
        restarts.append(part.pid)
        if len(restarts) == 1:
            raise fault

    keeps(part, write_ready_file)
    for times in (1, 2):
        assert part.pid is not None
        os.kill(part.pid, signal.SIGKILL)
        await_true(lambda times=times: len(restarts) == times and part.is_alive())  # type: ignore[misc]
