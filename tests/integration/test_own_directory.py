import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.integration.monitor_rig import await_true
from tests.own_directory import own_directory, sweep

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
OWNER = """
import sys
from pathlib import Path
from tests.own_directory import own_directory
with own_directory(Path(sys.argv[1])) as directory:
    (directory / "sockets").mkdir()
    print(directory, flush=True)
    sys.stdin.read()
"""
PARENT = """
import sys
from pathlib import Path
from tests.api_process import ApiProcess
api = ApiProcess(sys.argv[2], Path(sys.argv[1]))
print(api.pid, api.port, flush=True)
sys.stdin.read()
"""


def started(program: str, *words: str | Path) -> tuple[subprocess.Popen[str], str]:
    """And what it said first."""
    command = [sys.executable, "-c", program, *map(str, words)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stdout is not None
    return process, process.stdout.readline().strip()


def killed(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_what_a_killed_owner_left_is_swept_and_nothing_else(tmp_path):
    others = tmp_path / "somebody-elses"
    others.mkdir()
    process, said = started(OWNER, tmp_path)
    with own_directory(tmp_path) as ours:
        try:
            sweep(tmp_path)
            assert {ours, Path(said), others} == set(tmp_path.iterdir())
        finally:
            killed(process)
        sweep(tmp_path)
        assert {ours, others} == set(tmp_path.iterdir())
    assert [others] == list(tmp_path.iterdir())


def test_an_api_ends_with_a_killed_parent(tmp_path, database):
    process, said = started(PARENT, tmp_path, database.owner)
    try:
        pid, port = map(int, said.split())
        with httpx.Client(trust_env=False, timeout=60) as client:
            assert client.get(f"http://127.0.0.1:{port}/readyz").json() == {"ready": True}
    finally:
        killed(process)
    await_true(lambda: is_gone(pid))


def is_gone(pid: int) -> bool:
    """Or waits for the machine's first process to look at it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
