"""A seed is a team's week: staff who forget, processes that die. `make sim-week` plays larger ones."""

from pathlib import Path

import pytest

from tests.sim.week_promises import broken

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1200)]
SEED, FINDINGS = 3, 300


@pytest.mark.only_plain
def test_in_a_week_every_alert_reaches_every_screen_once_and_is_answered_or_escalated(short_dir: Path) -> None:
    folder = short_dir / f"week-{SEED}"
    folder.mkdir()
    again = f"python -m tests.sim.weeks 1 {SEED} {FINDINGS} plays it again"
    assert broken(SEED, folder, findings=FINDINGS) == [], again
