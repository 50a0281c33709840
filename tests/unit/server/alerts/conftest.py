import pytest

from tests.unit.server.alerts.policy_rig import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()
