import pytest

from tests.unit.server.alerts.concerns_rig import Ward
from tests.unit.server.alerts.policy_rig import Desk


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def ward() -> Ward:
    return Ward()
