"""After an hour without a line, with 100,000 readings waiting: the alarms go first."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from devices.vocabulary import Event, EventType
from devices.wire.messages import Lane
from edge.core.delivery_words import Pace
from edge.outbox import Outbox
from server.roles.broker import EmbeddedBroker
from tests.integration.edge_contract_server import ContractServer
from tests.integration.edge_line_rig import DEVICE, NOW, SOS, running, spo2

pytestmark = pytest.mark.integration

WAITING = 100_000
ALARMS = 30  # more than one batch


def an_hour_without_a_line(path: Path) -> None:
    """The alarms came last."""
    outbox, an_hour_ago = Outbox(path), datetime.now(UTC) - timedelta(hours=1)
    for start in range(0, WAITING, 5_000):
        outbox.append([(Lane.BULK, spo2(start + i)) for i in range(5_000)], an_hour_ago)
    falls = [Event(device=DEVICE, type=EventType.FALL, occurred_at=NOW + timedelta(seconds=i)) for i in range(ALARMS)]
    outbox.append([(Lane.ALARM, fall) for fall in falls], an_hour_ago)
    outbox.close()


async def test_on_reconnect_every_alarm_is_there_before_readings_beyond_the_first_window(
    tmp_path: Path, broker: EmbeddedBroker, server: ContractServer
) -> None:
    an_hour_without_a_line(tmp_path / "outbox.db")
    pace = Pace()
    async with running(tmp_path, broker.port, pace=pace) as gateway:
        await server.until(lambda: server.marks[Lane.ALARM] == ALARMS)
        before = server.accepted.index(server.stored[Lane.ALARM, ALARMS]) - (ALARMS - 1)
        assert before <= pace.window * pace.live_rows
        await server.until(lambda: server.marks[Lane.BULK] > 10_000)
        assert server.marks[Lane.BULK] < WAITING
        before = len(server.accepted)
        await gateway.accept(SOS)  # in the middle of it all
        await server.until(lambda: SOS in server.accepted)
        assert server.accepted.index(SOS) - before <= 2 * pace.window * pace.backlog_rows
        assert server.marks[Lane.BULK] < WAITING
        await server.until(lambda: server.marks[Lane.BULK] == WAITING, limit_s=110)
        assert server.doubled == 0
