"""A gateway has 45 MiB: what it does not use, it does not load."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("heavy", ["cryptography", "numpy", "bleak", "bumble"])
def test_the_profiles_load_no_library_that_a_plain_sensor_does_not_need(heavy: str) -> None:
    code = f"import sys, devices.profiles.explained; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
