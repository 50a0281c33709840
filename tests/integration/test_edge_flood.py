import asyncio
import contextlib
from pathlib import Path

import pytest

from devices.wire.messages import Lane
from edge.carrier import EVENTS
from edge.core.health import Troubles
from edge.outbound import Outbound
from edge.outbox_thread import OutboxThread
from edge.own_clock import SystemClock

pytestmark = pytest.mark.integration


async def test_a_line_that_comes_up_is_noticed_however_much_else_happens(tmp_path: Path) -> None:
    """While the disk stands still news pile up. The line says only once that it is up: without it nothing is sent."""
    hello = asyncio.Event()
    outbox = OutboxThread(tmp_path / "outbox.db")
    outbound = Outbound("gw-one", outbox, SystemClock(), Troubles(), hello.set)
    try:
        await outbound.load()
        assert outbound.outbox_id is not None
        outbound.line_is_down()
        outbound.line_is_up()
        for _ in range(EVENTS + 1):
            outbound.committed(outbound.outbox_id, {Lane.BULK: 0})
        running = asyncio.create_task(outbound.run())
        await asyncio.wait_for(hello.wait(), 30)
        assert outbound.is_connected
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
    finally:
        await outbox.close()
