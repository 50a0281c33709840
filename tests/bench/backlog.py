"""An hour without a line, 100,000 readings waiting: how long until the alarm is at the broker, and until all is stored.

The real outbox, delivery and paho client, the embedded broker, and a small server that keeps the contract."""

import asyncio
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from devices.wire.messages import Lane
from edge.core.delivery_words import Pace
from edge.outbox import Outbox
from edge.uplink import LineUp
from server.roles.broker import EmbeddedBroker
from tests.integration.edge_contract_server import ContractServer
from tests.integration.edge_line_rig import NOW, SOS, running, spo2

WAITING = 100_000


def rows() -> list[tuple[str, ...]]:
    with tempfile.TemporaryDirectory(prefix="hvb-") as folder:
        place = Path(folder)
        _an_hour_without_a_line(place / "outbox.db")
        broker = EmbeddedBroker(place / "broker")
        broker.start()
        try:
            alarm_s, late_s, all_s = asyncio.run(_reconnect(place, broker.port))
        finally:
            broker.stop()
    return [
        ("100,000 readings wait, the line comes back", "measured", "target"),
        ("an alarm from before: stored after the line is up", f"{alarm_s * 1000:,.0f} ms", "under 1 s"),
        ("an alarm in the middle of the backlog: stored after", f"{late_s * 1000:,.0f} ms", "under 1 s"),
        ("all of it stored after", f"{all_s:.1f} s ({WAITING / all_s:,.0f} readings/s)", ""),
    ]


def _an_hour_without_a_line(path: Path) -> None:
    outbox, an_hour_ago = Outbox(path), datetime.now(UTC) - timedelta(hours=1)
    for start in range(0, WAITING, 5_000):
        outbox.append([(Lane.BULK, spo2(start + i)) for i in range(5_000)], an_hour_ago)
    outbox.append([(Lane.ALARM, SOS)], an_hour_ago)
    outbox.close()


async def _reconnect(folder: Path, port: int) -> tuple[float, float, float]:
    server = ContractServer(port)
    try:
        async with running(folder, port, pace=Pace()) as gateway:
            await gateway.until_line(LineUp)
            up_s = time.perf_counter()
            await server.until(lambda: server.marks[Lane.ALARM] == 1)
            alarm_s = time.perf_counter() - up_s
            await server.until(lambda: server.marks[Lane.BULK] > WAITING // 4)
            pressed_s = time.perf_counter()
            await gateway.accept(type(SOS)(device=SOS.device, type=SOS.type, occurred_at=NOW + timedelta(hours=1)))
            await server.until(lambda: server.marks[Lane.ALARM] == 2)
            late_s = time.perf_counter() - pressed_s
            await server.until(lambda: server.marks[Lane.BULK] == WAITING, limit_s=300)
            return alarm_s, late_s, time.perf_counter() - up_s
    finally:
        server.stop()
