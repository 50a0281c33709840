"""The dashboard's types are generated from the API's own document; a change of one without the other must not pass."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_dashboards_types_are_those_of_the_api() -> None:
    check = subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "bootstrap.py"), "npm", "run", "gen:check", "--silent"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert check.returncode == 0, check.stdout + check.stderr
