"""The smoke run is itself a test: every episode on a screen, every part killed, the books balanced."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.acceptance
@pytest.mark.timeout(480)
def test_every_episode_reaches_a_screen_and_no_kill_loses_or_doubles_a_reading(short_dir: Path) -> None:
    run = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "smoke.py")],
        env={**os.environ, "HJEMVAKT_DATA": str(short_dir / "smoke"), "PATIENCE": "4"},
        capture_output=True,
        text=True,
        check=False,
    )
    print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "smoke: all right" in run.stdout
